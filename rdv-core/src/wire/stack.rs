//! For a server that is mounted in an HTTP stack, which reads requests and writes answers itself: the machines speak
//! bytes, the stack speaks the http crate's types.

use bytes::{Bytes, BytesMut};
use http::{Response, request};

use super::answer::Answer;
use super::{Reject, Request};

impl Request {
    /// The head of a request that an HTTP stack has taken apart, to be fed to a [`Lobby`](crate::Lobby) as a
    /// connection's first bytes.
    ///
    /// What the stack has changed stays changed, such as a path whose prefix is stripped.
    ///
    /// ```
    /// let (parts, ()) = http::Request::get("/tok?x=1").header("host", "h").body(()).unwrap().into_parts();
    /// assert_eq!(rdv_core::Request::head(&parts), "GET /tok?x=1 HTTP/1.1\r\nhost: h\r\n\r\n");
    /// ```
    pub fn head(parts: &request::Parts) -> Bytes {
        let request::Parts { method, uri, version, headers, .. } = parts;
        let mut head = BytesMut::from(format!("{method} {uri} {version:?}\r\n").as_bytes());
        for (name, value) in headers {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                head.extend_from_slice(part);
            }
        }
        head.extend_from_slice(b"\r\n");
        head.freeze()
    }
}

/// The first that a server's machine writes on a connection, as an HTTP stack sends it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answered {
    /// The response, with its whole body.
    pub response: Response<Bytes>,
    /// Whether the connection is the machine's from here on: an upgrade. Otherwise nothing more is written.
    pub switches: bool,
}

impl Answered {
    /// Takes apart the data of a connection's first [`Write`](crate::Intent::Write). `None` if it is of no machine.
    pub fn parse(written: &[u8]) -> Option<Answered> {
        let end = written.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
        let (head, body) = written.split_at(end);
        let answer = Answer::parse(head).ok()?;
        let switches = answer.is_switch();
        Some(Answered { response: answer.into_response(Bytes::copy_from_slice(body)), switches })
    }
}

impl Reject {
    /// The answer, for what an HTTP stack refuses before a machine has seen it.
    pub fn to_response(&self) -> Response<Bytes> {
        let mut refused = Response::default();
        *refused.status_mut() = self.status();
        Answered::parse(&self.encode()).map_or(refused, |answered| answered.response)
    }
}
