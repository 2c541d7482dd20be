//! Through a proxy to the server.

use std::io::ErrorKind;

use super::*;
use crate::tests::journal::changes;
use crate::{Phase, Proxy, ProxyFault};

const PROXY: &str = "10.0.0.1:3128";
const HTTP: &str = "http://proxy.example:3128";
const HTTP_AS_ME: &str = "http://me:secret@proxy.example:3128";
const SOCKS: &str = "socks5://proxy.example";
const SOCKS_AS_ME: &str = "socks5://me:secret@proxy.example";
/// That the server is connected, by the proxy's own address.
const SOCKS_CONNECTED: &[u8] = b"\x05\0\0\x01\x0a\0\0\x01\x12\x34";

fn through(proxy: &str) -> Config {
    Config { proxy: Some(Proxy::parse(proxy).unwrap()), ..Config::default() }
}

/// An attempt whose connection to the proxy stands, with reads that bring `chop` bytes at most.
fn begin(proxy: &str, url: &str, chop: usize) -> (Bench<Connector>, ConnId) {
    let attempt =
        Attempt { url: url.parse().unwrap(), server_addrs: vec![addr(PROXY)], ..attempt(Role::Dial) };
    let mut bench = Bench::begin(&attempt, through(proxy));
    bench.chop = chop;
    let conn = bench.dial(PROXY);
    bench.connects(conn);
    (bench, conn)
}

fn http(proxy: &str) -> (Bench<Connector>, ConnId) {
    begin(proxy, "http://rdv.example/base", usize::MAX)
}

/// What is behind the last thing that the client has written.
fn said_since(bench: &mut Bench<Connector>, conn: ConnId) -> Vec<u8> {
    std::mem::take(&mut bench.wire(conn).written)
}

#[track_caller]
fn fault(bench: &mut Bench<Connector>) -> ProxyFault {
    let error = bench.error();
    let ConnectError::Proxy { proxy, fault } = error else { panic!("another error: {error:?}") };
    assert_eq!(proxy.host(), "proxy.example");
    fault
}

#[test]
fn an_http_proxy_is_asked_for_the_server_by_name() {
    for chop in [1, 3, 14, usize::MAX] {
        for answer in [
            "HTTP/1.1 200 Connection established\r\n\r\n",
            "HTTP/1.0 200 OK\r\nProxy-agent: x\r\nContent-Length: 5\r\n\r\n",
            "HTTP/1.1 200\n\n",
            "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        ] {
            let (mut bench, conn) = begin(HTTP, "http://rdv.example/base", chop);
            let asked = said_since(&mut bench, conn);
            assert_eq!(asked, b"CONNECT rdv.example:80 HTTP/1.1\r\nHost: rdv.example:80\r\n\r\n");
            // The server's bytes may come in the proxy's own segment.
            bench.says(conn, answer.to_owned() + &switching(""));
            assert!(
                said_since(&mut bench, conn).starts_with(b"DIAL /base/tok HTTP/1.1\r\nHost: rdv.example\r\n")
            );
            bench.says(conn, "hello");
            bench.wait(1_000);
            let selected = bench.selected();
            assert_eq!((selected.route, selected.remote), (Route::Relay, addr(PROXY)), "{answer:?}");
            assert_eq!(bench.left_behind(conn), b"hello", "{answer:?} by {chop}");
        }
    }
}

#[test]
fn a_socks_proxy_is_asked_for_the_server_by_name() {
    for chop in [1, 2, 5, usize::MAX] {
        let (mut bench, conn) = begin(SOCKS, "http://rdv.example", chop);
        assert_eq!(said_since(&mut bench, conn), [5, 1, 0]);
        bench.says(conn, [5, 0]);
        assert_eq!(said_since(&mut bench, conn), b"\x05\x01\0\x03\x0brdv.example\0\x50");
        bench.says(conn, [SOCKS_CONNECTED, switching("").as_bytes(), b"hello"].concat());
        assert!(bench.written(conn).starts_with(b"DIAL /tok HTTP/1.1\r\n"));
        bench.wait(1_000);
        assert_eq!(bench.selected().route, Route::Relay);
        assert_eq!(bench.left_behind(conn), b"hello", "by {chop}");
    }
}

