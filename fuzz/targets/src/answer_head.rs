//! A client against whatever a server answers.

use std::net::SocketAddr;
use std::time::Instant;

use rdv_core::http::{StatusCode, header::TRANSFER_ENCODING};
use rdv_core::{
    AddrSpaces, Answered, ConnectError, Event, Intent, LobbyConfig, Output, PeerAddrs, Role, SelfAddrs, Token,
};

use crate::client::{Client, SERVER, attempt};
use crate::head::{HEAD_MAX, Head, head_of};
use crate::pair::{Asks, pair};
use crate::stream::{Stream, whatever_the_cut};

/// The first byte says who listens, the second how the stream is cut into reads, the rest is what the server sends:
/// heads, and to an accepter then the relayed command.
///
/// A dialer that takes a 101 has read up to its end, an accepter up to that of the command. A refusal is understood
/// as the one that it is by the plain definition of a head, and nothing else is taken for an answer.
pub fn answer_head(input: &[u8]) {
    let [who, cut, stream @ ..] = input else {
        return;
    };
    let role = if who % 2 == 0 { Role::Dial } else { Role::Accept };
    let verdict = whatever_the_cut(stream, *cut, |stream| in_client(role, stream));
    let last = last_head(stream);
    match verdict {
        Verdict::Selected { observed, peer_addrs, read } => {
            let last = last.expect("a connection is selected without an answer");
            assert_eq!(last.answered.response.status(), StatusCode::SWITCHING_PROTOCOLS, "taken for a 101");
            let line = stream[last.end..].iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let command = if role == Role::Dial { 0 } else { line };
            assert_eq!(read, last.end + command, "read of a stream whose last head ends at {}", last.end);
            check_coming_back(observed, peer_addrs);
        }
        Verdict::Refused { status, body, text } => {
            let last = last.expect("a refusal is understood without an answer");
            assert_eq!(last.answered.response.status(), status, "the status of a refusal");
            let chunked = last.answered.response.headers().contains_key(TRANSFER_ENCODING);
            assert!(chunked || stream[last.end..].starts_with(&body), "the body is not what was sent");
            assert!(body.len() <= BODY_MAX, "{} bytes of a body are kept", body.len());
            assert!(!text.contains(char::is_control), "controls in {text:?}");
        }
        Verdict::PeerGone => {
            let status = last.map(|last| last.answered.response.status());
            assert_eq!(status, Some(StatusCode::SWITCHING_PROTOCOLS), "the answer to a client that raced");
        }
        Verdict::NoAnswer => assert!(stream.is_empty() || stream.ends_with(b"\n"), "taken for no answer"),
        Verdict::BadAnswer(why) => {
            let good = last.filter(|last| !last.answered.switches && last.interim <= INTERIM_MAX);
            assert!(good.is_none(), "a refusal is not understood: {why}");
        }
    }
}

#[derive(Debug, PartialEq)]
enum Verdict {
    Selected { observed: Option<SocketAddr>, peer_addrs: PeerAddrs, read: usize },
    Refused { status: StatusCode, body: Vec<u8>, text: String },
    PeerGone,
    NoAnswer,
    BadAnswer(String),
}

fn in_client(role: Role, stream: Stream<'_>) -> Verdict {
    let mut client = Client::new(&attempt(role, &token(), SelfAddrs::default()), AddrSpaces::NONE, stream);
    let event = client.run();
    let (conn, stream) = client.heard.pop_first().expect("the server was dialled");
    assert!(stream.read <= READ_MAX, "{} bytes were read", stream.read);
    assert!(stream.asked <= LINE_MAX, "one read asked for {} bytes", stream.asked);
    match event {
        Event::Selected(selected) => {
            let told = client.written[&conn].ends_with(b"CONTINUE\n");
            assert_eq!(told, role == Role::Dial, "a dialer, and it alone, says that it continues");
            let (observed, peer_addrs) = (selected.meta.observed, selected.meta.peer_addrs);
            Verdict::Selected { observed, peer_addrs, read: stream.read }
        }
        Event::Failed(failure) => match failure.error {
            ConnectError::Refused(refusal) => {
                let text = refusal.to_string();
                Verdict::Refused { status: refusal.status, body: refusal.body, text }
            }
            ConnectError::PeerGone => Verdict::PeerGone,
            ConnectError::NoAnswer => Verdict::NoAnswer,
            ConnectError::BadAnswer(why) => Verdict::BadAnswer(why.to_string()),
            error @ (ConnectError::Unreachable { .. }
            | ConnectError::Proxy { .. }
            | ConnectError::NotSecured(_)
            | ConnectError::ServerLost(_)
            | ConnectError::ChosenLost(_)
            | ConnectError::TimedOut(_)
            | _) => panic!("not to be had by an answer alone: {error:?}"),
        },
        event => panic!("unknown event {event:?}"),
    }
}

/// The first answer that is not an interim one.
pub(crate) struct LastHead {
    pub(crate) answered: Answered,
    /// How many interim ones come before it.
    pub(crate) interim: usize,
    pub(crate) end: usize,
}

pub(crate) fn last_head(stream: &[u8]) -> Option<LastHead> {
    let (mut end, mut interim) = (0, 0);
    while let Head::Whole(head) = head_of(&stream[end..]) {
        end += head.len();
        // It is CRLF that an HTTP stack knows.
        let text = |line: &'_ [u8]| line.len() - if line.ends_with(b"\r\n") { 2 } else { 1 };
        let lines = head.split_inclusive(|byte| *byte == b'\n').map(|line| &line[..text(line)]);
        let head = lines.flat_map(|line| [line, b"\r\n"]).collect::<Vec<_>>().concat();
        let answered = Answered::parse(&head)?;
        if answered.switches || !answered.response.status().is_informational() {
            return Some(LastHead { answered, interim, end });
        }
        interim += 1;
    }
    None
}

/// A server that has the same to say is understood.
fn check_coming_back(observed: Option<SocketAddr>, peer_addrs: PeerAddrs) {
    assert_eq!(peer_addrs.to_string().parse(), Ok(peer_addrs.clone()), "a list of addresses as text");
    let Some((peer, others)) = peer_addrs.split_first() else {
        return;
    };
    let now = Instant::now();
    let dialer = Asks { remote: observed.unwrap_or(SERVER), ..Asks::default() };
    let self_addrs = SelfAddrs::new(others.iter().copied()).expect("all but one");
    let accepter = Asks { remote: *peer, self_addrs };
    let mut matched = pair(now, &dialer, &accepter, Role::Accept, LobbyConfig::default());
    let Output::Intent(Intent::Write { conn, data }) = matched.relay.poll_output() else {
        panic!("a pair is not answered");
    };
    assert_eq!(conn, matched.dialer, "whoever is answered first");
    let Verdict::Selected { observed: seen, peer_addrs: told, read } =
        in_client(Role::Dial, Stream::new(&data, usize::MAX))
    else {
        panic!("the answer of a server is not understood: {}", data.escape_ascii());
    };
    assert_eq!((seen, told, read), (Some(dialer.remote), peer_addrs, data.len()), "{}", data.escape_ascii());
}

fn token() -> Token {
    "tok".parse().expect("a token")
}

/// Of a refusal's body, as much is kept.
const BODY_MAX: usize = 1024;
const LINE_MAX: usize = 4096;
const INTERIM_MAX: usize = 8;
/// All heads, then a body or a line.
const READ_MAX: usize = (INTERIM_MAX + 1) * (HEAD_MAX + 64) + LINE_MAX;
