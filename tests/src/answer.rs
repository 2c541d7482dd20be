//! The server's answers: the 101, and everything else.

use std::net::SocketAddr;

use crate::raw::{RawConn, show};

/// The exact bytes of a 101.
pub fn switching(observed: impl ToString, peer_addrs: impl ToString) -> String {
    let (observed, peer_addrs) = (observed.to_string(), peer_addrs.to_string());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nRdv-Observed-Addr: {observed}\r\n\
         Rdv-Peer-Addrs: {peer_addrs}\r\nUpgrade: rdv/1\r\n\r\n"
    )
}

/// A request as a client of this project writes it.
pub fn request(method: &str, target: &str, self_addrs: &str) -> String {
    format!(
        "{method} {target} HTTP/1.1\r\nHost: rdv.test\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n\
         Rdv-Self-Addrs: {self_addrs}\r\n\r\n"
    )
}

/// Both clients of a pair get their 101, byte for byte, each with the other's address.
///
/// # Panics
/// If they don't.
#[track_caller]
pub fn expect_matched(one: &mut RawConn, two: &mut RawConn) {
    let addrs: [SocketAddr; 2] = [one.local_addr(), two.local_addr()];
    one.expect(switching(addrs[0], addrs[1]));
    two.expect(switching(addrs[1], addrs[0]));
}

/// An error answer: its status, our code, and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The status.
    pub status: u16,
    /// `Rdv-Error`.
    pub code: String,
    /// The body.
    pub body: String,
}

impl Told {
    /// An answer to be expected.
    pub fn new(status: u16, code: &str, body: &str) -> Self {
        Told { status, code: code.to_owned(), body: body.to_owned() }
    }
}

/// Takes an error answer off the stream, and checks all that every such answer has: HTTP/1.1, the status's own
/// reason, one each of the headers, a Content-Length that is the body's.
///
/// # Panics
/// If something is wrong with it.
#[track_caller]
pub fn read_told(conn: &mut RawConn) -> Told {
    let head = conn.read_until("\r\n\r\n");
    let Ok(text) = String::from_utf8(head.clone()) else {
        panic!("the answer's head is not UTF-8: {}", show(&head));
    };
    let mut lines = text.trim_end().split("\r\n");
    let first = lines.next().unwrap_or_default();
    let headers: Vec<(String, &str)> = lines
        .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("not a header: {line:?} in {text:?}")))
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect();
    let header = |name: &str| match *headers.iter().filter(|(it, _)| it == name).collect::<Vec<_>>() {
        [(_, value)] => *value,
        ref all => panic!("expected one header {name}, got {} in {text:?}", all.len()),
    };

    let status = first.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.split_once(' '));
    let Some((status, reason)) = status.and_then(|(status, reason)| Some((status.parse().ok()?, reason)))
    else {
        panic!("not the status line of an HTTP/1.1 answer: {first:?}");
    };
    assert_eq!(reason, reason_of(status), "the reason of status {status}");
    let options: Vec<_> = header("connection").split(',').map(str::trim).collect();
    assert!(options.contains(&"close"), "no Connection: close in {text:?}");
    assert_eq!(header("content-type"), "text/plain; charset=utf-8", "in {text:?}");
    assert_eq!(header("x-content-type-options"), "nosniff", "in {text:?}");
    if status == 426 {
        assert_eq!(header("upgrade"), "rdv/1", "RFC 9110 section 15.5.22, in {text:?}");
    }
    let code = header("rdv-error").to_owned();
    let length = header("content-length").parse().unwrap_or_else(|err| panic!("{err} in {text:?}"));
    let mut body = Vec::new();
    while body.len() < length {
        match conn.read_once() {
            more if more.is_empty() => panic!("Content-Length is {length}, the body is {}", show(&body)),
            more => body.extend(more),
        }
    }
    assert_eq!(body.len(), length, "more than Content-Length: {}", show(&body));
    Told { status, code, body: String::from_utf8_lossy(&body).into_owned() }
}

/// The client is told `expected`, and then the stream ends by a FIN.
///
/// # Panics
/// If it is told anything else, or the connection stays open.
#[track_caller]
pub fn expect_told(conn: &mut RawConn, expected: &Told) {
    assert_eq!(&read_told(conn), expected);
    conn.expect_eof();
}

fn reason_of(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        408 => "Request Timeout",
        409 => "Conflict",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        other => panic!("a server of this project does not answer {other}"),
    }
}

/// The body of the 400 for a client that spoke before its time.
pub const NOT_IDLE: &str = "conn must idle while waiting for response header";
