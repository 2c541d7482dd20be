//! One attempt in one topology, from an empty network to the last byte.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rdv_core::{Role, Route, WaitForP2p};
use rdv_tests::adapter::{Party, Trial, exchange};
use rdv_tests::lab::{Network, PORT};
use rdv_tests::pattern;
use rdv_tests::server::TestServer;

use crate::topologies::Topology;

/// How an attempt ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) route: Route,
    /// From the beginning of both attempts to the later one's end.
    pub(crate) took: Duration,
}

/// Builds the network, connects, and has bytes go both ways.
pub(crate) fn run(topology: &Topology) -> Outcome {
    let network = Network::new(&topology.sides, topology.shared);
    if let Some(lan) = &topology.cable {
        network.peers[0].cable(&network.peers[1], lan);
    }
    let serve = || TestServer::of(topology.server, &format!(":{PORT}"), None, |_| {});
    // Before the connections, so that it is dropped after them.
    let _server = network.server.namespace.enter(serve);

    // Several courses are run at a time, each on an internet of its own: the token is for those who read a log.
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let token = format!("{} {}", topology.name, COUNT.fetch_add(1, Ordering::Relaxed));
    let start = |peer: usize, role: Role| -> Trial {
        let side = &topology.sides[peer];
        let party = Party::new(topology.adapters[peer], "default").with(|config| {
            config.picker = Arc::new(WaitForP2p(WAIT));
            config.timeout = Some(TIMEOUT);
        });
        let party = party.port_map(side.mapper.is_some());
        let url = network.url(side.families).parse().expect("a URL");
        network.peers[peer].namespace.enter(|| party.start(role, &url, &token))
    };
    let started = Instant::now();
    let trials = [start(0, Role::Dial), start(1, Role::Accept)];
    let [dialer, accepter] = trials.map(Trial::conn);
    let took = started.elapsed();

    let name = topology.name;
    assert_eq!(dialer.is_relay, accepter.is_relay, "{name}: the peers disagree on the route");
    exchange(&dialer, &accepter, &pattern(200_000, 1), &pattern(100_000, 2));
    Outcome { route: if dialer.is_relay { Route::Relay } else { Route::Direct }, took }
}

/// How long the dialer waits for a direct connection: long enough for whatever can come.
const WAIT: Duration = Duration::from_secs(3);
/// Of the whole attempt.
const TIMEOUT: Duration = Duration::from_secs(12);
