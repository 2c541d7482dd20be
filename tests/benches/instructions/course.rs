//! What is counted.

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::Instant;

use rdv_core::{
    ConnId, Input, Intent, Lobby, LobbyConfig, LobbyEvent, Matched, Output, Relay, RelayEvent, Request,
};
use rdv_tests::answer::request;

#[derive(Clone, Copy)]
pub(crate) enum Course {
    /// A request's head.
    Parse,
    /// A client comes, asks, and breaks off.
    Leave,
    /// Two clients come, are answered, and the dialer says that they have connected directly.
    Match,
    /// The same while many others wait.
    MatchInCrowd,
}

impl Course {
    pub(crate) const ALL: [Course; 4] = [Course::Parse, Course::Leave, Course::Match, Course::MatchInCrowd];

    pub(crate) fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|course| course.name() == name).expect("a course of this name")
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Course::Parse => "a request is parsed",
            Course::Leave => "a client asks, and leaves",
            Course::Match => "two clients are matched, and connect directly",
            Course::MatchInCrowd => "the same beside 10,000 that wait",
        }
    }

    /// About a fifth more than it takes.
    pub(crate) fn most(self) -> u64 {
        match self {
            Course::Parse => 12_000,
            Course::Leave => 18_000,
            Course::Match => 52_000,
            Course::MatchInCrowd => 60_000,
        }
    }

    pub(crate) fn run(self, times: usize) {
        let waiting = if matches!(self, Course::MatchInCrowd) { 10_000 } else { 0 };
        let mut server = Server::with(waiting);
        for number in 0..times {
            match self {
                Course::Parse => {
                    black_box(
                        Request::parse(black_box(head("DIAL", number).as_bytes())).expect("a good head"),
                    );
                }
                Course::Leave => {
                    let conn = server.comes("ACCEPT", number);
                    server.tell(Input::Failed(conn, std::io::ErrorKind::ConnectionReset));
                }
                Course::Match | Course::MatchInCrowd => {
                    server.comes("ACCEPT", number);
                    server.comes("DIAL", number);
                    server.ends();
                }
            }
        }
    }
}

/// A lobby, and the pair that came of it last.
struct Server {
    lobby: Lobby,
    matched: Option<Matched>,
    now: Instant,
}

impl Server {
    fn with(waiting: usize) -> Self {
        let mut config = LobbyConfig::default();
        config.max_conns_per_addr = usize::MAX;
        config.max_rate_per_addr = None;
        let mut server = Self { lobby: Lobby::new(config), matched: None, now: Instant::now() };
        for number in 0..waiting {
            server.comes("ACCEPT", 1_000_000 + number);
        }
        server
    }

    fn comes(&mut self, role: &str, number: usize) -> ConnId {
        let remote = SocketAddr::from(([192, 0, 2, 1], 1024 + (number % 60_000) as u16));
        let conn = self.lobby.handle_accept(self.now, remote);
        self.drain();
        self.tell(Input::Read(conn, head(role, number).as_bytes()));
        conn
    }

    fn tell(&mut self, input: Input<'_>) {
        self.lobby.handle_input(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            match self.lobby.poll_output() {
                Output::Intent(Intent::Check { conn }) => {
                    self.lobby.handle_input(self.now, Input::Quiet(conn))
                }
                Output::Intent(intent) => drop(black_box(intent)),
                Output::Event(LobbyEvent::Matched(matched)) => self.matched = Some(*matched),
                Output::Event(_) => {}
                Output::Wait(_) => return,
            }
        }
    }

    /// The pair is answered, and connects directly.
    fn ends(&mut self) {
        let Matched { mut relay, dialer, accepter, .. } = self.matched.take().expect("a pair");
        self.settle(&mut relay);
        for conn in [dialer, accepter] {
            relay.handle_input(self.now, Input::Wrote(conn));
        }
        for data in [&b"OTHER 19"[..], b"2.0.2.1:5000\n"] {
            relay.handle_input(self.now, Input::Read(dialer, data));
            self.settle(&mut relay);
        }
    }

    fn settle(&self, relay: &mut Relay) {
        loop {
            match relay.poll_output() {
                Output::Intent(intent) => drop(black_box(intent)),
                Output::Event(RelayEvent::Finished(report)) => drop(black_box(report)),
                Output::Event(_) => {}
                Output::Wait(_) => return,
            }
        }
    }
}

fn head(role: &str, number: usize) -> String {
    request(role, &format!("/bench-{number:08}"), "10.1.2.3:40000, [2001:db8::1]:40000")
}
