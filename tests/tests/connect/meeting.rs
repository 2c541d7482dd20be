//! Every way to meet.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rdv_blocking::Error;
use rdv_core::{
    AddrSpace, ConnectError, Fate, Pick, PickFirst, Picker, Role, Route, ServerUrl, Standings, WaitConstant,
    WaitForP2p,
};
use rdv_tests::attempt::{Attempt, client};
use rdv_tests::server::TestServer;
use rdv_tests::{QUIET, has_ipv6};

use crate::{direct, meet, relayed, seat, talk};

#[test]
fn direct_over_ipv4() {
    let server = TestServer::start();
    for first in [Role::Dial, Role::Accept] {
        let client = direct("loopback4");
        let (dialer, accepter) = meet(&server, &client, &client, "tok", first);
        for conn in [&dialer, &accepter] {
            assert!(!conn.is_relay(), "{conn:?}");
            assert!(conn.peer_addr().is_ipv4(), "{conn:?}");
            assert_eq!(conn.report().chosen, Some((conn.peer_addr(), Route::Direct)));
        }
        assert_eq!(dialer.meta().observed, Some(accepter.peer_addr()));
        assert_eq!(accepter.meta().observed, Some(dialer.peer_addr()));
        talk(dialer, accepter);
    }
}

#[test]
fn direct_over_ipv6() {
    if !has_ipv6() {
        return;
    }
    // The server is reached over IPv4, the peer over IPv6.
    let server = TestServer::on(":0", |_| {});
    for first in [Role::Dial, Role::Accept] {
        let client = direct("loopback6");
        let url: ServerUrl = format!("http://127.0.0.1:{}", server.addr().port()).parse().unwrap();
        let one = Attempt::start(&client, first, &url, "tok6");
        let two = Attempt::start(&client, first.other(), &url, "tok6");
        let (one, two) = (one.conn(), two.conn());
        for conn in [&one, &two] {
            assert!(!conn.is_relay() && conn.peer_addr().is_ipv6(), "{conn:?}");
        }
        let (dialer, accepter) = if first == Role::Dial { (one, two) } else { (two, one) };
        talk(dialer, accepter);
    }
}

#[test]
fn direct_with_all_spaces() {
    let server = TestServer::on(":0", |_| {});
    let url: ServerUrl = format!("http://127.0.0.1:{}", server.addr().port()).parse().unwrap();
    for round in 0..10 {
        let client = direct("all");
        let token = format!("all{round}");
        let dialer = Attempt::start(&client, Role::Dial, &url, &token);
        let accepter = Attempt::start(&client, Role::Accept, &url, &token);
        let (dialer, accepter) = (dialer.conn(), accepter.conn());
        assert!(!dialer.is_relay() && !accepter.is_relay(), "{dialer:?}");
        talk(dialer, accepter);
    }
}

#[test]
fn through_the_relay() {
    let server = TestServer::start();
    for first in [Role::Dial, Role::Accept] {
        let (dialer, accepter) = meet(&server, &relayed(), &relayed(), "tok", first);
        for conn in [&dialer, &accepter] {
            assert!(conn.is_relay(), "{conn:?}");
            assert_eq!(conn.peer_addr(), server.addr());
        }
        talk(dialer, accepter);
    }
}

/// One side forces the relay: the other has tried, and takes it too.
#[test]
fn one_side_without_spaces_means_the_relay() {
    let server = TestServer::start();
    let wait = Duration::from_millis(200);
    let willing = client("loopback4", |config| config.picker = Arc::new(WaitForP2p(wait)));
    for first in [Role::Dial, Role::Accept] {
        // The dialer is willing, the accepter listens but turns it away.
        let start = Instant::now();
        let (dialer, accepter) = meet(&server, &willing, &relayed(), "mixtok", first);
        assert!(start.elapsed() >= wait, "the dialer did not wait for a direct connection");
        assert!(dialer.is_relay() && accepter.is_relay(), "{dialer:?}");
        talk(dialer, accepter);
        // The accepter is willing, the dialer has no reason to wait.
        let (dialer, accepter) = meet(&server, &direct("none"), &willing, "mixtok", first);
        assert!(dialer.is_relay() && accepter.is_relay(), "{dialer:?}");
        let tried = |it: &&rdv_core::CandidateReport| it.space == Some(AddrSpace::Loopback4) && it.dials > 0;
        assert_eq!(dialer.report().candidates.iter().filter(tried).count(), 0, "{:?}", dialer.report());
        talk(dialer, accepter);
    }
}