#[test]
fn credentials_are_said_to_those_who_ask() {
    let (mut bench, conn) = http(HTTP_AS_ME);
    let asked = String::from_utf8(said_since(&mut bench, conn)).unwrap();
    assert!(asked.contains("\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\n"), "{asked}");
    bench.says(conn, "HTTP/1.1 200 OK\r\n\r\n");
    let asked = String::from_utf8(said_since(&mut bench, conn)).unwrap();
    assert!(!asked.contains("Proxy-Authorization"), "the server is not to know: {asked}");

    for (choice, proves) in [([5, 2], true), ([5, 0], false)] {
        let (mut bench, conn) = http(SOCKS_AS_ME);
        assert_eq!(said_since(&mut bench, conn), [5, 2, 0, 2]);
        bench.says(conn, choice);
        if proves {
            assert_eq!(said_since(&mut bench, conn), b"\x01\x02me\x06secret");
            bench.says(conn, [1, 0]);
        }
        assert!(said_since(&mut bench, conn).starts_with(&[5, 1, 0, 3]));
        bench.says(conn, SOCKS_CONNECTED);
        assert!(said_since(&mut bench, conn).starts_with(b"DIAL "));
    }
}

#[test]
fn tls_begins_behind_the_tunnel() {
    let answers: [(&str, &[&[u8]]); 2] =
        [(HTTP, &[b"HTTP/1.1 200 OK\r\n\r\n"]), (SOCKS, &[b"\x05\0", SOCKS_CONNECTED])];
    for (proxy, answers) in answers {
        let (mut bench, conn) = begin(proxy, "https://rdv.example", usize::MAX);
        answers.iter().for_each(|answer| bench.says(conn, answer));
        assert_eq!(bench.log().last(), Some(&format!("secure {conn:?}")), "{proxy}");
        bench.connects(conn);
        bench.says(conn, switching(""));
        bench.wait(1_000);
        let selected = bench.selected();
        let report = selected.report;
        assert!(report.proxy.is_some() && report.proxy_connected <= report.server_connected, "{report:?}");
    }

    let (mut bench, conn) = begin(HTTP, "https://rdv.example", usize::MAX);
    bench.says(conn, "HTTP/1.1 200 OK\r\n\r\n");
    bench.fails(conn, ErrorKind::InvalidData);
    let error = bench.error();
    assert!(matches!(error, ConnectError::NotSecured(ErrorKind::InvalidData)), "{error:?}");
    assert_eq!(error.to_string(), "cannot secure the connection to the server by TLS: invalid data");
}

#[test]
fn refusals_of_proxies_are_told_from_each_other() {
    type Check = fn(&ProxyFault) -> bool;
    let rows: [(&str, &[&[u8]], Check); 10] = [
        (HTTP, &[b"HTTP/1.1 407 Who\r\nContent-Length: 9\r\n\r\n"], |it| *it == ProxyFault::NoCredentials),
        (HTTP_AS_ME, &[b"HTTP/1.1 407 Who\r\n\r\n"], |it| *it == ProxyFault::BadCredentials),
        (HTTP_AS_ME, &[b"HTTP/1.1 401 Who\r\n\r\n"], |it| *it == ProxyFault::BadCredentials),
        (
            HTTP,
            &[b"HTTP/1.1 403 No\r\n\r\n"],
            |it| matches!(it, ProxyFault::Refused { status, reason } if status.as_u16() == 403 && reason == "No"),
        ),
        (HTTP, &[b"HTTP/1.1 101 S\r\nConnection: upgrade\r\n\r\n"], |it| {
            matches!(it, ProxyFault::Refused { .. })
        }),
        (HTTP, &[b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n"], |it| {
            matches!(it, ProxyFault::Refused { .. })
        }),
        (SOCKS, &[b"\x05\xff"], |it| *it == ProxyFault::NoCredentials),
        (SOCKS_AS_ME, &[b"\x05\xff"], |it| *it == ProxyFault::BadCredentials),
        (SOCKS_AS_ME, &[b"\x05\x02", b"\x01\x01"], |it| *it == ProxyFault::BadCredentials),
        (SOCKS, &[b"\x05\0", b"\x05\x05"], |it| *it == ProxyFault::SocksRefused(5)),
    ];
    for (proxy, answers, check) in rows {
        let (mut bench, conn) = http(proxy);
        answers.iter().for_each(|answer| bench.says(conn, answer));
        let fault = fault(&mut bench);
        assert!(check(&fault), "{proxy}: {fault:?}");
        assert_eq!(bench.state(conn), State::Closed);
    }
}

