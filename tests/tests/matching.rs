//! Who is matched with whom, and what each is told of the other (rdv/1 sections 1 and 2).

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Instant;

use rdv_core::Observed;
use rdv_core::http::HeaderName;
use rdv_tests::answer::{expect_matched, read_told, request, switching};
use rdv_tests::has_ipv6;
use rdv_tests::raw::RawConn;
use rdv_tests::server::TestServer;

/// The reference's paths, and whether they name one token.
#[test]
fn paths_that_name_one_token() {
    const PATHS: [(&str, &str, bool); 25] = [
        ("/tok", "/tok", true),
        ("/tok?x=1", "/tok", true),
        ("/tok#f", "/tok", false),
        ("/%74ok", "/tok", true),
        ("/a%2Fb", "/a/b", true),
        ("/a%2fb", "/a%2Fb", true),
        ("/a/../b", "/b", false),
        ("/a/./b", "/a/b", false),
        ("/a//b", "/a/b", false),
        ("/tok/", "/tok", false),
        ("//tok", "/tok", false),
        ("/Tok", "/tok", false),
        ("/a+b", "/a%20b", false),
        ("/a+b", "/a%2Bb", true),
        ("/%C3%A5", "/å", true),
        ("/%c3%a5", "/%C3%A5", true),
        ("/%FF", "/%ff", true),
        ("http://h/tok", "/tok", true),
        ("/tok;p=1", "/tok", false),
        ("/%00", "/%00", true),
        ("/a%0Ab", "/a%0Ab", true),
        ("/%25", "/%25", true),
        ("/tok%20", "/tok", false),
        ("/.", "/.", true),
        ("/..", "/..", true),
    ];
    let server = TestServer::start();
    for (dialed, accepted, match_expected) in PATHS {
        let (mut dialer, mut accepter) = (server.connect(), server.connect());
        accepter.send(request("ACCEPT", accepted, ""));
        server.settle();
        dialer.send(request("DIAL", dialed, ""));
        server.settle();
        eprintln!("DIAL {dialed} and ACCEPT {accepted}, expected to match: {match_expected}");
        if match_expected {
            expect_matched(&mut dialer, &mut accepter);
        } else {
            // Each is sent away alone: neither had a peer.
            for client in [&mut dialer, &mut accepter] {
                client.send("x");
                assert_eq!(read_told(client).code, "not-idle", "DIAL {dialed} and ACCEPT {accepted}");
            }
        }
    }
}

