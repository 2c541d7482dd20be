//! Through a proxy to the server.

use std::time::Duration;

use rdv_core::{ConnectError, Phase, Proxy, ProxyFault, Role, Route, ServerUrl};
use rdv_tests::adapter::{Adapter, Blocking, Party, exchange, meet};
use rdv_tests::answer::switching;
use rdv_tests::fake::{BlackHole, Fake};
use rdv_tests::ground::token;
use rdv_tests::proxy::{PASSWORD, Speaks, TestProxy, USER};
use rdv_tests::server::TestServer;
use rdv_tests::tls::Authority;
use rdv_tests::{for_each_adapter, pattern, refusing};

for_each_adapter! {
    relayed_through_either_kind
    direct_all_the_same
    passwords
    server_that_the_proxy_cannot_reach
    certificate_of_a_stranger
    bytes_in_the_segment_of_the_answer
    proxy_that_says_nothing
    proxy_that_is_not_there
    proxy_that_is_no_proxy
    proxy_by_name
    cancelled_on_the_way
}

/// By a name that the proxy alone can resolve, in clear and over TLS. The peer needs no proxy.
fn relayed_through_either_kind(subject: &'static dyn Adapter) {
    for speaks in Speaks::EACH {
        for is_tls in [false, true] {
            let authority = Authority::new();
            let name = "rdv.test";
            let certificate = is_tls.then(|| authority.certify(name).into());
            let server = TestServer::of(&Blocking, "127.0.0.1:0", certificate, |_| {});
            let proxy = TestProxy::start(speaks, false, server.addr());
            let url: ServerUrl =
                format!("{}://{name}", if is_tls { "https" } else { "http" }).parse().unwrap();
            for role in [Role::Dial, Role::Accept] {
                eprintln!("{speaks:?}, {url}, {role}");
                // Both by a proxy: neither knows the name. One of them is the subject.
                let party = |adapter| through(adapter, &proxy.url("")).tls(authority.trusted());
                let (one, two) = meet((&party(subject), role), &party(&Blocking), &url, token());
                assert!(one.is_relay && two.is_relay);
                assert_eq!(
                    (one.peer_addr, one.report.chosen),
                    (proxy.addr(), Some((proxy.addr(), Route::Relay)))
                );
                let told = one.report.proxy.as_ref().map(Proxy::to_string);
                assert_eq!(told, Some(proxy.url("")), "what the report says");
                let observed = one.meta.observed.expect("an observed address");
                assert!(!one.meta.self_addrs.contains(&observed), "the proxy's, not ours: {observed}");
                exchange(&one, &two, &pattern(300_000, 1), &pattern(200_000, 2));
            }
            let port = url.port();
            assert_eq!(proxy.asked(), vec![format!("{name}:{port}"); 4]);
        }
    }
}

/// By the addresses that the two tell of themselves.
fn direct_all_the_same(subject: &'static dyn Adapter) {
    let server = TestServer::start();
    for speaks in Speaks::EACH {
        let proxy = TestProxy::start(speaks, false, server.addr());
        for role in [Role::Dial, Role::Accept] {
            let one =
                Party::new(subject, "loopback4").with(|config| config.proxy = Some(parsed(&proxy.url(""))));
            let two = Party::new(&Blocking, "loopback4");
            let (one, two) = meet((&one, role), &two, &server.url(), token());
            assert!(!one.is_relay && !two.is_relay, "{speaks:?}, {role}");
            assert!(one.report.proxy.is_some(), "{speaks:?}, {role}");
            exchange(&one, &two, b"ping", b"pong");
        }
    }
}

fn passwords(subject: &'static dyn Adapter) {
    let server = TestServer::start();
    for speaks in Speaks::EACH {
        let proxy = TestProxy::start(speaks, true, server.addr());
        let good = format!("{USER}:{}@", PASSWORD.replace(':', "%3A"));
        let one = through(subject, &proxy.url(&good));
        let (one, two) = meet((&one, Role::Dial), &Party::new(&Blocking, "none"), &server.url(), token());
        exchange(&one, &two, b"ping", b"pong");

        for (credentials, expected) in
            [("", ProxyFault::NoCredentials), ("me:wrong@", ProxyFault::BadCredentials)]
        {
            let party = through(subject, &proxy.url(credentials));
            let failure = party.start(Role::Dial, &server.url(), token()).failure();
            assert_eq!(fault(&failure.connect), &expected, "{speaks:?}: {}", failure.text);
            assert!(!failure.text.contains("wrong"), "{}", failure.text);
            assert!(!failure.is_timeout);
        }
    }
}

