//! How the client gets to the server, and what it asks.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::time::{Duration, Instant};

use rdv_blocking::Error;
use rdv_core::{ConnectError, Phase, Role, ServerUrl};
use rdv_tests::attempt::{Attempt, client};
use rdv_tests::fake::{BlackHole, Fake};
use rdv_tests::raw::RawConn;
use rdv_tests::{has_ipv6, refusing};

use crate::{SWITCH, relay_only};

/// In one write: a request in pieces would show as a short read now and then.
#[test]
fn the_request_is_these_bytes_in_one_segment() {
    let server = Fake::start();
    let mut headers = client("none", |config| {
        config.headers.add_line("Authorization: Bearer 7f3a").unwrap();
        config.headers.add("X-Second", "2").unwrap();
    });
    headers.config.timeout = Some(Duration::from_secs(60));
    let addr = server.addr();
    let cases = [
        (relay_only(), Role::Dial, "", "tok", "DIAL /tok", ""),
        (relay_only(), Role::Accept, "/", "tok", "ACCEPT /tok", ""),
        (relay_only(), Role::Accept, "/rdv", "a/b c", "ACCEPT /rdv/a%2Fb%20c", ""),
        (relay_only(), Role::Dial, "/rdv/", "å", "DIAL /rdv/%C3%A5", ""),
        (relay_only(), Role::Dial, "/?q=1", "tok", "DIAL /tok?q=1", ""),
        (relay_only(), Role::Dial, "/a%20b?q=1&r", "50%", "DIAL /a%20b/50%25?q=1&r", ""),
        (headers, Role::Dial, "", "tok", "DIAL /tok", "authorization: Bearer 7f3a\r\nx-second: 2\r\n"),
    ];
    for (client, role, base, token, line, extra) in cases {
        let url: ServerUrl = format!("http://{addr}{base}").parse().unwrap();
        let attempt = Attempt::start(&client, role, &url, token);
        let mut conn = server.accept();
        let expected = format!(
            "{line} HTTP/1.1\r\nHost: {addr}\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\nRdv-Self-Addrs: \r\n{extra}\r\n"
        );
        assert_eq!(String::from_utf8_lossy(&conn.read_once()), expected);
        // It says nothing more, and does not end its stream, until there is an answer.
        conn.expect_silence();
        attempt.cancel();
        conn.expect_closed();
    }
}

/// The connection to the server comes from the port on which the client listens, and tells all of its addresses.
#[test]
fn the_client_listens_where_it_asks_from() {
    let server = Fake::start();
    let attempt = Attempt::start(&client("all", |_| {}), Role::Accept, &server.url(), "tok");
    let asked = server.asked();
    let addr = asked.client_addr();
    let offered: Vec<SocketAddr> =
        asked.header("Rdv-Self-Addrs").split(", ").map(|it| it.parse().unwrap()).collect();
    assert!(offered.len() <= 9, "{offered:?}");
    assert!(offered.is_sorted(), "{offered:?}");
    assert!(offered.iter().all(|it| it.port() == addr.port()), "{offered:?}");
    drop(RawConn::connect(addr));
    attempt.expect_pending();
    attempt.cancel();
    attempt.error();
}

#[test]
fn a_server_on_ipv6_will_do() {
    if !has_ipv6() {
        return;
    }
    let server = Fake::on("[::1]:0");
    let dialer = Attempt::start(&relay_only(), Role::Dial, &server.url(), "tok");
    let mut asked = server.asked();
    assert_eq!(asked.header("Host"), server.addr().to_string());
    asked.conn.send(SWITCH);
    asked.conn.expect("CONTINUE\n");
    assert_eq!(dialer.conn().peer_addr(), server.addr());
}

