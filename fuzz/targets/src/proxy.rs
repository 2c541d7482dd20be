//! A client against whatever a proxy answers.

use rdv_core::{AddrSpaces, ConnectError, Event, Proxy, Role, SelfAddrs};

use crate::answer_head::last_head;
use crate::client::{Client, attempt};
use crate::stream::{Stream, whatever_the_cut};

/// The first byte says of what kind the proxy is, the second how the stream is cut into reads, the rest is what the
/// proxy sends, and behind it the server.
///
/// A client that gets as far as the server has read up to the end of what the proxy has to say, by the plain definition
/// of that; and one that gets through it all, up to the end of the server's 101. No password is shown.
pub fn proxy(input: &[u8]) {
    let [kind, cut, stream @ ..] = input else {
        return;
    };
    let (is_socks, is_locked, is_tls) = (kind & 1 != 0, kind & 2 != 0, kind & 4 != 0);
    let scheme = if is_socks { "socks5" } else { "http" };
    let credentials = if is_locked { "me:hunter2@" } else { "" };
    let proxy: Proxy = format!("{scheme}://{credentials}proxy.example").parse().expect("a URL");
    let verdict = whatever_the_cut(stream, *cut, |stream| through(&proxy, is_tls, stream));
    let end = if is_socks { end_of_socks(stream, is_locked) } else { end_of_connect(stream) };
    match (verdict, end) {
        (Verdict::Selected { read }, Some(end)) => {
            let head = last_head(&stream[end..]).expect("a connection is selected without an answer");
            assert_eq!(read, end + head.end, "read of a stream in which the proxy's part ends at {end}");
        }
        (Verdict::Server, Some(_)) | (Verdict::Fault(_), None) => {}
        (verdict, end) => panic!("{verdict:?}, but the proxy's part ends at {end:?}"),
    }
}

#[derive(Debug, PartialEq)]
enum Verdict {
    Selected {
        read: usize,
    },
    Fault(String),
    /// It was reached, and something was wrong with it.
    Server,
}

fn through(proxy: &Proxy, is_tls: bool, stream: Stream<'_>) -> Verdict {
    let mut attempt = attempt(Role::Dial, &"tok".parse().expect("a token"), SelfAddrs::default());
    if is_tls {
        attempt.url = "https://rdv.example".parse().expect("a URL");
    }
    let mut client = Client::through(Some(proxy.clone()), &attempt, AddrSpaces::NONE, stream);
    let event = client.run();
    let shown = format!("{event:?}");
    assert!(!shown.contains("hunter2"), "the password is in {shown}");
    let (_, stream) = client.heard.pop_first().expect("the proxy was dialled");
    match event {
        Event::Selected(_) => Verdict::Selected { read: stream.read },
        Event::Failed(failure) => match failure.error {
            ConnectError::Proxy { fault, .. } => {
                assert!(stream.read <= READ_MAX, "{} bytes were read", stream.read);
                let text = fault.to_string();
                assert!(!text.contains(char::is_control), "controls in {text:?}");
                Verdict::Fault(text)
            }
            ConnectError::NoAnswer
            | ConnectError::BadAnswer(_)
            | ConnectError::Refused(_)
            | ConnectError::PeerGone => Verdict::Server,
            error @ (ConnectError::Unreachable { .. }
            | ConnectError::NotSecured(_)
            | ConnectError::ServerLost(_)
            | ConnectError::ChosenLost(_)
            | ConnectError::TimedOut(_)
            | _) => panic!("not to be had by answers alone: {error:?}"),
        },
        event => panic!("unknown event {event:?}"),
    }
}

/// Where the server's bytes begin behind the answer to CONNECT, if that is a good one.
fn end_of_connect(stream: &[u8]) -> Option<usize> {
    let last = last_head(stream)?;
    let is_good = last.answered.response.status().is_success() && last.interim <= INTERIM_MAX;
    is_good.then_some(last.end)
}

/// Where the server's bytes begin behind what a SOCKS5 proxy says, if that is all good.
fn end_of_socks(stream: &[u8], is_locked: bool) -> Option<usize> {
    let (proof, reply) = match stream {
        [5, 0, reply @ ..] => (0, reply),
        [5, 2, _, 0, reply @ ..] if is_locked => (2, reply),
        _ => return None,
    };
    let address = match reply {
        [5, 0, _, 1, ..] => 4,
        [5, 0, _, 3, len, ..] => 1 + usize::from(*len),
        [5, 0, _, 4, ..] => 16,
        _ => return None,
    };
    let len = 4 + address + 2;
    (reply.len() >= len).then_some(2 + proof + len)
}

const INTERIM_MAX: usize = 8;
/// Interim heads, and one that has no end.
const READ_MAX: usize = (INTERIM_MAX + 1) * (crate::head::HEAD_MAX + 64);
