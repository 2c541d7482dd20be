mod accepter;
mod crowd;
mod cuts;
mod dialer;
mod extremes;
mod handshake;
mod laws;
mod observation;
mod pace;
mod pick;
mod proxy;
mod race;
mod stale;
mod states;
mod storm;
mod timeouts;
mod words;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{
    Attempt, CandidateReport, Config, ConnectError, Connector, Event, Failure, Fate, PickFirst, Picker,
    Route, Selected,
};
use crate::addr::AddrSpaces;
use crate::io::{ConnId, Input, Output};
use crate::tests::bench::{Bench, Machine, State, beginning};
use crate::wire::Role;

const SERVER: &str = "192.0.2.1:80";
/// The peer's, both in the default spaces.
const NEAR: &str = "10.0.0.9:4000";
const FAR: &str = "198.51.100.9:4000";
const SELF: &str = "10.0.0.5:7000";

impl Machine for Connector {
    type Event = Event;

    fn input(&mut self, now: Instant, input: Input<'_>) {
        self.handle_input(now, input);
    }

    fn timeout(&mut self, now: Instant) {
        self.handle_timeout(now);
    }

    fn poll(&mut self) -> Output<Event> {
        self.poll_output()
    }
}

impl Bench<Connector> {
    fn begin(attempt: &Attempt, config: Config) -> Self {
        let now = beginning();
        let mut bench = Bench::new(now, Connector::new(now, now, attempt, config));
        bench.settle();
        bench
    }

    /// An attempt that has come as far as the 101, which lists these addresses of the peer.
    fn racing(role: Role, peer_addrs: &str, config: Config) -> Self {
        let mut bench = Self::begin(&attempt(role), config);
        bench.connects(bench.dial(SERVER));
        bench.log();
        bench.match_with(peer_addrs);
        bench
    }

    fn match_with(&mut self, peer_addrs: &str) {
        let relay = self.relay();
        self.says(relay, switching(peer_addrs));
    }

    /// The connection to the server.
    fn relay(&self) -> ConnId {
        let server = addr(SERVER);
        let mut wires = self.wires.iter().chain(&self.given);
        *wires.find(|(_, wire)| wire.remote == server).expect("no connection to the server").0
    }

    /// The dial to `remote` that is under way.
    fn dial(&self, remote: &str) -> ConnId {
        let remote = addr(remote);
        let dialing =
            |conn: &&ConnId| self.wires[*conn].state == State::Dialing && self.wires[*conn].remote == remote;
        *self.wires.keys().find(dialing).unwrap_or_else(|| panic!("{remote} is not being dialled"))
    }

    fn dials(&self, remote: &str) -> usize {
        self.wires.values().filter(|wire| wire.remote == addr(remote)).count()
    }

    fn accept(&mut self, remote: &str) -> ConnId {
        let conn = self.machine.handle_accept(self.now, addr(remote));
        self.accepted(conn, addr(remote));
        conn
    }

    fn selected(&mut self) -> Selected {
        match self.events.pop() {
            Some(Event::Selected(selected)) => *selected,
            other => panic!("expected a connection, got {other:?}; log {:?}", self.log()),
        }
    }

    fn failure(&mut self) -> Failure {
        match self.events.pop() {
            Some(Event::Failed(failure)) => *failure,
            other => panic!("expected a failure, got {other:?}; log {:?}", self.log()),
        }
    }

    fn error(&mut self) -> ConnectError {
        self.failure().error
    }

    /// What the application is going to read first.
    fn left_behind(&self, conn: ConnId) -> &[u8] {
        &self.given[&conn].incoming
    }
}

fn attempt(role: Role) -> Attempt {
    Attempt {
        role,
        url: "http://example.com/rdv".parse().unwrap(),
        token: "tok".parse().unwrap(),
        server_addrs: vec![addr(SERVER)],
        self_addrs: SELF.parse().unwrap(),
        seed: 7,
    }
}

fn with_picker(picker: impl Picker + 'static) -> Config {
    Config { picker: Arc::new(picker), ..Config::default() }
}

fn in_spaces(spaces: AddrSpaces) -> Config {
    Config { spaces, ..Config::default() }
}

fn within(timeout: Duration) -> Config {
    Config { timeout: Some(timeout), ..Config::default() }
}

fn switching(peer_addrs: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nRdv-Observed-Addr: 198.51.100.5:7000\r\n\
         Rdv-Peer-Addrs: {peer_addrs}\r\nX-Note: hello\r\nUpgrade: rdv/1\r\n\r\n"
    )
}

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap_or_else(|err| panic!("{text:?}: {err}"))
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn fate_of(candidates: &[CandidateReport], remote: &str) -> Fate {
    let candidate = candidates.iter().find(|candidate| candidate.addr == addr(remote));
    candidate.unwrap_or_else(|| panic!("{remote} is not reported on")).fate
}
