//! A server's front against whatever comes first from a proxy that it trusts.

use std::net::SocketAddr;
use std::time::Instant;

use rdv_core::{Cidr, Input, Intent, Lobby, LobbyConfig, LobbyEvent, Output, Reason, TlsStart};

use crate::stream::{Stream, whatever_the_cut};

/// The first byte says how the stream is cut into reads, the rest is what comes, behind which TLS would begin.
///
/// A PROXY header is read up to its end, by the plain definition of that, and no further. Of anything else no more is read
/// than the shortest PROXY header has, and TLS is given all of that.
pub fn proxy_header(input: &[u8]) {
    let [cut, stream @ ..] = input else {
        return;
    };
    let verdict = whatever_the_cut(stream, *cut, |it| in_lobby(it, stream));
    match (verdict, end_of_header(stream)) {
        (Verdict::Header { read }, Some(end)) => {
            assert_eq!(read, end, "read of a stream whose header has {end} bytes");
        }
        (Verdict::Other, None) => {}
        (Verdict::Refused(why), _) => assert!(!why.contains(char::is_control), "controls in {why:?}"),
        (Verdict::Gone, _) => assert!(stream.is_empty(), "a proxy that has said something"),
        (verdict, end) => panic!("{verdict:?}, but a header would end at {end:?}"),
    }
}

#[derive(Debug, PartialEq)]
enum Verdict {
    Header {
        read: usize,
    },
    /// How much is read until that is known depends on the cut.
    Other,
    Refused(String),
    Gone,
}

fn in_lobby(mut stream: Stream<'_>, all: &[u8]) -> Verdict {
    let now = Instant::now();
    let mut config = LobbyConfig::default();
    let trusted: Cidr = "10.0.0.0/8".parse().expect("a network");
    config.trusted_proxies.push(trusted);
    let mut lobby = Lobby::new(config);
    let proxy: SocketAddr = "10.0.0.1:1".parse().expect("an address");
    let (conn, start) = lobby.handle_accept_tls(now, proxy);
    assert_eq!(start, TlsStart::WhenTold);
    loop {
        match lobby.poll_output() {
            Output::Intent(Intent::Read { max, .. }) => {
                assert!(max.get() <= HEAD_MAX, "a read of {max} bytes");
                lobby.handle_input(now, Input::Read(conn, stream.next(max)));
            }
            Output::Intent(Intent::Secure { early, .. }) if early.is_empty() => {
                return Verdict::Header { read: stream.read };
            }
            Output::Intent(Intent::Secure { early, .. }) => {
                assert_eq!(early, all[..stream.read], "TLS does not get what was read");
                assert!(early.len() <= SHORTEST, "{} bytes were read of what is no header", early.len());
                return Verdict::Other;
            }
            Output::Event(LobbyEvent::Left { reason: Reason::Rejected(reject), .. }) => {
                assert!(stream.read <= HEAD_MAX, "{} bytes were read", stream.read);
                return Verdict::Refused(reject.to_string());
            }
            Output::Event(LobbyEvent::Left { reason: Reason::Gone, .. }) => return Verdict::Gone,
            output @ (Output::Intent(_) | Output::Event(_) | Output::Wait(_)) => {
                panic!("no answer is due, but {output:?}")
            }
        }
    }
}

/// Where a header ends, if the stream begins with a whole one, however good it is.
fn end_of_header(stream: &[u8]) -> Option<usize> {
    if stream.starts_with(b"PROXY ") {
        let end = stream.windows(2).position(|bytes| bytes == b"\r\n")? + 2;
        return (end <= 107).then_some(end);
    }
    let rest = stream.strip_prefix(b"\r\n\r\n\0\r\nQUIT\n")?;
    let end = 16 + usize::from(u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]));
    (end <= stream.len()).then_some(end)
}

const SHORTEST: usize = "PROXY UNKNOWN\r\n".len();
const HEAD_MAX: usize = 16 * 1024;