fn server_that_the_proxy_cannot_reach(subject: &'static dyn Adapter) {
    let (_refuses, addr) = refusing();
    for speaks in Speaks::EACH {
        let proxy = TestProxy::start(speaks, false, addr);
        let url = "http://rdv.test:99".parse().unwrap();
        let failure = through(subject, &proxy.url("")).start(Role::Accept, &url, token()).failure();
        let fault = fault(&failure.connect);
        assert!(matches!(fault, ProxyFault::Refused { .. } | ProxyFault::SocksRefused(5)), "{fault:?}");
        assert!(failure.text.contains("it cannot reach the server"), "{}", failure.text);
        assert!(failure.text.contains(&proxy.url("")), "{}", failure.text);
    }
}

fn certificate_of_a_stranger(subject: &'static dyn Adapter) {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = TestServer::of(&Blocking, "127.0.0.1:0", Some(authority.certify("rdv.test").into()), |_| {});
    for speaks in Speaks::EACH {
        let proxy = TestProxy::start(speaks, false, server.addr());
        let party = through(subject, &proxy.url("")).tls(other.trusted());
        let url = "https://rdv.test".parse().unwrap();
        let failure = party.start(Role::Dial, &url, token()).failure();
        assert!(matches!(failure.connect, Some(ConnectError::NotSecured(_))), "{failure:?}");
        assert!(failure.text.contains("invalid peer certificate"), "{}", failure.text);
    }
}

