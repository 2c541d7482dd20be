//! That whatever becomes of an attempt, the port is given back: with the client of each adapter.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use rdv_core::Role;
use rdv_portmap::{Order, PortMapper};
use rdv_tests::adapter::{Adapter, Blocking, Party, Smol, Tokio, Trial, exchange};
use rdv_tests::lab::{Families, Nat, Network, PORT, Side, Speaks};
use rdv_tests::server::TestServer;
use rdv_tests::{pattern, until};

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
    let mapped = || until("a port is mapped", || gateway.rules().contains("dport"));
    let given_back = |when| until(when, || !gateway.rules().contains("dport"));

    let waiting = start(0, party(), Role::Accept, "cancelled");
    mapped();
    waiting.cancelled();
    given_back("it is given back after it is cancelled");

    let hasty = party().with(|config| config.timeout = Some(Duration::from_millis(800)));
    let waiting = start(0, hasty, Role::Accept, "late");
    mapped();
    assert!(waiting.failure().is_timeout);
    given_back("it is given back after a failure");

    // The symmetric NAT's peer is behind another one: no hole can be punched.
    let accepter = start(0, party(), Role::Accept, "good");
    mapped();
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
    let mapper = network.peers[0].namespace.enter(|| PortMapper::start(Order::new(40_123, 4711)));
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
