//! The client against servers behind TLS.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::thread;
use std::time::Duration;

use rdv_blocking::{Client, tls};
use rdv_core::{ConnectError, Phase, Role, ServerUrl};
use rdv_tests::answer::switching;
use rdv_tests::attempt::{Attempt, client};
use rdv_tests::fake::Fake;
use rdv_tests::server::TestServer;
use rdv_tests::tls::{Authority, TlsFront};
use rdv_tests::{assert_same, has_ipv6, pattern, soon};

#[test]
fn peers_meet_through_an_https_server() {
    let (authority, server) = (Authority::new(), TestServer::start());
    let front = TlsFront::start("127.0.0.1:0", authority.certify("localhost"), server.addr());
    let url = format!("https://localhost:{}/", front.addr().port()).parse().unwrap();
    meet_and_talk(&trusting(&authority), &url);
}

#[test]
fn certificates_may_be_for_addresses() {
    let (authority, server) = (Authority::new(), TestServer::start());
    let front = TlsFront::start("127.0.0.1:0", authority.certify("127.0.0.1"), server.addr());
    meet_and_talk(&trusting(&authority), &format!("https://{}", front.addr()).parse().unwrap());
    if has_ipv6() {
        let front = TlsFront::start("[::1]:0", authority.certify("::1"), server.addr());
        meet_and_talk(&trusting(&authority), &format!("https://{}", front.addr()).parse().unwrap());
    }
}

/// All in one record: what the handshake has not taken is the application's.
#[test]
fn not_a_byte_behind_the_101_is_lost_under_tls() {
    let (authority, server) = (Authority::new(), Fake::start());
    let front = TlsFront::start("127.0.0.1:0", authority.certify("localhost"), server.addr());
    let url: ServerUrl = format!("https://localhost:{}", front.addr().port()).parse().unwrap();
    for len in [0, 1, 63, 64, 65, 1000, 16 * 1024, 100_000] {
        let accepter = Attempt::start(&trusting(&authority), Role::Accept, &url, "tok");
        let asked = server.asked();
        let data = pattern(len, len as u64);
        let head = switching("127.0.0.1:1", "127.0.0.1:2");
        asked.conn.send([head.as_bytes(), b"CONTINUE\n", &data].concat());
        asked.conn.finish();
        let mut conn = accepter.conn();
        let got = soon("all of it", move || {
            let mut got = Vec::new();
            conn.read_to_end(&mut got).map(|_| got)
        });
        assert_same("behind the 101", &got.expect("an orderly end"), &data);
    }
}

