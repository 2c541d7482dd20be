//! Both ends of the handshake against whatever a stranger sends, cut into reads in whatever way.
//!
//! The first byte of the input says who listens, the second how long the reads are; the rest is what comes. The
//! machines must neither panic nor take a byte that belongs to what follows, and must come to the same verdict
//! whatever the cut.

#![no_main]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use rdv_core::{
    AddrSpaces, Attempt, Config, Connector, Event, Input, Intent, Lobby, LobbyConfig, LobbyEvent, Output, Reason,
    Request, Role, SelfAddrs,
};

fuzz_target!(|input: &[u8]| {
    let [who, cut, stream @ ..] = input else {
        return;
    };
    let listen = match who % 3 {
        0 => lobby,
        1 => dialer,
        _ => accepter,
    };
    let in_one_go = listen(stream, usize::MAX);
    assert_eq!(in_one_go, listen(stream, usize::from(*cut).max(1)), "the verdict depends on the cut");
});

/// What came of a stream, and how much of it was read.
type Verdict = (String, usize);

fn lobby(stream: &[u8], cut: usize) -> Verdict {
    let now = Instant::now();
    let mut lobby = Lobby::new(LobbyConfig::default());
    let conn = lobby.handle_accept(now, remote());
    let mut read = 0;
    loop {
        match lobby.poll_output() {
            Output::Intent(Intent::Read { max, .. }) => {
                let data = next(stream, &mut read, max.get().min(cut));
                lobby.handle_input(now, Input::Read(conn, data));
            }
            Output::Intent(_) => {}
            Output::Event(LobbyEvent::Left { reason, .. }) => {
                // Of a request that is no good, what was read behind it does not matter; of a good one it does.
                if let (Reason::Rejected(_), Some(head)) = (&reason, head_of(stream)) {
                    if let Ok(request) = Request::parse(head) {
                        // It sat down, and left for the one byte or the end of stream that came next.
                        assert_eq!(read, (head.len() + 1).min(stream.len()), "{request:?}");
                    }
                }
                return (format!("{reason:?}"), 0);
            }
            Output::Event(event) => panic!("a lone client was served: {event:?}"),
            Output::Wait(_) => return ("waits".into(), read),
        }
    }
}

fn dialer(stream: &[u8], cut: usize) -> Verdict {
    client(Role::Dial, stream, cut)
}

fn accepter(stream: &[u8], cut: usize) -> Verdict {
    client(Role::Accept, stream, cut)
}

fn client(role: Role, stream: &[u8], cut: usize) -> Verdict {
    let mut now = Instant::now();
    let mut config = Config::default();
    config.spaces = AddrSpaces::NONE;
    let attempt = Attempt {
        role,
        url: "http://rdv.example/base?q".parse().unwrap(),
        token: "d8f1a2".parse().unwrap(),
        server_addrs: vec![remote()],
        self_addrs: SelfAddrs::default(),
        seed: 0,
    };
    let mut connector = Connector::new(now, now, &attempt, config);
    let mut read = 0;
    loop {
        match connector.poll_output() {
            Output::Intent(Intent::Connect { conn, .. }) => connector.handle_input(now, Input::Connected(conn)),
            Output::Intent(Intent::Write { conn, .. }) => connector.handle_input(now, Input::Wrote(conn)),
            Output::Intent(Intent::Read { conn, max }) => {
                let data = next(stream, &mut read, max.get().min(cut));
                connector.handle_input(now, Input::Read(conn, data));
            }
            Output::Intent(_) => {}
            Output::Event(Event::Selected(selected)) => {
                let end = stream[..read].iter().rev();
                assert!(end.take(1).all(|byte| *byte == b'\n'), "read past the last line");
                return (format!("{:?} {:?}", selected.route, selected.meta), read);
            }
            Output::Event(Event::Failed(failure)) => return (format!("{:?}", failure.error), 0),
            Output::Event(event) => panic!("unknown event {event:?}"),
            Output::Wait(deadline) => {
                let deadline = deadline.expect("nothing is under way, and nothing is to come");
                assert!(deadline > now, "a deadline that is not in the future");
                now = deadline.min(now + Duration::from_secs(60));
                connector.handle_timeout(now);
            }
        }
    }
}

fn next<'a>(stream: &'a [u8], read: &mut usize, max: usize) -> &'a [u8] {
    let data = &stream[*read..];
    let data = &data[..data.len().min(max)];
    *read += data.len();
    data
}

/// The head that a stream begins with, by the plain definition.
fn head_of(stream: &[u8]) -> Option<&[u8]> {
    let end = stream.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
    let head = &stream[..end];
    let lines_end_alike = !head.windows(2).any(|bytes| bytes[1] == b'\n' && bytes[0] != b'\r') && head[0] != b'\n';
    (lines_end_alike && head.len() <= 16 * 1024).then_some(head)
}

fn remote() -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 1], 39841))
}
