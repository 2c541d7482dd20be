//! Every way not to meet.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rdv_blocking::{Canceller, Error};
use rdv_core::{ConnectError, Phase, Role, Token, WaitForP2p};
use rdv_tests::attempt::{Attempt, client};
use rdv_tests::fake::{BlackHole, Fake};
use rdv_tests::server::TestServer;
use rdv_tests::{QUIET, soon};

use crate::{direct, relayed, seat};

#[test]
fn an_attempt_can_be_cancelled_in_every_phase() {
    // Before it begins.
    let server = Fake::start();
    let canceller = Canceller::new();
    canceller.cancel();
    let (url, token) = (server.url(), "tok".parse().unwrap());
    let result = direct("all").connect_until(Role::Dial, &url, &token, &canceller);
    assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");

    // While connecting to the server.
    let hole = BlackHole::new();
    let attempt = Attempt::start(&direct("all"), Role::Dial, &hole.url(), "tok");
    thread::sleep(QUIET);
    expect_cancelled(attempt, "connecting");

    // While waiting for the peer.
    let attempt = Attempt::start(&direct("all"), Role::Accept, &server.url(), "tok");
    let mut asked = server.asked();
    let addr = asked.client_addr();
    expect_cancelled(attempt, "waiting");
    asked.conn.expect_closed();
    assert!(TcpStream::connect(addr).is_err(), "somebody still listens on {addr}");

    // While racing, with a direct connection and dials under way.
    for role in [Role::Dial, Role::Accept] {
        let attempt = Attempt::start(&direct("all"), role, &server.url(), "tok");
        let mut asked = server.asked();
        let peer = Fake::start();
        asked.switch(&[peer.addr(), hole.addr()]);
        let mut conn = peer.accept();
        conn.expect(format!("rdv/1 {role} tok\n"));
        expect_cancelled(attempt, "racing");
        conn.expect_closed();
        asked.conn.expect_closed();
    }
}

#[test]
fn one_canceller_ends_many_attempts() {
    let server = Fake::start();
    let canceller = Canceller::new();
    let start = |_| {
        let (url, watched) = (server.url(), canceller.clone());
        thread::spawn(move || {
            let token: Token = "tok".parse().unwrap();
            relayed().connect_until(Role::Dial, &url, &token, &watched)
        })
    };
    let attempts: Vec<_> = (0..8).map(start).collect();
    let asked: Vec<_> = (0..8).map(|_| server.asked()).collect();
    canceller.cancel();
    for attempt in attempts {
        let result = soon("a cancelled attempt", move || attempt.join().unwrap());
        assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
    }
    asked.into_iter().for_each(|mut asked| asked.conn.expect_closed());
}

#[test]
fn the_overall_timeout_holds_in_every_phase() {
    let timeout = Duration::from_millis(200);
    let limited = client("all", |config| {
        config.timeout = Some(timeout);
        config.picker = Arc::new(WaitForP2p(Duration::from_secs(60)));
    });
    let expect_timeout = |attempt: Attempt, start: Instant, phase: Phase| {
        let error = attempt.error();
        assert!(error.is_timeout(), "{phase:?}: {error:?}");
        match error.connect_error() {
            Some(ConnectError::TimedOut(it)) => assert_eq!(*it, phase),
            other => panic!("{phase:?}: {other:?}"),
        }
        let took = start.elapsed();
        assert!(took >= timeout, "{phase:?}: {took:?}, too early");
        assert!(took < timeout + Duration::from_secs(5), "{phase:?}: {took:?}, too late");
    };

    let hole = BlackHole::new();
    let start = Instant::now();
    expect_timeout(Attempt::start(&limited, Role::Dial, &hole.url(), "tok"), start, Phase::Connecting);

    let server = Fake::start();
    let start = Instant::now();
    expect_timeout(Attempt::start(&limited, Role::Accept, &server.url(), "tok"), start, Phase::Waiting);
    drop(server.accept());

    for role in [Role::Dial, Role::Accept] {
        let start = Instant::now();
        let attempt = Attempt::start(&limited, role, &server.url(), "tok");
        let mut asked = server.asked();
        asked.switch(&[hole.addr()]);
        expect_timeout(attempt, start, Phase::Racing);
        asked.conn.expect_closed();
    }
}

/// The resolver may take its time, the attempt may not.
#[test]
fn the_overall_timeout_covers_resolving() {
    let limited = client("none", |config| config.timeout = Some(Duration::from_millis(300)));
    let url = "http://no-such-host.invalid".parse().unwrap();
    let start = Instant::now();
    let error = Attempt::start(&limited, Role::Dial, &url, "tok").error();
    assert!(matches!(error, Error::Resolve { .. }), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

/// The server cannot be reached, but says nothing either: the time for that has a limit of its own.
#[test]
fn connecting_to_the_server_has_its_own_timeout() {
    let hole = BlackHole::new();
    let limited = client("none", |config| config.connect_timeout = Duration::from_millis(200));
    let error = Attempt::start(&limited, Role::Dial, &hole.url(), "tok").error();
    let Some(ConnectError::Unreachable { tried }) = error.connect_error() else { panic!("{error:?}") };
    assert_eq!(tried[..], [(hole.addr(), ErrorKind::TimedOut)]);
    assert!(!error.is_timeout(), "only the whole attempt's timeout is called one");
}

#[test]
fn the_servers_words_reach_the_client() {
    let server = TestServer::with(|lobby| lobby.lobby_timeout = Some(Duration::from_millis(100)));
    let error = Attempt::start(&relayed(), Role::Dial, &server.url(), "alone").error();
    let Some(ConnectError::Refused(refusal)) = error.connect_error() else { panic!("{error:?}") };
    assert_eq!((refusal.status.as_u16(), refusal.code()), (408, Some("no-peer")));
    assert_eq!(refusal.text(), "no matching peer found");
    let text = "refused by the server: 408 Request Timeout: no matching peer found";
    assert_eq!(error.to_string(), text);
}

/// A server that shuts down tells those who wait.
#[test]
fn a_server_that_shuts_down_refuses_its_clients() {
    let server = TestServer::start();
    let waits = seat(&server, Role::Dial, "waits");
    server.stop().unwrap();
    let error = waits.error();
    let Some(ConnectError::Refused(refusal)) = error.connect_error() else { panic!("{error:?}") };
    assert_eq!(refusal.code(), Some("shutting-down"));
}

#[track_caller]
fn expect_cancelled(attempt: Attempt, phase: &str) {
    attempt.expect_pending();
    let start = Instant::now();
    attempt.cancel();
    let error = attempt.error();
    assert!(matches!(error, Error::Cancelled), "{phase}: {error:?}");
    assert!(start.elapsed() < Duration::from_secs(5), "{phase}: {:?}", start.elapsed());
}
