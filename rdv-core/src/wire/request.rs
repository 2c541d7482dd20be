//! The request: one upgrade that asks the server for a peer (rdv/1 section 1).

use std::fmt;
use std::mem::MaybeUninit;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, UPGRADE};

use super::fields::Fields;
use super::proxy_header::may_be_proxy_header;
use super::{
    AttemptId, HEAD_LIMIT, HEADERS_MAX, Headers, Observe, PROTOCOL, Reject, RequestHeaders, SELF_ADDRS,
    ServerUrl, Visit, printable, push_headers,
};
use crate::addr::{AddrListError, SelfAddrs};
use crate::token::{Token, unescape};

/// Which of the two peers a client is. They differ in who picks the connection: the dialer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Picks the connection.
    Dial,
    /// Takes the connection that the dialer picked.
    Accept,
}

impl Role {
    /// The peer's role.
    pub fn other(self) -> Role {
        match self {
            Role::Dial => Role::Accept,
            Role::Accept => Role::Dial,
        }
    }

    /// The HTTP method of the request, and the second word of the line on a direct connection.
    pub(crate) fn method(self) -> &'static str {
        match self {
            Role::Dial => "DIAL",
            Role::Accept => "ACCEPT",
        }
    }

    fn of_method(method: &str) -> Option<Role> {
        [Role::Dial, Role::Accept].into_iter().find(|role| role.method() == method)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.method())
    }
}

/// A request as the server understands it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Request {
    /// The client's role: its method.
    pub role: Role,
    /// What it is to be matched by.
    pub token: Token,
    /// Where it says it can be reached.
    pub self_addrs: SelfAddrs,
    /// All headers, the protocol's own included.
    pub headers: RequestHeaders,
    /// By which a second opinion on its address knows it.
    pub(crate) attempt: Option<AttemptId>,
}

/// What a client may ask.
#[derive(Debug)]
pub(crate) enum Asked {
    /// For its peer.
    Peer(Request),
    /// For its address.
    Addr(Observe),
    /// What this server is.
    Page(Visit),
}

impl Request {
    /// Reads a whole head, of 64 KiB at most; the error is what the client is to be answered.
    ///
    /// ```
    /// use rdv_core::{Request, Role};
    /// let head = "DIAL /a%2Fb?x=1 HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n\r\n";
    /// let request = Request::parse(head.as_bytes()).unwrap();
    /// assert_eq!((request.role, request.token.as_bytes()), (Role::Dial, &b"a/b"[..]));
    /// ```
    pub fn parse(head: &[u8]) -> Result<Request, Reject> {
        match Asked::parse(head)? {
            Asked::Peer(request) => Ok(request),
            Asked::Addr(_) | Asked::Page(_) => Err(Reject::NotAnUpgrade),
        }
    }

    /// The whole request, to be sent in one write.
    pub(crate) fn encode(
        role: Role,
        url: &ServerUrl,
        token: &Token,
        selfs: &SelfAddrs,
        attempt: Option<AttemptId>,
        extra: &Headers,
    ) -> Bytes {
        let mut head = format!(
            "{role} {} HTTP/1.1\r\nHost: {}\r\nConnection: upgrade\r\nUpgrade: {PROTOCOL}\r\nRdv-Self-Addrs: {selfs}\r\n",
            url.target(token),
            url.authority(),
        )
        .into_bytes();
        if let Some(attempt) = attempt {
            head.extend_from_slice(format!("Rdv-Attempt: {attempt}\r\n").as_bytes());
        }
        push_headers(&mut head, extra);
        head.into()
    }
}

impl Asked {
    /// So much is read of a head at once. Most are shorter; what stands behind it is kept.
    pub(crate) const AT_ONCE: usize = 2048;

    /// Reads a whole head; the error is what the client is to be answered.
    pub(crate) fn parse(head: &[u8]) -> Result<Asked, Reject> {
        if may_be_proxy_header(head) {
            return Err(Reject::UntrustedProxy);
        }
        if head.len() > HEAD_LIMIT {
            return Err(Reject::HeadTooLarge(HEAD_LIMIT));
        }
        let mut fields = [const { MaybeUninit::uninit() }; HEADERS_MAX];
        let mut parsed = httparse::Request::new(&mut []);
        match parsed.parse_with_uninit_headers(head, &mut fields) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => {
                return Err(Reject::Malformed("the head is not complete".into()));
            }
            Err(httparse::Error::TooManyHeaders) => return Err(Reject::TooManyHeaders),
            Err(httparse::Error::Version) => return Err(bad_version(head)),
            Err(err) => return Err(Reject::Malformed(err.to_string())),
        }
        let fields = Fields(parsed.headers);
        if parsed.version == Some(1) && fields.only(HOST.as_str()).is_none() {
            return Err(Reject::Host);
        }
        let token = token_of(parsed.path.unwrap_or_default())?;