/// All that the server has to say comes along with the last of what the proxy has to say.
fn bytes_in_the_segment_of_the_answer(subject: &'static dyn Adapter) {
    let said = switching("192.0.2.1:1", "") + "CONTINUE\n";
    for (speaks, last) in [
        (Speaks::Http, &b"HTTP/1.1 200 OK\r\n\r\n"[..]),
        (Speaks::Socks5, b"\x05\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    ] {
        let proxy = Fake::start();
        let party = through(subject, &format!("{}://{}", speaks.scheme(), proxy.addr()));
        let trial = party.start(Role::Accept, &"http://rdv.test".parse().unwrap(), token());
        let mut conn = proxy.accept();
        match speaks {
            Speaks::Http => drop(conn.read_until("\r\n\r\n")),
            Speaks::Socks5 => {
                conn.expect([5, 1, 0]);
                conn.send([5, 0]);
                conn.expect(b"\x05\x01\0\x03\x08rdv.test\0\x50");
            }
        }
        conn.send([last, said.as_bytes(), b"hello"].concat());
        conn.read_until("\r\n\r\n");
        conn.finish();
        let accepter = trial.conn();
        accepter.expect("hello");
        accepter.expect_end();
    }
}

/// At each step: the one timeout or the other ends it.
fn proxy_that_says_nothing(subject: &'static dyn Adapter) {
    let (short, long) = (Duration::from_millis(150), Duration::from_secs(60));
    let talks: [(Speaks, &[&[u8]]); 5] = [
        (Speaks::Http, &[]),
        (Speaks::Http, &[b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"]),
        (Speaks::Socks5, &[]),
        (Speaks::Socks5, &[b"\x05"]),
        (Speaks::Socks5, &[b"\x05\0", b"\x05\0\0\x01\0"]),
    ];
    for (speaks, talk) in talks {
        for (connect_timeout, timeout) in [(short, None), (long, Some(short))] {
            let proxy = Fake::start();
            let party = through(subject, &format!("{}://{}", speaks.scheme(), proxy.addr())).with(|config| {
                config.connect_timeout = connect_timeout;
                config.timeout = timeout;
            });
            let trial = party.start(Role::Dial, &"http://rdv.test".parse().unwrap(), token());
            let mut conn = proxy.accept();
            talk.iter().for_each(|says| conn.send(says));
            let failure = trial.failure();
            match failure.connect {
                Some(ConnectError::TimedOut(Phase::Connecting)) if timeout.is_some() => {}
                connect => {
                    let fault = fault(&connect);
                    assert!(
                        timeout.is_none() && *fault == ProxyFault::TimedOut,
                        "{speaks:?}, {talk:?}: {fault:?}"
                    );
                }
            }
            conn.read_to_end();
        }
    }
    let hole = BlackHole::new();
    let party =
        through(subject, &format!("socks5://{}", hole.addr())).with(|config| config.connect_timeout = short);
    let failure = party.start(Role::Dial, &"http://rdv.test".parse().unwrap(), token()).failure();
    assert!(matches!(fault(&failure.connect), ProxyFault::Unreachable { .. }), "{failure:?}");
}

fn proxy_that_is_not_there(subject: &'static dyn Adapter) {
    let (_refuses, addr) = refusing();
    let server = TestServer::start();
    let failure =
        through(subject, &format!("http://{addr}")).start(Role::Dial, &server.url(), token()).failure();
    let ProxyFault::Unreachable { tried } = fault(&failure.connect) else { panic!("{failure:?}") };
    assert_eq!(tried.iter().map(|(addr, _)| *addr).collect::<Vec<_>>(), [addr]);
}

/// Each kind is taken for the other.
fn proxy_that_is_no_proxy(subject: &'static dyn Adapter) {
    let server = TestServer::start();
    for [speaks, taken_for] in [[Speaks::Http, Speaks::Socks5], [Speaks::Socks5, Speaks::Http]] {
        let proxy = TestProxy::start(speaks, false, server.addr());
        let party = through(subject, &format!("{}://{}", taken_for.scheme(), proxy.addr()))
            // A proxy of the one kind may well wait for more of what is not its own.
            .with(|config| config.connect_timeout = Duration::from_millis(500));
        let failure = party.start(Role::Dial, &server.url(), token()).failure();
        fault(&failure.connect);
    }
    // The server itself is none either.
    let failure = through(subject, &format!("http://{}", server.addr()))
        .start(Role::Dial, &server.url(), token())
        .failure();
    assert!(matches!(fault(&failure.connect), ProxyFault::Refused { .. }), "{failure:?}");
}

fn proxy_by_name(subject: &'static dyn Adapter) {
    let server = TestServer::start();
    let proxy = TestProxy::start(Speaks::Http, false, server.addr());
    let named = format!("http://localhost:{}", proxy.addr().port());
    let (one, two) = (through(subject, &named), Party::new(&Blocking, "none"));
    let (one, two) = meet((&one, Role::Accept), &two, &server.url(), token());
    exchange(&one, &two, b"ping", b"pong");
    assert_eq!(proxy.asked(), [server.addr().to_string()]);
}

/// The proxy sees its connection end.
fn cancelled_on_the_way(subject: &'static dyn Adapter) {
    let talks: [(&str, &str, &[&[u8]]); 4] = [
        ("http", "http://rdv.test", &[]),
        ("socks5", "http://rdv.test", &[b"\x05"]),
        ("socks5", "http://rdv.test", &[b"\x05\0", b"\x05\0\0"]),
        // TLS has begun.
        ("http", "https://rdv.test", &[b"HTTP/1.1 200 OK\r\n\r\n"]),
    ];
    for (scheme, url, talk) in talks {
        let proxy = Fake::start();
        let party = through(subject, &format!("{scheme}://{}", proxy.addr())).tls(Authority::new().trusted());
        let trial = party.start(Role::Dial, &url.parse().unwrap(), token());
        let mut conn = proxy.accept();
        let mut heard = conn.read_once();
        for says in talk {
            conn.send(says);
        }
        if url.starts_with("https") {
            heard = conn.read_once();
            assert_eq!(heard[0], 22, "a TLS record of the handshake");
        }
        assert!(!heard.is_empty());
        trial.cancelled();
        conn.read_to_end();
    }
}

/// A client that has the relay alone, behind this proxy.
fn through(adapter: &'static dyn Adapter, proxy: &str) -> Party {
    Party::new(adapter, "none").with(|config| config.proxy = Some(parsed(proxy)))
}

fn parsed(proxy: &str) -> Proxy {
    Proxy::parse(proxy).unwrap_or_else(|err| panic!("{proxy}: {err}"))
}

#[track_caller]
fn fault(error: &Option<ConnectError>) -> &ProxyFault {
    match error {
        Some(ConnectError::Proxy { fault, .. }) => fault,
        other => panic!("not about the proxy: {other:?}"),
    }
}
