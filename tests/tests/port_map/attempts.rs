//! That whatever becomes of an attempt, the port is given back: with the client of each adapter.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use rdv_core::Role;
use rdv_portmap::{Order, PortMapper};
use rdv_tests::adapter::{Adapter, Blocking, Party, Smol, Tokio, Trial, exchange};
use rdv_tests::lab::{Families, Nat, Network, PORT, Side, Speaks};
use rdv_tests::server::TestServer;
use rdv_tests::{SOON, pattern, until};

use crate::is_missing;

#[test]
fn blocking_gives_it_back() {
    is_given_back(&Blocking);
}

#[test]
fn tokio_gives_it_back() {
    is_given_back(&Tokio::Apart);
}

#[test]
fn smol_gives_it_back() {
    is_given_back(&Smol);
}

fn is_given_back(adapter: &'static dyn Adapter) {
    if is_missing(true) {
        return;
    }
    let network = network();
    let gateway = &network.mappers[0];
    let serve = || TestServer::of(&Blocking, &format!(":{PORT}"), None, |_| {});
    let _server = network.server.namespace.enter(serve);
    let url = network.url(Families::V4).parse().expect("a URL");
    let start = |peer: usize, party: Party, role, token: &str| -> Trial {
        network.peers[peer].namespace.enter(|| party.start(role, &url, token))
    };
    let party = || Party::new(adapter, "default").port_map(true);
    // A client waits a second for the gateway, and on a busy machine that may be too short.
    let start_mapped = |party: Party, token: &str| {
        for _ in 0..5 {
            let trial = start(0, party.clone(), Role::Accept, token);
            let started = Instant::now();
            while started.elapsed() < Duration::from_secs(2) {
                if gateway.rules().contains("dport") {
                    return trial;
                }
            }
            trial.cancelled();
        }
        panic!("no port is mapped");
    };
    let given_back = |when| until(when, || !gateway.rules().contains("dport"));

    let waiting = start_mapped(party(), "cancelled");
    waiting.cancelled();
    given_back("it is given back after it is cancelled");

    let hasty = party().with(|config| config.timeout = Some(Duration::from_secs(4)));
    let waiting = start_mapped(hasty, "late");
    assert!(waiting.failure().is_timeout);
    given_back("it is given back after a failure");

    // Each is behind a symmetric NAT: no hole can be punched.
    let accepter = start_mapped(party(), "good");
    let dialer = start(1, Party::new(adapter, "default"), Role::Dial, "good").conn();
    let accepter = accepter.conn();
    assert!(!accepter.is_relay && !dialer.is_relay);
    given_back("it is given back once the peers are connected");
    exchange(&dialer, &accepter, &pattern(200_000, 1), &pattern(100_000, 2));
}

#[test]
fn a_panic_gives_it_back() {
    if is_missing(true) {
        return;
    }
    let network = network();
    let mut order = Order::new(40_123, 4711);
    order.patience = SOON / 2;
    let mapper = network.peers[0].namespace.enter(|| PortMapper::start(order));
    let mapper = mapper.expect("a thread");
    mapper.wait().expect("a mapping");
    assert!(network.mappers[0].maps(40_123));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _mapper = mapper;
        resume_unwind(Box::new(()));
    }));
    panicked.expect_err("a panic");
    until("it is given back", || !network.mappers[0].maps(40_123));
}

fn network() -> Network {
    let symmetric = || Side::behind(&[Nat::SYMMETRIC]);
    Network::new(&[symmetric().mapping(Speaks::All), symmetric()], 0)
}
