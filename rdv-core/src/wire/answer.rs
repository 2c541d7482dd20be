//! The server's answer as it is written, and as the client understands it (rdv/1 section 2).

use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderValue, StatusCode};

use super::fields::Fields;
use super::{ERROR_CODE, HEADERS_MAX, OBSERVED_ADDR, PEER_ADDRS, PROTOCOL, lists, printable};
use crate::addr::{AddrListError, PeerAddrs, parse_addr, push_addr};

/// As much of a refusal's body is kept.
pub(crate) const BODY_MAX: usize = 1024;

/// The whole 101, to be sent in one write: in many, it costs the client a round trip.
pub(crate) fn switching_protocols(observed: SocketAddr, peer: &PeerAddrs) -> Bytes {
    let mut head = String::with_capacity(256);
    head.push_str("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nRdv-Observed-Addr: ");
    push_addr(&mut head, observed);
    head.push_str("\r\nRdv-Peer-Addrs: ");
    for (i, addr) in peer.iter().enumerate() {
        head.push_str(if i > 0 { ", " } else { "" });
        push_addr(&mut head, *addr);
    }
    head.push_str("\r\nUpgrade: ");
    head.push_str(PROTOCOL);
    head.push_str("\r\n\r\n");
    head.into()
}

/// A head that answers a request.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    reason: String,
    headers: HeaderMap,
}

/// What a 101 says.
#[derive(Clone, Debug)]
pub(crate) struct Switched {
    pub(crate) observed: Option<SocketAddr>,
    pub(crate) peer_addrs: PeerAddrs,
    pub(crate) headers: HeaderMap,
}

impl Answer {
    /// No 101 that the client takes is shorter: each part at its least, with bare LFs.
    pub(crate) const SHORTEST: usize = "HTTP/1.1 101\nConnection:upgrade\nUpgrade:rdv/1\n\n".len();

    pub(crate) fn parse(head: &[u8]) -> Result<Answer, BadAnswer> {
        let head = &Bytes::copy_from_slice(head);
        let mut fields = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut parsed = httparse::Response::new(&mut fields);
        match parsed.parse(head) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => {
                return Err(BadAnswer::Malformed("the head is not complete".into()));
            }
            Err(httparse::Error::TooManyHeaders) => return Err(BadAnswer::TooLarge),
            Err(err) => return Err(BadAnswer::Malformed(err.to_string())),
        }
        let malformed = |what: &str| BadAnswer::Malformed(what.to_owned());
        Ok(Answer {
            status: StatusCode::from_u16(parsed.code.unwrap_or_default())
                .map_err(|_| malformed("invalid status"))?,
            reason: parsed.reason.unwrap_or_default().to_owned(),
            headers: Fields(parsed.headers).to_map(head).ok_or_else(|| malformed("invalid header"))?,
        })
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The words behind the status, as they came.
    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }

    /// Whether another head follows this one (RFC 9110 section 15.2).
    pub(crate) fn is_interim(&self) -> bool {
        self.status.is_informational() && !self.is_switch()
    }

    pub(crate) fn is_switch(&self) -> bool {
        self.status == StatusCode::SWITCHING_PROTOCOLS
    }

    /// The headers of a plain 200.
    pub(super) fn succeeded(&self) -> Option<&HeaderMap> {
        (self.status == StatusCode::OK).then_some(&self.headers)
    }

    /// How many bytes of body are worth reading; fewer if the stream ends.
    pub(crate) fn body_len(&self) -> usize {
        if matches!(self.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            return 0;
        }
        let length = self.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        length.unwrap_or(BODY_MAX).min(BODY_MAX)
    }

    /// What a 101 says. Both address headers may be missing.
    pub(crate) fn into_switched(self) -> Result<Switched, BadAnswer> {
        if !lists(&self.headers, CONNECTION, UPGRADE.as_str()) {
            return Err(BadAnswer::NotAnUpgrade);
        }
        if !lists(&self.headers, UPGRADE, PROTOCOL) {
            return Err(match self.headers.get(UPGRADE) {
                Some(got) => BadAnswer::BadUpgrade(printable(&text_of(got), 100)),
                None => BadAnswer::NoUpgrade,
            });
        }
        let observed = match self.headers.get(OBSERVED_ADDR).map(text_of) {
            Some(text) => {
                Some(parse_addr(&text).ok_or_else(|| BadAnswer::BadObservedAddr(printable(&text, 100)))?)
            }
            None => None,
        };
        let peer_addrs = self.headers.get(PEER_ADDRS).map(text_of).unwrap_or_default();
        let peer_addrs = peer_addrs.parse().map_err(BadAnswer::BadPeerAddrs)?;
        Ok(Switched { observed, peer_addrs, headers: self.headers })
    }

    /// As an HTTP stack has it.
    pub(super) fn into_response(self, body: Bytes) -> http::Response<Bytes> {
        let mut response = http::Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }

    /// Anything but a 101, with what came of its body.
    pub(crate) fn into_refusal(self, body: Vec<u8>) -> Refusal {
        let chunked = lists(&self.headers, TRANSFER_ENCODING, "chunked");
        let body = if chunked { unchunked(&body) } else { body };
        Refusal { status: self.status, reason: self.reason, headers: self.headers, body }
    }
}