/// What a dialer says of itself, and what the accepter reads of it. PORT is the dialer's own.
#[test]
fn peer_addresses_are_written_in_one_way() {
    const LISTS: [(&str, &str); 13] = [
        ("", "127.0.0.1:PORT"),
        ("10.0.0.2:5, 10.0.0.1:6, 10.0.0.1:5", "10.0.0.1:5, 10.0.0.1:6, 10.0.0.2:5, 127.0.0.1:PORT"),
        ("10.0.0.1:5,10.0.0.1:5", "10.0.0.1:5, 127.0.0.1:PORT"),
        ("   10.0.0.1:5   ,\t10.0.0.3:5", "10.0.0.1:5, 10.0.0.3:5, 127.0.0.1:PORT"),
        (
            "[::1]:5, 10.0.0.1:5, [2001:DB8:0:0::1]:5, [fd00::1]:9",
            "10.0.0.1:5, 127.0.0.1:PORT, [::1]:5, [2001:db8::1]:5, [fd00::1]:9",
        ),
        // Ours: mapped addresses are unmapped. The reference keeps [::ffff:10.0.0.1]:5, as IPv6.
        ("[::ffff:10.0.0.1]:5, 10.0.0.1:5", "10.0.0.1:5, 127.0.0.1:PORT"),
        ("[::ffff:10.9.9.9]:5", "10.9.9.9:5, 127.0.0.1:PORT"),
        // Ours: zones mean something on one machine only, and are dropped. The reference passes them on.
        ("[fe80::1%eth0]:5, [fe80::1]:5", "127.0.0.1:PORT, [fe80::1]:5"),
        (
            "10.0.0.1:0, 0.0.0.0:1, 255.255.255.255:65535, 224.0.0.1:9",
            "0.0.0.0:1, 10.0.0.1:0, 127.0.0.1:PORT, 224.0.0.1:9, 255.255.255.255:65535",
        ),
        ("10.0.0.1:080", "10.0.0.1:80, 127.0.0.1:PORT"),
        ("127.0.0.1:PORT", "127.0.0.1:PORT"),
        ("10.0.0.1:10, 10.0.0.1:9", "10.0.0.1:9, 10.0.0.1:10, 127.0.0.1:PORT"),
        (
            "200.0.0.1:5, 9.0.0.1:5, 127.0.0.1:1, 127.0.0.1:65535",
            "9.0.0.1:5, 127.0.0.1:1, 127.0.0.1:PORT, 127.0.0.1:65535, 200.0.0.1:5",
        ),
    ];
    let server = TestServer::start();
    for (i, (said, read)) in LISTS.into_iter().enumerate() {
        eprintln!("Rdv-Self-Addrs: {said}");
        let target = format!("/addrs{i}");
        let (mut dialer, mut accepter) = (server.connect(), server.connect());
        let port = dialer.local_addr().port().to_string();
        accepter.send(request("ACCEPT", &target, ""));
        server.settle();
        dialer.send(request("DIAL", &target, &said.replace("PORT", &port)));
        accepter.expect(switching(accepter.local_addr(), read.replace("PORT", &port)));
        dialer.expect(switching(dialer.local_addr(), accepter.local_addr()));
    }
}

#[test]
fn of_repeated_address_headers_the_first_counts() {
    let server = TestServer::start();
    let (mut dialer, mut accepter) = (server.connect(), server.connect());
    let twice = "10.0.0.1:1\r\nRdv-Self-Addrs: 10.0.0.2:2";
    dialer.send(request("DIAL", "/twice", twice));
    server.settle();
    accepter.send(request("ACCEPT", "/twice", ""));
    let listed = format!("10.0.0.1:1, {}", dialer.local_addr());
    accepter.expect(switching(accepter.local_addr(), listed));
    dialer.expect(switching(dialer.local_addr(), accepter.local_addr()));
}

/// Whoever may write that header could point a peer anywhere: an operator has to name it first.
#[test]
fn forwarded_headers_are_not_believed_unasked() {
    let server = TestServer::start();
    let (mut dialer, mut accepter) = (server.connect(), server.connect());
    let spoofed = "\r\nX-Forwarded-For: 192.0.2.1\r\nForwarded: for=192.0.2.1";
    dialer.send(request("DIAL", "/xff", spoofed));
    server.settle();
    accepter.send(request("ACCEPT", "/xff", ""));
    expect_matched(&mut dialer, &mut accepter);
}

/// Behind a proxy, the observed address is what the proxy says, in the header that the operator has named.
#[test]
fn a_proxys_header_is_believed_if_asked_for() {
    let named = || Observed::Header(HeaderName::from_static("x-client"));
    let server = TestServer::with(|lobby| lobby.observed = named());
    let ask = |method: &str, client: &str| {
        let conn = server.connect();
        conn.send(request(method, "/proxied", &format!("10.0.0.1:1\r\nX-Client: {client}")));
        conn
    };
    let mut dialer = ask("DIAL", "192.0.2.1:5");
    let mut accepter = ask("ACCEPT", "[2001:db8::1]:6");
    dialer.expect(switching("192.0.2.1:5", "10.0.0.1:1, [2001:db8::1]:6"));
    accepter.expect(switching("[2001:db8::1]:6", "10.0.0.1:1, 192.0.2.1:5"));
    // Some proxies put brackets around any address.
    let (mut dialer, mut accepter) = (ask("DIAL", "[192.0.2.3]:7"), ask("ACCEPT", "[::ffff:192.0.2.4]:8"));
    dialer.expect(switching("192.0.2.3:7", "10.0.0.1:1, 192.0.2.4:8"));
    accepter.expect(switching("192.0.2.4:8", "10.0.0.1:1, 192.0.2.3:7"));
    // Whoever gets past the proxy has no such header, and a proxy that writes no port is of no use.
    for without in ["", "192.0.2.1", "unknown, 192.0.2.1:5"] {
        let mut direct = ask("DIAL", without);
        let told = read_told(&mut direct);
        assert_eq!((told.status, told.code.as_str()), (400, "no-observed-addr"), "X-Client: {without}");
        assert!(told.body.contains("x-client"), "{}", told.body);
    }
}