#[test]
fn pickers() {
    let server = TestServer::start();
    let accepter = direct("loopback4");
    let with = |picker: Arc<dyn Picker>| client("loopback4", |config| config.picker = picker);

    // The relay stands at the 101: it is first.
    let (dialer, peer) = meet(&server, &with(Arc::new(PickFirst)), &accepter, "first", Role::Accept);
    assert!(dialer.is_relay() && peer.is_relay(), "PickFirst: {dialer:?}");
    talk(dialer, peer);

    let constant = Duration::from_millis(250);
    let (dialer, peer) =
        meet(&server, &with(Arc::new(WaitConstant(constant))), &accepter, "const", Role::Accept);
    assert!(!dialer.is_relay() && !peer.is_relay(), "WaitConstant: {dialer:?}");
    let report = dialer.report();
    let took = report.ended.unwrap() - report.matched.unwrap();
    assert!(took >= constant, "WaitConstant: {took:?}");
    talk(dialer, peer);

    let (dialer, peer) =
        meet(&server, &with(Arc::new(WaitForP2p::default())), &accepter, "p2p", Role::Accept);
    assert!(!dialer.is_relay() && !peer.is_relay(), "WaitForP2p: {dialer:?}");
    talk(dialer, peer);

    let (dialer, peer) =
        meet(&server, &with(Arc::new(WaitForP2p(Duration::ZERO))), &accepter, "now", Role::Accept);
    assert!(dialer.is_relay() && peer.is_relay(), "WaitForP2p(0): {dialer:?}");
    talk(dialer, peer);

    // One's own: the relay, though a direct connection is there.
    let (dialer, peer) = meet(&server, &with(Arc::new(Contrary)), &accepter, "own", Role::Accept);
    assert!(dialer.is_relay() && peer.is_relay(), "Contrary: {dialer:?}");
    let fates: Vec<_> = dialer.report().candidates.iter().map(|it| it.fate).collect();
    assert!(fates.contains(&Fate::Discarded), "{fates:?}");
    talk(dialer, peer);
}

/// Takes the relay once there is a direct connection.
#[derive(Debug)]
struct Contrary;

impl Picker for Contrary {
    fn pick(&self, _now: Instant, standings: &Standings<'_>) -> Pick {
        match (standings.first_direct(), standings.relay()) {
            (Some(_), Some(relay)) => Pick::Choose(relay.conn),
            _ => Pick::Wait(None),
        }
    }
}

#[test]
fn tokens_of_all_kinds() {
    let server = TestServer::start();
    for token in [
        "a/b c%41+å?#&=:@;,~!*()",
        "/",
        "//",
        ".",
        "..",
        "a//b",
        "a/../b",
        "../a",
        "/a",
        "a/",
        "50%",
        "%zz",
        "%2F",
        "?",
        "#",
        "日本",
        "a\nb",
        "a\r\nb",
        "a\0b",
        " tok ",
        "\"<>^`{|}\\",
        "CONTINUE",
        "HTTP/1.1",
        &"t".repeat(4000),
    ] {
        eprintln!("{:?}", &token.chars().take(40).collect::<String>());
        let (dialer, accepter) =
            meet(&server, &direct("loopback4"), &direct("loopback4"), token, Role::Accept);
        assert!(!dialer.is_relay() && !accepter.is_relay(), "{dialer:?}");
        let (dialer, accepter) = meet(&server, &relayed(), &relayed(), token, Role::Dial);
        talk(dialer, accepter);
    }
}

#[test]
fn other_tokens_do_not_meet() {
    let server = TestServer::start();
    let (one, two) = ("a/b", "a%2Fb");
    let dialer = Attempt::start(&relayed(), Role::Dial, &server.url(), one);
    let accepter = Attempt::start(&relayed(), Role::Accept, &server.url(), two);
    server.settle();
    thread::sleep(QUIET);
    dialer.expect_pending();
    accepter.expect_pending();
    dialer.cancel();
    accepter.cancel();
    assert!(matches!((dialer.error(), accepter.error()), (Error::Cancelled, Error::Cancelled)));
}

#[test]
fn many_attempts_at_once() {
    let server = TestServer::start();
    let attempts: Vec<_> = (0..32)
        .map(|i| {
            let client = if i % 2 == 0 { direct("loopback4") } else { relayed() };
            let start = |role| Attempt::start(&client, role, &server.url(), format!("many{i}"));
            (i, start(Role::Dial), start(Role::Accept))
        })
        .collect();
    for (i, dialer, accepter) in attempts {
        let (dialer, accepter) = (dialer.conn(), accepter.conn());
        assert_eq!(dialer.is_relay(), i % 2 == 1, "{dialer:?}");
        talk(dialer, accepter);
    }
}

#[test]
fn a_newer_attempt_replaces_an_older_one() {
    let server = TestServer::start();
    let old = seat(&server, Role::Dial, "again");
    let new = Attempt::start(&relayed(), Role::Dial, &server.url(), "again");
    let error = old.error();
    let Some(ConnectError::Refused(refusal)) = error.connect_error() else { panic!("{error:?}") };
    assert_eq!(refusal.code(), Some("replaced"));
    let accepter = Attempt::start(&relayed(), Role::Accept, &server.url(), "again");
    talk(new.conn(), accepter.conn());
}
