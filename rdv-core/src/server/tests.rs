mod admission;
mod cuts;
mod doors;
mod everyone;
mod extremes;
mod farewell;
mod handover;
mod limits;
mod lobby;
mod metrics;
mod model;
mod observe;
mod page;
mod proxies;
mod queues;
mod rate;
mod relay;
mod sizes;
mod splice;
mod states;
mod storm;
mod words;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{
    Lobby, LobbyConfig, LobbyEvent, Matched, Reason, Relay, RelayEnd, RelayEvent, RelayReport, Splice,
    TlsStart,
};
use crate::io::{ConnId, Input, Output};
use crate::tests::bench::{Bench, Machine, State, beginning};
use crate::wire::{Reject, Role};

impl Machine for Lobby {
    type Event = LobbyEvent;

    fn input(&mut self, now: Instant, input: Input<'_>) {
        self.handle_input(now, input);
    }

    fn timeout(&mut self, now: Instant) {
        self.handle_timeout(now);
    }

    fn poll(&mut self) -> Output<LobbyEvent> {
        self.poll_output()
    }
}

impl Machine for Relay {
    type Event = RelayEvent;

    fn input(&mut self, now: Instant, input: Input<'_>) {
        self.handle_input(now, input);
    }

    fn timeout(&mut self, now: Instant) {
        self.handle_timeout(now);
    }

    fn poll(&mut self) -> Output<RelayEvent> {
        self.poll_output()
    }
}

impl Bench<Lobby> {
    fn open(config: LobbyConfig) -> Self {
        let mut bench = Bench::new(beginning(), Lobby::new(config));
        bench.settle();
        bench
    }

    fn accept(&mut self, remote: &str) -> ConnId {
        let conn = self.machine.handle_accept(self.now, addr(remote));
        self.accepted(conn, addr(remote));
        conn
    }

    /// The same at a server that speaks TLS.
    fn accept_tls(&mut self, remote: &str) -> (ConnId, TlsStart) {
        let (conn, start) = self.machine.handle_accept_tls(self.now, addr(remote));
        self.accepted(conn, addr(remote));
        (conn, start)
    }

    /// A client connects, each from a port of its own.
    fn client(&mut self) -> ConnId {
        let port = 40_000 + self.wires.len() + self.given.len();
        self.accept(&format!("203.0.113.7:{port}"))
    }

    /// A client that asks for a peer.
    fn join(&mut self, role: Role, token: &str) -> ConnId {
        let conn = self.client();
        self.says(conn, request(role, token));
        conn
    }

    /// What the client was answered: the reason's code, or nothing.
    fn answer(&self, conn: ConnId) -> &str {
        let text = std::str::from_utf8(self.written(conn)).unwrap();
        text.lines().find_map(|line| line.strip_prefix("Rdv-Error: ")).unwrap_or(text)
    }

    fn status(&self, conn: ConnId) -> &str {
        std::str::from_utf8(self.written(conn)).unwrap().split(' ').nth(1).unwrap_or_default()
    }

    fn left(&mut self) -> Vec<Reason> {
        let reason = |event| match event {
            LobbyEvent::Left { reason, .. } => reason,
            LobbyEvent::Matched(_) => panic!("a pair was found"),
        };
        self.events.drain(..).map(reason).collect()
    }

    /// The relay of the last pair, on its own bench.
    fn matched(&mut self) -> Pair {
        self.matched_and(|_, _| {})
    }

    /// The application has a look at the pair before it is served.
    fn matched_and(&mut self, look: impl FnOnce(&mut Relay, Instant)) -> Pair {
        let Some(LobbyEvent::Matched(matched)) = self.events.pop() else { panic!("no pair was found") };
        let Matched { mut relay, dialer, accepter } = *matched;
        look(&mut relay, self.now);
        let mut relay = Bench::new(self.now, relay);
        for conn in [dialer, accepter] {
            relay.adopt(conn, self.given.remove(&conn).unwrap());
        }
        relay.chop = self.chop;
        relay.settle();
        Pair { relay, dialer, accepter }
    }
}

struct Pair {
    relay: Bench<Relay>,
    dialer: ConnId,
    accepter: ConnId,
}

impl Pair {
    /// A pair of which this one waited for the other.
    fn of(first: Role, config: LobbyConfig) -> Self {
        let mut lobby = Bench::open(config);
        lobby.join(first, "tok");
        lobby.join(first.other(), "tok");
        lobby.matched()
    }

    /// A pair that relays.
    fn spliced(config: LobbyConfig) -> Self {
        let mut pair = Self::of(Role::Accept, config);
        pair.relay.says(pair.dialer, "CONTINUE\n");
        pair.splice();
        pair
    }

    fn splice(&mut self) -> Splice {
        match self.relay.events.pop() {
            Some(RelayEvent::Splice(splice)) => splice,
            other => panic!("expected to copy, got {other:?}"),
        }
    }

    fn finished(&mut self) -> RelayReport {
        match self.relay.events.pop() {
            Some(RelayEvent::Finished(report)) => *report,
            other => panic!("expected the end, got {other:?}"),
        }
    }

    fn states(&self) -> [State; 2] {
        [self.relay.state(self.dialer), self.relay.state(self.accepter)]
    }

    /// What was written to the accepter behind its 101.
    fn accepter_got(&self) -> &[u8] {
        let written = self.relay.written(self.accepter);
        let head = written.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("no 101") + 4;
        &written[head..]
    }
}

fn request(role: Role, token: &str) -> String {
    format!(
        "{role} /{token} HTTP/1.1\r\nHost: example.com\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n\
         Rdv-Self-Addrs: 10.0.0.1:1\r\n\r\n"
    )
}

fn idle_after(timeout: Duration) -> LobbyConfig {
    LobbyConfig { idle_timeout: Some(timeout), ..LobbyConfig::default() }
}

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap_or_else(|err| panic!("{text:?}: {err}"))
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}