/// The observed IPv4 address is the one that opens NATs, so it comes first, but it need not be there.
#[test]
fn of_a_name_with_both_families_ipv4_is_tried_first() {
    let both = ("localhost", 1).to_socket_addrs().is_ok_and(|mut all| all.any(|it| it.is_ipv6()));
    if !has_ipv6() || !both {
        eprintln!("skipped: localhost has no IPv6 address");
        return;
    }
    let ipv4 = Fake::start();
    let port = ipv4.addr().port();
    let Ok(listener) = TcpListener::bind(("::1", port)) else {
        eprintln!("skipped: somebody else has port {port} in IPv6");
        return;
    };
    drop(listener);
    let ipv6 = Fake::on(&format!("[::1]:{port}"));
    let url: ServerUrl = format!("http://localhost:{port}").parse().unwrap();
    let expect_at = |server: &Fake| {
        let dialer = Attempt::start(&relay_only(), Role::Dial, &url, "tok");
        let mut asked = server.asked();
        asked.conn.send(SWITCH);
        asked.conn.expect("CONTINUE\n");
        assert_eq!(dialer.conn().peer_addr(), server.addr());
    };
    expect_at(&ipv4);
    assert!(ipv6.accept_within(Duration::ZERO).is_none(), "IPv6 was tried though IPv4 answered");
    drop(ipv4);
    expect_at(&ipv6);
}

/// Not refused but lost on the way: the other family gets its turn after a second.
#[test]
fn a_server_whose_ipv4_is_lost_is_reached_over_ipv6() {
    let both = ("localhost", 1).to_socket_addrs().is_ok_and(|mut all| all.any(|it| it.is_ipv6()));
    let hole = BlackHole::new();
    let port = hole.addr().port();
    if !has_ipv6() || !both || TcpListener::bind(("::1", port)).is_err() {
        eprintln!("skipped: localhost has no IPv6 address, or port {port} is taken there");
        return;
    }
    let ipv6 = Fake::on(&format!("[::1]:{port}"));
    let url: ServerUrl = format!("http://localhost:{port}").parse().unwrap();
    let dialer = Attempt::start(&relay_only(), Role::Dial, &url, "tok");
    let mut asked = ipv6.asked();
    asked.conn.send(SWITCH);
    asked.conn.expect("CONTINUE\n");
    assert_eq!(dialer.conn().peer_addr(), ipv6.addr());
}

#[test]
fn a_server_that_refuses_connections_is_named() {
    let (_socket, addr) = refusing();
    let url = format!("http://{addr}").parse().unwrap();
    let error = Attempt::start(&relay_only(), Role::Dial, &url, "tok").error();
    let Some(ConnectError::Unreachable { tried }) = error.connect_error() else { panic!("{error:?}") };
    assert_eq!(tried[..], [(addr, ErrorKind::ConnectionRefused)]);
    assert_eq!(error.to_string(), format!("cannot reach the server: {addr} connection refused"));
}

/// How long the resolver takes is its own affair, but not longer than the attempt may.
#[test]
fn a_name_without_an_address_is_named() {
    let url = "http://no-such-host.invalid:8080".parse().unwrap();
    let patient = client("none", |config| config.timeout = Some(Duration::from_secs(10)));
    let error = Attempt::start(&patient, Role::Dial, &url, "tok").error();
    assert!(matches!(error, Error::Resolve { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.starts_with("cannot resolve \"no-such-host.invalid\": "), "{text}");
}

#[test]
fn a_name_is_resolved() {
    let server = Fake::start();
    let url: ServerUrl = format!("http://localhost:{}", server.addr().port()).parse().unwrap();
    let dialer = Attempt::start(&relay_only(), Role::Dial, &url, "tok");
    let mut asked = server.asked();
    assert_eq!(asked.header("Host"), format!("localhost:{}", server.addr().port()));
    asked.conn.send(SWITCH);
    asked.conn.expect("CONTINUE\n");
    assert_eq!(dialer.conn().peer_addr(), server.addr());
}

/// A picker has no say before the 101, and the overall timeout is the only one while a client waits for its peer.
#[test]
fn a_server_that_never_answers_is_left_when_the_time_is_over() {
    let server = Fake::start();
    let timeout = Duration::from_millis(200);
    let start = Instant::now();
    let limited = client("all", |config| config.timeout = Some(timeout));
    let dialer = Attempt::start(&limited, Role::Dial, &server.url(), "tok");
    let mut asked = server.asked();
    let error = dialer.error();
    assert!(error.is_timeout(), "{error:?}");
    let phase = error.connect_error();
    assert!(matches!(phase, Some(ConnectError::TimedOut(Phase::Waiting))), "{error:?}");
    assert!(start.elapsed() >= timeout, "{:?}", start.elapsed());
    asked.conn.expect_closed();
}
