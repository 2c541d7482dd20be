//! Attempts, and what they took.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rdv_core::{Report, Role, WaitForP2p};
use rdv_tests::adapter::{Adapter, Blocking, Party, Smol, TestConn, Tokio, Trial};
use rdv_tests::lab::{Delay, Families, Nat, Network, PORT, Side};
use rdv_tests::server::TestServer;

/// Where the peers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// Both on the internet.
    Internet,
    /// Each behind a NAT as most homes have it.
    Homes,
    /// Each behind a NAT with another port for each connection, so that they can't meet.
    Symmetric,
}

/// A network with a server and an accepter's host.
pub(crate) struct Place {
    case: Case,
    rtt: Duration,
    adapter: &'static dyn Adapter,
    // Before the network, so that its namespace outlives it.
    _server: TestServer,
    network: Network,
}

/// What several attempts took.
pub(crate) struct Series {
    pub(crate) case: Case,
    pub(crate) rtt: Duration,
    pub(crate) adapter: &'static str,
    /// A bare TCP connect from the dialer to the server.
    pub(crate) connects: Vec<Duration>,
    pub(crate) attempts: Vec<Timing>,
}

/// What one attempt took, by the peers' reports: from when `dial` is called to when it has its connection. That its
/// caller has it is the matter of some tens of microseconds, and of the scheduler.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// Until the dialer was connected to the server.
    pub(crate) connected: Duration,
    /// From there to its 101.
    pub(crate) answered: Duration,
    /// From each peer's 101 to its connection.
    pub(crate) raced: [Duration; 2],
    /// From the dialer's beginning to each peer's connection.
    pub(crate) took: [Duration; 2],
}

impl Case {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Case::Internet => "internet",
            Case::Homes => "home NATs",
            Case::Symmetric => "symmetric NATs",
        }
    }

    pub(crate) fn is_direct(self) -> bool {
        self != Case::Symmetric
    }

    fn side(self) -> Side {
        match self {
            Case::Internet => Side::behind(&[]),
            Case::Homes => Side::behind(&[Nat::HOME]),
            Case::Symmetric => Side::behind(&[Nat::SYMMETRIC]),
        }
    }
}

impl Place {
    /// Both clients are the adapter's.
    pub(crate) fn new(case: Case, rtt: u64, adapter: &'static dyn Adapter) -> Self {
        let rtt = Duration::from_millis(rtt);
        // Between any two, a packet passes two wires.
        let delay = Delay { base: rtt / 4, jitter: Duration::ZERO, lost: 0 };
        let sides = [case.side().afar(delay), case.side().afar(delay)];
        let network = Network::with_server_afar(&sides, 0, Some(delay));
        // One for all, and not smol's: that resolves where to listen on a thread that may be in another namespace.
        let serve = || TestServer::of(&Blocking, &format!(":{PORT}"), None, |_| {});
        let server = network.server.namespace.enter(serve);
        Self { case, rtt, adapter, _server: server, network }
    }

    pub(crate) fn series(&self, runs: usize) -> Series {
        let listen = || TcpListener::bind(("0.0.0.0", 0));
        let bare = self.network.server.namespace.enter(listen).expect("a free port");
        let (mut connects, mut attempts) = (Vec::new(), Vec::new());
        for run in 0..runs {
            connects.extend((0..5).map(|_| self.connect(&bare)));
            attempts.push(self.attempt(run));
        }
        Series { case: self.case, rtt: self.rtt, adapter: self.adapter.name(), connects, attempts }
    }

    fn connect(&self, bare: &TcpListener) -> Duration {
        let port = bare.local_addr().expect("it is bound").port();
        let addr: SocketAddr =
            format!("{}:{port}", self.network.server_addr(Families::V4)).parse().expect("an address");
        self.network.peers[0].namespace.enter(|| {
            let began = Instant::now();
            TcpStream::connect(addr).expect("the way to the server has been tried");
            began.elapsed()
        })
    }

    fn attempt(&self, run: usize) -> Timing {
        let attempt = |again: usize| {
            let token = format!("{run}-{again}");
            let accepter = self.start(Role::Accept, &token);
            thread::sleep(3 * self.rtt + Duration::from_millis(50));
            let dialer = self.start(Role::Dial, &token).conn();
            self.timing([&dialer, &accepter.conn()])
        };
        (0..).find_map(attempt).expect("before the numbers end, an accepter has waited")
    }

    fn start(&self, role: Role, token: &str) -> Trial {
        let party = Party::new(self.adapter, "default")
            .with(|config| config.picker = Arc::new(WaitForP2p::default()));
        let url = self.network.url(Families::V4).parse().expect("a URL");
        let host = &self.network.peers[role as usize];
        host.namespace.enter(|| party.start(role, &url, token))
    }

    /// Nothing if the accepter's request was not with the server when the dialer began.
    fn timing(&self, conns: [&TestConn; 2]) -> Option<Timing> {
        let [dialer, accepter] = conns.map(|conn| Steps::of(&conn.report));
        for conn in conns {
            assert_eq!(conn.is_relay, !self.case.is_direct(), "{}: the route", self.case.name());
        }
        let started = conns[0].report.started;
        (accepter.requested + self.rtt < started).then(|| Timing {
            connected: dialer.connected - started,
            answered: dialer.matched - dialer.connected,
            raced: [dialer.ended - dialer.matched, accepter.ended - accepter.matched],
            took: [dialer.ended - started, accepter.ended - started],
        })
    }
}

struct Steps {
    connected: Instant,
    requested: Instant,
    matched: Instant,
    ended: Instant,
}

impl Steps {
    fn of(report: &Report) -> Self {
        let there = |at: Option<Instant>| at.expect("an attempt that succeeds takes every step");
        Self {
            connected: there(report.server_connected),
            requested: there(report.requested),
            matched: there(report.matched),
            ended: there(report.ended),
        }
    }
}

pub(crate) const CASES: [Case; 3] = [Case::Internet, Case::Homes, Case::Symmetric];
pub(crate) const ADAPTERS: [&dyn Adapter; 3] = [&Blocking, &Tokio::Apart, &Smol];