#[test]
fn what_is_no_answer_of_a_proxy_is_told() {
    let endless = ["HTTP/1.1 200 OK\r\n".to_owned(), "X: y\r\n".repeat(3_000)].concat();
    let rows: [(&str, Vec<u8>); 8] = [
        (HTTP, b"garbage\r\n\r\n and so on".to_vec()),
        (HTTP, b"\n\nHTTP/1.1 200 OK\n\n".to_vec()),
        (HTTP, b"SSH-2.0-OpenSSH_9.9\r\n\r\n".to_vec()),
        (HTTP, b"HTTP/1.1 200 OK\r\nX: y\n\n\n".to_vec()),
        (HTTP, endless.into()),
        (HTTP, "HTTP/1.1 100 Continue\r\n\r\n".repeat(9).into()),
        (SOCKS, b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        (SOCKS, b"\x04\x5a".to_vec()),
    ];
    for (proxy, answer) in rows {
        for chop in [1, usize::MAX] {
            let (mut bench, conn) = begin(proxy, "http://rdv.example", chop);
            bench.says(conn, &answer);
            let fault = fault(&mut bench);
            assert!(matches!(fault, ProxyFault::BadAnswer(_)), "{}: {fault:?}", answer[..9].escape_ascii());
        }
    }
}

/// At every byte of every message the proxy may end, break or fall silent.
#[test]
fn a_proxy_may_leave_at_any_byte() {
    let talks: [(&str, &[&[u8]]); 2] = [
        (HTTP_AS_ME, &[b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n"]),
        (SOCKS_AS_ME, &[b"\x05\x02", b"\x01\0", SOCKS_CONNECTED]),
    ];
    for (proxy, talk) in talks {
        for (i, message) in talk.iter().enumerate() {
            for cut in 0..message.len() {
                for leaves in ["FIN", "RST", "silence"] {
                    let (mut bench, conn) = http(proxy);
                    talk[..i].iter().for_each(|message| bench.says(conn, message));
                    bench.says(conn, &message[..cut]);
                    match leaves {
                        "FIN" => bench.fins(conn),
                        "RST" => bench.fails(conn, ErrorKind::ConnectionReset),
                        _ => bench.wait(10_000),
                    }
                    let fault = fault(&mut bench);
                    let expected = match (leaves, cut) {
                        ("FIN", 0) => fault == ProxyFault::NoAnswer,
                        ("FIN", _) => matches!(fault, ProxyFault::BadAnswer(_)),
                        ("RST", _) => fault == ProxyFault::Lost(ErrorKind::ConnectionReset),
                        _ => fault == ProxyFault::TimedOut,
                    };
                    assert!(expected, "{proxy}: {leaves} at {cut} of message {i}: {fault:?}");
                }
            }
        }
    }
}

#[test]
fn a_proxy_that_cannot_be_reached_is_not_the_server() {
    let unreachable = |server_addrs: Vec<SocketAddr>| {
        let attempt = Attempt { server_addrs, ..attempt(Role::Dial) };
        Bench::begin(&attempt, through(HTTP_AS_ME))
    };
    let mut bench = unreachable(vec![addr(PROXY)]);
    bench.fails(bench.dial(PROXY), ErrorKind::ConnectionRefused);
    let error = bench.error();
    let words = "no way through the proxy http://proxy.example:3128: it cannot be reached: 10.0.0.1:3128 connection refused";
    assert_eq!(error.to_string(), words);

    let mut bench = unreachable(vec![addr(PROXY)]);
    bench.wait(10_000);
    assert!(matches!(fault(&mut bench), ProxyFault::Unreachable { tried } if tried.len() == 1));

    let mut bench = unreachable(Vec::new());
    assert!(matches!(fault(&mut bench), ProxyFault::Unreachable { tried } if tried.is_empty()));
}

/// All the way counts: the dial, the proxy's answers, and TLS.
#[test]
fn the_way_has_the_time_of_a_connection() {
    let attempt = Attempt {
        url: "https://rdv.example".parse().unwrap(),
        server_addrs: vec![addr(PROXY)],
        ..attempt(Role::Dial)
    };
    let begin = || {
        let mut bench = Bench::begin(&attempt, through(SOCKS));
        bench.wait(3_000);
        let conn = bench.dial(PROXY);
        bench.connects(conn);
        bench.wait(3_000);
        bench.says(conn, [5, 0]);
        bench.wait(3_000);
        (bench, conn)
    };
    let (mut bench, _) = begin();
    bench.wait(1_000);
    assert_eq!(fault(&mut bench), ProxyFault::TimedOut);

    let (mut bench, conn) = begin();
    bench.says(conn, SOCKS_CONNECTED);
    bench.wait(1_000);
    let error = bench.error();
    assert!(matches!(error, ConnectError::NotSecured(ErrorKind::TimedOut)), "{error:?}");

    let config = Config { timeout: Some(secs(2)), ..through(HTTP) };
    let mut bench = Bench::begin(&attempt, config);
    bench.connects(bench.dial(PROXY));
    bench.wait(2_000);
    let error = bench.error();
    assert!(matches!(error, ConnectError::TimedOut(Phase::Connecting)), "{error:?}");
}

#[test]
fn a_name_that_socks_has_no_room_for_is_told() {
    let url = format!("http://{}.example", "x".repeat(250));
    let (mut bench, conn) = begin(SOCKS, &url, usize::MAX);
    bench.says(conn, [5, 0]);
    assert_eq!(fault(&mut bench), ProxyFault::NameTooLong);
}

#[test]
fn the_first_hop_is_the_proxy() {
    let url = "https://rdv.example".parse().unwrap();
    assert_eq!(Config::default().first_hop(&url), ("rdv.example", 443));
    assert_eq!(through(SOCKS).first_hop(&url), ("proxy.example", 1080));
}

#[test]
fn no_password_is_in_what_a_client_shows() {
    let (mut bench, conn) = http(HTTP_AS_ME);
    assert!(!format!("{:?}", bench.machine).contains("secret"));
    bench.says(conn, "HTTP/1.1 407 No\r\n\r\n");
    let failure = bench.failure();
    assert!(!format!("{failure:?} {failure}").contains("secret"), "{failure:?}");
}

#[test]
fn the_way_through_a_proxy_is_logged() {
    let course = changes(|| {
        let (mut bench, conn) = begin(SOCKS_AS_ME, "https://rdv.example", usize::MAX);
        bench.says(conn, [5, 2]);
        bench.says(conn, [1, 0]);
        bench.says(conn, SOCKS_CONNECTED);
        bench.connects(conn);
        bench.wait(1);
    });
    assert_eq!(
        course,
        [
            "handshake: [*] -> Connecting",
            "connector: [*] -> Handshake",
            "tunnel: [*] -> Greeting",
            "handshake: Connecting -> Tunneling",
            "tunnel: Greeting -> Choosing",
            "tunnel: Choosing -> Proving",
            "tunnel: Proving -> Judging",
            "tunnel: Judging -> Asking",
            "tunnel: Asking -> Hearing",
            "tunnel: Hearing -> [*]",
            "handshake: Tunneling -> Securing",
            "handshake: Securing -> Requesting",
            "handshake: Requesting -> Waiting",
        ]
    );
}