/// Anybody on the way can send a FIN, but not a close_notify.
#[test]
fn a_tls_stream_that_is_cut_short_does_not_look_complete() {
    let (authority, server) = (Authority::new(), Fake::start());
    let front = TlsFront::start("127.0.0.1:0", authority.certify("localhost"), server.addr());
    let url: ServerUrl = format!("https://localhost:{}", front.addr().port()).parse().unwrap();
    let accepter = Attempt::start(&trusting(&authority), Role::Accept, &url, "tok");
    let asked = server.asked();
    asked.conn.send(switching("127.0.0.1:1", "127.0.0.1:2") + "CONTINUE\nhello");
    let mut conn = accepter.conn();
    let result = soon("an end", move || {
        let mut got = [0; 5];
        conn.read_exact(&mut got).expect("what came before the end");
        drop(front);
        conn.read_to_end(&mut Vec::new())
    });
    assert_eq!(result.unwrap_err().kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn a_certificate_of_an_unknown_authority_is_refused() {
    let (authority, other, server) = (Authority::new(), Authority::new(), TestServer::start());
    let front = TlsFront::start("127.0.0.1:0", authority.certify("localhost"), server.addr());
    let url = format!("https://localhost:{}", front.addr().port()).parse().unwrap();
    let error = Attempt::start(&trusting(&other), Role::Dial, &url, "tok").error();
    assert!(matches!(error.connect_error(), Some(ConnectError::Unreachable { .. })), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("invalid peer certificate"), "{text}");
    assert!(text.contains(&front.addr().to_string()), "{text}");
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let (authority, server) = (Authority::new(), TestServer::start());
    let front = TlsFront::start("127.0.0.1:0", authority.certify("example.org"), server.addr());
    let url = format!("https://localhost:{}", front.addr().port()).parse().unwrap();
    let error = Attempt::start(&trusting(&authority), Role::Dial, &url, "tok").error();
    let text = error.to_string();
    assert!(text.contains("invalid peer certificate") && text.contains("localhost"), "{text}");
}

#[test]
fn a_server_without_tls_is_no_https_server() {
    // To which the client's first bytes are the beginning of a head.
    let server = TestServer::with(|lobby| lobby.head_timeout = Duration::from_millis(100));
    let url = format!("https://localhost:{}", server.addr().port()).parse().unwrap();
    let error = Attempt::start(&trusting(&Authority::new()), Role::Dial, &url, "tok").error();
    assert!(matches!(error.connect_error(), Some(ConnectError::Unreachable { .. })), "{error:?}");
    assert!(error.to_string().contains("corrupt message"), "{error}");
}

#[test]
fn an_https_server_is_no_http_server() {
    let (authority, server) = (Authority::new(), TestServer::start());
    let front = TlsFront::start("127.0.0.1:0", authority.certify("localhost"), server.addr());
    let url = format!("http://{}", front.addr()).parse().unwrap();
    let error = Attempt::start(&client("none", |_| {}), Role::Dial, &url, "tok").error();
    assert!(error.connect_error().is_some(), "{error:?}");
}

/// The TLS handshake is part of connecting, and as bounded.
#[test]
fn a_silent_tls_server_is_left_when_the_time_is_over() {
    let authority = Authority::new();
    let silent = Fake::start();
    let url: ServerUrl = format!("https://localhost:{}", silent.addr().port()).parse().unwrap();

    let mut limited = trusting(&authority);
    limited.config.connect_timeout = Duration::from_millis(150);
    let attempt = Attempt::start(&limited, Role::Dial, &url, "tok");
    let mut conn = silent.accept();
    let error = attempt.error();
    assert!(matches!(error.connect_error(), Some(ConnectError::Unreachable { .. })), "{error:?}");
    let (_client_hello, _) = conn.read_to_end();

    let mut limited = trusting(&authority);
    limited.config.timeout = Some(Duration::from_millis(150));
    let error = Attempt::start(&limited, Role::Dial, &url, "tok").error();
    let phase = error.connect_error();
    assert!(matches!(phase, Some(ConnectError::TimedOut(Phase::Connecting))), "{error:?}");
}

#[test]
fn a_ca_file_must_be_one() {
    let missing = tls::client_config(Some("/no/such/file.pem".as_ref())).unwrap_err();
    assert!(missing.to_string().starts_with("cannot use the CA file /no/such/file.pem: "), "{missing}");
    let file = std::env::temp_dir().join(format!("rdv-no-ca-{}.pem", std::process::id()));
    std::fs::write(&file, "hello\n").unwrap();
    let empty = tls::client_config(Some(&file));
    std::fs::remove_file(&file).unwrap();
    let text = empty.unwrap_err().to_string();
    assert!(text.contains("it has no certificate in PEM form"), "{text}");
}

/// A listener whose backlog accepts, but that nobody serves: the client is cancelled in its TLS handshake.
#[test]
fn a_tls_handshake_can_be_cancelled() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port()).parse().unwrap();
    let attempt = Attempt::start(&trusting(&Authority::new()), Role::Dial, &url, "tok");
    let (_conn, _) = soon("a connection", move || listener.accept().unwrap());
    attempt.expect_pending();
    attempt.cancel();
    assert!(matches!(attempt.error(), rdv_blocking::Error::Cancelled));
}

fn trusting(authority: &Authority) -> Client {
    let mut client = client("none", |_| {});
    client.tls = Some(tls::client_config(Some(authority.file())).unwrap());
    client
}

/// Both directions at once, with half-close, through the relay.
fn meet_and_talk(client: &Client, url: &ServerUrl) {
    let dialer = Attempt::start(client, Role::Dial, url, "secured");
    let accepter = Attempt::start(client, Role::Accept, url, "secured");
    let conns = [dialer.conn(), accepter.conn()];
    for conn in &conns {
        assert!(conn.is_relay(), "{conn:?}");
    }
    let conns = conns.map(|conn| *conn.into_tcp().expect_err("there is no plain stream under TLS"));
    let sent = [pattern(300_000, 1), pattern(200_000, 2)];
    let expected = sent.clone();
    let got = soon("a transfer in both directions", move || {
        thread::scope(|scope| {
            let readers = conns.each_ref().map(|conn| {
                scope.spawn(move || {
                    let mut got = Vec::new();
                    (&mut &*conn).read_to_end(&mut got).map(|_| got)
                })
            });
            for (conn, data) in conns.iter().zip(sent) {
                scope.spawn(move || {
                    (&mut &*conn).write_all(&data).unwrap();
                    conn.shutdown(Shutdown::Write).unwrap();
                });
            }
            readers.map(|reader| reader.join().unwrap())
        })
    });
    let [at_dialer, at_accepter] = got.map(|got| got.expect("an orderly end"));
    assert_same("at the accepter", &at_accepter, &expected[0]);
    assert_same("at the dialer", &at_dialer, &expected[1]);
}
