//! As much of HTTP/1.1 as it takes to talk to a gateway: one request on a connection, one answer, of a bounded size.

use std::net::{Ipv4Addr, SocketAddrV4};

/// An `http` URL whose host is an IPv4 address. Gateways have no names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Its host and port.
    pub host: SocketAddrV4,
    /// Its path, with a query if it has one: printable ASCII that begins with a slash.
    pub path: String,
}

impl Url {
    /// Reads one; `None` for any other URL, and for what is longer than 1024 bytes.
    pub fn parse(text: &str) -> Option<Url> {
        let text = text.trim();
        let (scheme, rest) = text.split_at_checked(7)?;
        if !scheme.eq_ignore_ascii_case("http://") {
            return None;
        }
        let (host, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let host = host
            .parse()
            .or_else(|_| host.parse::<Ipv4Addr>().map(|ip| SocketAddrV4::new(ip, 80)))
            .ok()
            .filter(|host: &SocketAddrV4| host.port() != 0)?;
        Some(Url { host, path: checked(path)? })
    }

    /// What a link in a document from this URL means; `None` if it leads to another machine, or nowhere.
    pub fn join(&self, link: &str) -> Option<Url> {
        let link = link.trim();
        if link.contains("://") {
            return Url::parse(link).filter(|url| url.host.ip() == self.host.ip());
        }
        let folder = self.path.split('?').next().and_then(|path| path.rsplit_once('/')).map_or("", |it| it.0);
        let path = if link.starts_with('/') { checked(link) } else { checked(&format!("{folder}/{link}")) };
        Some(Url { host: self.host, path: path? })
    }
}

/// It goes into the head of a request, so it must not end a line.
fn checked(path: &str) -> Option<String> {
    let is_good = path.len() <= 1024 && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    is_good.then(|| path.to_owned())
}

/// The request for a document.
pub fn get(url: &Url) -> Vec<u8> {
    let Url { host, path } = url;
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").into_bytes()
}

/// A request that has this action done, which is described by this XML.
pub fn post(url: &Url, soap_action: &str, body: &str) -> Vec<u8> {
    let (Url { host, path }, len) = (url, body.len());
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nSOAPAction: \"{soap_action}\"\r\n\
         Content-Type: text/xml; charset=\"utf-8\"\r\nContent-Length: {len}\r\n\r\n"
    );
    (head + body).into_bytes()
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its body, put together again.
    pub body: Vec<u8>,
}

/// What has been received so far is no answer, and will not become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// The answer in what has been received, once it is complete. `at_end` says that nothing more comes.
///
/// # Errors
/// If it can't become one: not HTTP, cut short, or longer than [`MOST`].
pub fn answer(received: &[u8], at_end: bool) -> Result<Option<Answer>, Malformed> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let unfinished = || if at_end || received.len() >= MOST_RECEIVED { Err(Malformed) } else { Ok(None) };
    let httparse::Status::Complete(len) = response.parse(received).map_err(|_| Malformed)? else {
        return unfinished();
    };
    let (status, body) = (response.code.ok_or(Malformed)?, &received[len..]);
    let header = |name: &str| {
        let found = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.map(|header| str::from_utf8(header.value).map_err(|_| Malformed)).transpose()
    };
    if header("transfer-encoding")?.is_some_and(|coding| coding.trim().eq_ignore_ascii_case("chunked")) {
        let body = unchunked(body)?;
        return body.map_or_else(unfinished, |body| Ok(Some(Answer { status, body })));
    }
    let len = header("content-length")?.map(|len| len.trim().parse::<usize>().map_err(|_| Malformed));
    match len.transpose()? {
        Some(len) if len > MOST => Err(Malformed),
        Some(len) if len <= body.len() => Ok(Some(Answer { status, body: body[..len].to_vec() })),
        Some(_) => unfinished(),
        None if body.len() > MOST => Err(Malformed),
        None => Ok(at_end.then(|| Answer { status, body: body.to_vec() })),
    }
}

/// The chunks in one piece, once the last one is there.
fn unchunked(mut rest: &[u8]) -> Result<Option<Vec<u8>>, Malformed> {
    let mut body = Vec::new();
    loop {
        let httparse::Status::Complete((head, len)) =
            httparse::parse_chunk_size(rest).map_err(|_| Malformed)?
        else {
            return Ok(None);
        };
        let len = usize::try_from(len).map_err(|_| Malformed)?;
        if len == 0 {
            return Ok(Some(body));
        }
        if len > MOST - body.len() {
            return Err(Malformed);
        }
        let Some(chunk) = rest.get(head..head + len) else { return Ok(None) };
        body.extend_from_slice(chunk);
        // The CRLF behind it.
        let Some(next) = rest.get(head + len + 2..) else { return Ok(None) };
        rest = next;
    }
}

/// Of a body. Descriptions have some 5 KiB.
pub const MOST: usize = 64 << 10;
/// Of all that is received for one answer.
pub const MOST_RECEIVED: usize = 2 * MOST;