/// An answer by which the server refused, for whatever reason it gives.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// The words behind the status, perhaps none.
    pub reason: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The first KiB of the body, as far as it came.
    pub body: Vec<u8>,
}

impl Refusal {
    /// The machine-readable reason that servers of this project give, such as `no-peer`.
    pub fn code(&self) -> Option<&str> {
        self.headers.get(ERROR_CODE)?.to_str().ok()
    }

    /// The body's first 200 characters as text that can be shown and logged: controls are escaped.
    pub fn text(&self) -> String {
        printable(String::from_utf8_lossy(&self.body).trim(), 200)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.reason.as_str() {
            "" => self.status.canonical_reason().unwrap_or_default(),
            reason => reason,
        };
        write!(f, "{} {}", self.status.as_str(), printable(reason, 100))?;
        match self.text() {
            text if text.is_empty() => Ok(()),
            text => write!(f, ": {text}"),
        }
    }
}

/// Why an answer is no rdv/1 answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadAnswer {
    /// Not HTTP.
    Malformed(String),
    /// A head of more than 16 KiB or 64 headers, or too many interim answers.
    TooLarge,
    /// A 101 whose `Connection` does not list `upgrade`.
    NotAnUpgrade,
    /// A 101 without `Upgrade`.
    NoUpgrade,
    /// A 101 to some other protocol.
    BadUpgrade(String),
    /// `Rdv-Observed-Addr` is no address.
    BadObservedAddr(String),
    /// `Rdv-Peer-Addrs` is no list of at most 10 addresses.
    BadPeerAddrs(AddrListError),
}

impl fmt::Display for BadAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadAnswer::Malformed(why) => write!(f, "the answer is not HTTP/1.1: {why}"),
            BadAnswer::TooLarge => f.write_str("the answer's head is too large"),
            BadAnswer::NotAnUpgrade => f.write_str("the 101 lacks Connection: upgrade"),
            BadAnswer::NoUpgrade => f.write_str("the 101 lacks an Upgrade header"),
            BadAnswer::BadUpgrade(got) => write!(f, "the 101 is an upgrade to \"{got}\", not to {PROTOCOL}"),
            BadAnswer::BadObservedAddr(got) => write!(f, "the 101 has a bad observed address \"{got}\""),
            BadAnswer::BadPeerAddrs(err) => write!(f, "the 101 has bad peer addresses: {err}"),
        }
    }
}

impl std::error::Error for BadAnswer {}

fn text_of(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// As much as can be made of the beginning of a chunked body (RFC 9112 section 7.1).
fn unchunked(mut raw: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(httparse::Status::Complete((start, len))) = httparse::parse_chunk_size(raw) {
        let chunk = &raw[start..];
        let len = usize::try_from(len).unwrap_or(usize::MAX).min(chunk.len());
        if len == 0 {
            break;
        }
        body.extend_from_slice(&chunk[..len]);
        raw = chunk[len..].strip_prefix(b"\r\n").unwrap_or_default();
    }
    body
}