#[test]
fn ipv6_clients_are_observed_as_such() {
    if !has_ipv6() {
        return;
    }
    let server = TestServer::on("[::1]:0", |_| {});
    let (dialer, mut accepter) = server.pair("/v6");
    assert!(dialer.local_addr().is_ipv6(), "{dialer:?}");
    dialer.send("CONTINUE\n");
    accepter.expect("CONTINUE\n");
}

#[test]
fn a_listener_for_both_families_sees_ipv4_as_ipv4() {
    if !has_ipv6() {
        return;
    }
    let server = TestServer::on(":0", |_| {});
    let ports: Vec<u16> = server.addrs().iter().map(SocketAddr::port).collect();
    assert_eq!(ports.len(), 2, "listens on {:?}", server.addrs());
    assert_eq!(ports[0], ports[1], "listens on {:?}", server.addrs());
    let mut dialer = RawConn::connect(([127, 0, 0, 1], ports[0]).into());
    let mut accepter = RawConn::connect(format!("[::1]:{}", ports[0]).parse().unwrap());
    dialer.send(request("DIAL", "/both", ""));
    accepter.send(request("ACCEPT", "/both", ""));
    assert!(dialer.local_addr().is_ipv4(), "{dialer:?}");
    expect_matched(&mut dialer, &mut accepter);
}

/// The reference writes its 101 in 18 small segments, which overruns the first congestion window. A reader that never
/// sleeps sees the first of several segments before the next one is there.
#[test]
fn a_101_comes_in_one_segment() {
    let server = TestServer::start();
    for round in 0..60 {
        let target = format!("/one{round}");
        let (watches, other) = if round % 2 == 0 { ("DIAL", "ACCEPT") } else { ("ACCEPT", "DIAL") };
        // The first and the second to come are answered in different ways.
        let (watcher, peer) = if round % 4 < 2 {
            let watcher = server.ask(watches, &target);
            server.settle();
            (watcher, server.connect())
        } else {
            let peer = server.ask(other, &target);
            server.settle();
            (server.connect(), peer)
        };
        let expected = switching(watcher.local_addr(), peer.local_addr());
        watcher.tcp().set_nonblocking(true).unwrap();
        let late = if round % 4 < 2 { request(other, &target, "") } else { request(watches, &target, "") };
        if round % 4 < 2 {
            peer.send(late)
        } else {
            watcher.send(late)
        }
        let deadline = Instant::now() + rdv_tests::SOON;
        let mut first_seen = [0; 1024];
        let len = loop {
            match watcher.tcp().peek(&mut first_seen) {
                Ok(len) => break len,
                Err(err) if err.kind() == ErrorKind::WouldBlock => {}
                Err(err) => panic!("cannot read: {err}"),
            }
            assert!(Instant::now() < deadline, "no answer");
        };
        let first_seen = String::from_utf8_lossy(&first_seen[..len]);
        assert_eq!(first_seen, expected, "the first segment must bring all of it");
    }
}

#[test]
fn a_token_too_long_for_a_direct_connection_is_paired_all_the_same() {
    let server = TestServer::start();
    let (dialer, mut accepter) = server.pair(&format!("/{}", "t".repeat(8000)));
    dialer.send("CONTINUE\n");
    accepter.expect("CONTINUE\n");
}