        let method = parsed.method.unwrap_or_default();
        if let Some(visit) = Visit::of(method, &token, parsed.version, fields) {
            return Ok(Asked::Page(visit));
        }
        // A proxy in front may have set `Connection` as it does for every request.
        let asks_for_addr = method == Observe::METHOD && !fields.has(UPGRADE.as_str());
        if !asks_for_addr {
            check_upgrade(fields)?;
        }
        if parsed.version != Some(1) {
            return Err(Reject::BadVersion("HTTP/1.0".into()));
        }
        check_framing(fields)?;
        let token = Token::on_server(&token).map_err(|_| Reject::EmptyToken)?;
        let attempt = AttemptId::in_fields(fields);
        let headers = RequestHeaders::new(head, fields);
        if asks_for_addr {
            return Ok(Asked::Addr(Observe { token, attempt, headers }));
        }
        let role = Role::of_method(method).ok_or_else(|| Reject::BadMethod(printable(method, 100)))?;
        let self_addrs = self_addrs_of(fields)?;
        Ok(Asked::Peer(Request { role, token, self_addrs, headers, attempt }))
    }
}

fn check_upgrade(fields: Fields<'_>) -> Result<(), Reject> {
    if !fields.lists(CONNECTION.as_str(), UPGRADE.as_str()) {
        return Err(Reject::NotAnUpgrade);
    }
    if fields.lists(UPGRADE.as_str(), PROTOCOL) {
        return Ok(());
    }
    Err(match fields.first(UPGRADE.as_str()) {
        Some(got) => Reject::BadUpgrade(printable(&got.escape_ascii().to_string(), 100)),
        None => Reject::NoUpgrade,
    })
}

/// No request has a body: behind its head stands what the application's peer says, or the next question. Whoever takes that
/// for a body, or the reverse, can be made to mistake one client's bytes for another's request (RFC 9112 section 11.2).
fn check_framing(fields: Fields<'_>) -> Result<(), Reject> {
    if fields.has(TRANSFER_ENCODING.as_str()) {
        return Err(Reject::HasBody);
    }
    let mut lengths = fields.all(CONTENT_LENGTH.as_str());
    match (lengths.next(), lengths.next()) {
        (None, _) => Ok(()),
        (Some(length), None) if !length.is_empty() && length.iter().all(u8::is_ascii_digit) => {
            if length.iter().all(|digit| *digit == b'0') { Ok(()) } else { Err(Reject::HasBody) }
        }
        (Some(_), _) => Err(Reject::Malformed("Content-Length is not one number".into())),
    }
}

/// The token's bytes, perhaps none: the decoded path less one leading slash. A query is dropped.
fn token_of(target: &str) -> Result<Vec<u8>, Reject> {
    let path = match target.split_once("://") {
        // Absolute form, RFC 9112 section 3.2.2: the authority does not matter here.
        Some((scheme, rest)) if ["http", "https"].iter().any(|it| scheme.eq_ignore_ascii_case(it)) => {
            &rest[rest.find('/').unwrap_or(rest.len())..]
        }
        _ if target.starts_with('/') => target,
        _ => return Err(Reject::Malformed("the request target must be a path, such as /token".into())),
    };
    let path = path.split('?').next().unwrap_or_default();
    let escaped = path.strip_prefix('/').unwrap_or(path);
    unescape(escaped.as_bytes()).map_err(|err| Reject::Malformed(err.to_string()))
}

fn self_addrs_of(fields: Fields<'_>) -> Result<SelfAddrs, Reject> {
    let Some(value) = fields.first(SELF_ADDRS) else {
        return Ok(SelfAddrs::default());
    };
    let text = String::from_utf8_lossy(value);
    text.parse().map_err(|err| match err {
        AddrListError::TooMany { .. } => Reject::TooManySelfAddrs(printable(&text, 200)),
        AddrListError::Invalid { .. } => Reject::BadSelfAddrs(printable(&text, 200)),
    })
}

/// A version that httparse does not know, read from the end of the first line.
fn bad_version(head: &[u8]) -> Reject {
    let line = head.split(|b| *b == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    let version = line.trim_ascii_end().rsplit(|b| *b == b' ').next().unwrap_or_default();
    match version.strip_prefix(b"HTTP/") {
        // The version is fine, so it is what stands before it that made httparse look for it too early.
        Some(b"1.0" | b"1.1") => Reject::Malformed("the request target must not have a space".into()),
        Some([b'1', b'.', minor @ b'0'..=b'9']) => Reject::BadVersion(format!("HTTP/1.{}", *minor as char)),
        Some([b'0'..=b'9', b'.', b'0'..=b'9']) => Reject::VersionNotSupported,
        _ => Reject::Malformed("the first line must end in HTTP/1.1".into()),
    }
}
