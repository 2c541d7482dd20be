//! Up to the 101, or to whatever comes instead.

use std::io::ErrorKind;

use super::*;
use crate::wire::BadAnswer;

const SERVER_B: &str = "192.0.2.2:80";
const SERVER_C: &str = "192.0.2.3:80";
const SERVER_6: &str = "[2001:db8::1]:80";
const SERVER_6B: &str = "[2001:db8::2]:80";

fn at(servers: &[&str]) -> Bench<Connector> {
    let server_addrs = servers.iter().map(|server| addr(server)).collect();
    Bench::begin(&Attempt { server_addrs, ..attempt(Role::Dial) }, Config::default())
}

/// An attempt that has sent its request, with reads that bring `chop` bytes at most.
fn asking(chop: usize) -> (Bench<Connector>, ConnId) {
    let mut bench = at(&[SERVER]);
    bench.chop = chop;
    let server = bench.dial(SERVER);
    bench.connects(server);
    (bench, server)
}

#[test]
fn the_request_is_one_write() {
    let (mut bench, server) = asking(usize::MAX);
    assert_eq!(
        bench.log(),
        [format!("connect {server:?} {SERVER}"), format!("write {server:?} DIAL /rdv/tok HTTP/1.1")]
    );
    let expected = "DIAL /rdv/tok HTTP/1.1\r\nHost: example.com\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n\
                    Rdv-Self-Addrs: 10.0.0.5:7000\r\n\r\n";
    assert_eq!(bench.written(server), expected.as_bytes());
    assert_eq!(bench.deadline, None, "how long to wait for the peer is the server's affair");
}

#[test]
fn ipv4_has_a_head_start_of_250_ms() {
    let mut bench = at(&[SERVER_6, SERVER]);
    assert_eq!((bench.dials(SERVER), bench.dials(SERVER_6)), (1, 0));
    bench.wait(249);
    assert_eq!(bench.dials(SERVER_6), 0);
    bench.wait(1);
    assert_eq!(bench.dials(SERVER_6), 1);
}

#[test]
fn ipv6_is_tried_at_once_when_ipv4_has_failed() {
    let mut bench = at(&[SERVER_6, SERVER]);
    bench.fails(bench.dial(SERVER), ErrorKind::NetworkUnreachable);
    let server = bench.dial(SERVER_6);
    bench.connects(server);
    bench.says(server, switching(""));
    bench.wait(1000);
    assert_eq!(bench.selected().remote, addr(SERVER_6));
}

#[test]
fn a_server_with_ipv6_only_is_dialled_at_once() {
    assert_eq!(at(&[SERVER_6]).dials(SERVER_6), 1);
}

/// RFC 8305 section 4: neither family waits behind a row of dead addresses of the other.
#[test]
fn families_take_turns_250_ms_apart_and_in_their_order() {
    let servers = [SERVER_B, SERVER_6, SERVER, SERVER_6, SERVER_C, SERVER_B, SERVER_6B];
    let mut bench = at(&servers);
    let mut seen = Vec::new();
    for tick in 0..=200 {
        for remote in [SERVER, SERVER_B, SERVER_C, SERVER_6, SERVER_6B] {
            if bench.dials(remote) == 1 && !seen.iter().any(|(_, other)| *other == remote) {
                seen.push((tick * 10, remote));
            }
        }
        bench.wait(10);
    }
    assert_eq!(seen, [(0, SERVER_B), (250, SERVER_6), (500, SERVER), (750, SERVER_6B), (1000, SERVER_C)]);
    assert!(servers.iter().all(|server| bench.dials(server) == 1), "an address that is named twice is one");
}

#[test]
fn a_dial_that_fails_starts_the_next_at_once() {
    let mut bench = at(&[SERVER, SERVER_B, SERVER_6, SERVER_6B]);
    bench.wait(250);
    bench.fails(bench.dial(SERVER_6), ErrorKind::NetworkUnreachable);
    assert_eq!(bench.dials(SERVER_B), 1, "although the first one is still out");
    bench.wait(249);
    assert_eq!(bench.dials(SERVER_6B), 0, "and has its 250 ms");
    bench.wait(1);
    assert_eq!(bench.dials(SERVER_6B), 1);
    let open = [SERVER, SERVER_B, SERVER_6B].map(|server| bench.dial(server));
    for conn in open {
        assert_eq!(bench.state(conn), State::Dialing, "no SYN is given up");
    }
}

#[test]
fn the_first_connection_wins_and_the_others_are_closed() {
    let mut bench = at(&[SERVER, SERVER_B, SERVER_C]);
    bench.wait(300);
    let (first, second) = (bench.dial(SERVER), bench.dial(SERVER_B));
    bench.connects(second);
    assert_eq!((bench.state(first), bench.state(second)), (State::Closed, State::Open));
    bench.wait(60_000);
    assert_eq!(bench.dials(SERVER_C), 0);
}

#[test]
fn an_unreachable_server_is_reported_with_every_reason() {
    let mut bench = at(&[SERVER, SERVER_B, SERVER_6]);
    bench.fails(bench.dial(SERVER), ErrorKind::ConnectionRefused);
    bench.fails(bench.dial(SERVER_6), ErrorKind::NetworkUnreachable);
    bench.wait(100);
    bench.fails(bench.dial(SERVER_B), ErrorKind::HostUnreachable);
    let ConnectError::Unreachable { tried } = bench.error() else { panic!("another error") };
    let expected = [
        (addr(SERVER), ErrorKind::ConnectionRefused),
        (addr(SERVER_6), ErrorKind::NetworkUnreachable),
        (addr(SERVER_B), ErrorKind::HostUnreachable),
    ];
    assert_eq!(tried, expected);
}

#[test]
fn the_server_has_10_seconds_to_be_reached() {
    let mut bench = at(&[SERVER, SERVER_6]);
    bench.wait(9_999);
    assert!(bench.events.is_empty());
    bench.wait(1);
    let ConnectError::Unreachable { tried } = bench.error() else { panic!("another error") };
    assert_eq!(tried, [(addr(SERVER), ErrorKind::TimedOut), (addr(SERVER_6), ErrorKind::TimedOut)]);
}

/// "In the order of trying", it is promised, not in that of failing.
#[test]
fn failed_dials_are_listed_in_the_order_of_trying() {
    let mut bench = at(&[SERVER, SERVER_B, SERVER_C]);
    bench.wait(500);
    bench.fails(bench.dial(SERVER_B), ErrorKind::ConnectionRefused);
    bench.fails(bench.dial(SERVER), ErrorKind::HostUnreachable);
    bench.wait(10_000);
    let ConnectError::Unreachable { tried } = bench.error() else { panic!("another error") };
    let order: Vec<_> = tried.iter().map(|(remote, _)| *remote).collect();
    assert_eq!(order, [addr(SERVER), addr(SERVER_B), addr(SERVER_C)]);
}

#[test]
fn a_server_without_an_address_is_unreachable() {
    let mut bench = at(&[]);
    let error = bench.error();
    assert!(matches!(&error, ConnectError::Unreachable { tried } if tried.is_empty()), "{error:?}");
    assert_eq!(error.to_string(), "the server has no address");
}

/// Heads and bodies of refusals, and what is kept of the body.
#[test]
fn refusals_are_read_to_their_end() {
    let rows: &[(&str, &str, &str)] = &[
        ("a length", "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope and more", "nope"),
        ("length 0", "HTTP/1.1 302 Found\r\nLocation: http://h/\r\nContent-Length: 0\r\n\r\n", ""),
        ("bare LF", "HTTP/1.1 403 Forbidden\nContent-Length: 2\n\nno", "no"),
        ("a tiny head", "HTTP/1.1 500 X\r\nContent-Length: 3\r\n\r\nxyz", "xyz"),
        ("no body", "HTTP/1.1 204 No Content\r\n\r\n", ""),
        ("a success", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "hi"),
    ];
    for (name, answer, body) in rows {
        for chop in [1, 3, usize::MAX] {
            let (mut bench, server) = asking(chop);
            bench.says(server, answer);
            let ConnectError::Refused(refusal) = bench.error() else { panic!("{name}: another error") };
            assert_eq!(refusal.body, body.as_bytes(), "{name}");
            assert!(answer.contains(refusal.status.as_str()), "{name}: {}", refusal.status);
        }
    }
}

#[test]
fn a_refusal_without_a_length_ends_with_the_stream_or_after_2_seconds() {
    let answer = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\nno matching peer found";
    for chop in [1, usize::MAX] {
        for ending in ["FIN", "RST", "silence"] {
            let (mut bench, server) = asking(chop);
            bench.says(server, answer);
            bench.wait(1_999);
            assert!(bench.events.is_empty(), "{ending}");
            match ending {
                "FIN" => bench.fins(server),
                "RST" => bench.fails(server, ErrorKind::ConnectionReset),
                _ => bench.wait(1),
            }
            let error = bench.error();
            let ConnectError::Refused(refusal) = &error else { panic!("{ending}: {error:?}") };
            assert_eq!(refusal.text(), "no matching peer found", "{ending}");
            assert!(error.to_string().ends_with("408 Request Timeout: no matching peer found"), "{error}");
        }
    }
}

#[test]
fn a_kib_of_a_refusal_is_enough() {
    for length in ["", "Content-Length: 5000\r\n"] {
        let (mut bench, server) = asking(usize::MAX);
        bench.says(server, format!("HTTP/1.1 400 Bad Request\r\n{length}\r\n{}", "x".repeat(5000)));
        let ConnectError::Refused(refusal) = bench.error() else { panic!("another error") };
        assert_eq!(refusal.body.len(), 1024);
    }
}

/// The reference gives up at a 100, which any proxy may send.
#[test]
fn interim_answers_are_skipped() {
    for chop in [1, 7, usize::MAX] {
        for interim in
            ["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"]
        {
            let (mut bench, server) = asking(chop);
            bench.says(server, interim.repeat(8) + &switching("") + "app");
            assert_eq!(bench.wire(server).incoming, b"app", "{interim:?}");
        }
        let (mut bench, server) = asking(chop);
        bench.says(server, "HTTP/1.1 100 Continue\r\n\r\n".repeat(9) + &switching(""));
        let error = bench.error();
        assert!(matches!(error, ConnectError::BadAnswer(BadAnswer::TooLarge)), "{error:?}");
    }
}

#[test]
fn an_answer_of_another_protocol_is_said_to_be_one() {
    type Check = fn(&BadAnswer) -> bool;
    let rows: [(&str, String, Check); 5] = [
        ("garbage", "garbage\r\n\r\n".repeat(9), |why| matches!(why, BadAnswer::Malformed(_))),
        ("too large", format!("HTTP/1.1 101 {}\r\n", "x".repeat(17_000)), |why| *why == BadAnswer::TooLarge),
        ("no upgrade", "HTTP/1.1 101 S\r\nConnection: upgrade\r\n\r\n".to_owned() + &" ".repeat(40), |why| {
            *why == BadAnswer::NoUpgrade
        }),
        ("other upgrade", "HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n".into(), |why| {
            *why == BadAnswer::BadUpgrade("h2c".into())
        }),
        ("bad address", switching("10.0.0.1"), |why| matches!(why, BadAnswer::BadPeerAddrs(_))),
    ];
    for (name, answer, check) in rows {
        let (mut bench, server) = asking(usize::MAX);
        bench.says(server, answer);
        let error = bench.error();
        let ConnectError::BadAnswer(why) = &error else { panic!("{name}: {error:?}") };
        assert!(check(why), "{name}: {why:?}");
        assert!(error.to_string().starts_with("this is no rdv/1 server"), "{error}");
    }
}

#[test]
fn an_answer_with_mixed_line_endings_is_malformed_not_too_large() {
    let (mut bench, server) = asking(usize::MAX);
    bench.says(server, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\nUpgrade: rdv/1\r\n\r\n");
    let error = bench.error();
    assert!(matches!(error, ConnectError::BadAnswer(BadAnswer::Malformed(_))), "{error:?}");
}

#[test]
fn a_server_that_ends_early_is_told_from_one_that_breaks() {
    let (mut bench, server) = asking(usize::MAX);
    bench.fins(server);
    assert!(matches!(bench.error(), ConnectError::NoAnswer));

    let (mut bench, server) = asking(usize::MAX);
    bench.says(server, "HTTP/1.1 101 Switching");
    bench.fins(server);
    assert!(matches!(bench.error(), ConnectError::BadAnswer(BadAnswer::Malformed(_))));

    let (mut bench, server) = asking(usize::MAX);
    bench.fails(server, ErrorKind::ConnectionReset);
    assert!(matches!(bench.error(), ConnectError::ServerLost(ErrorKind::ConnectionReset)));

    let mut bench = at(&[SERVER]);
    let server = bench.dial(SERVER);
    bench.holds(server);
    bench.connects(server);
    bench.fails(server, ErrorKind::BrokenPipe);
    assert!(matches!(bench.error(), ConnectError::ServerLost(ErrorKind::BrokenPipe)));
}

#[test]
fn a_101_without_addresses_will_do() {
    for chop in [1, 2, 3, usize::MAX] {
        let (mut bench, server) = asking(chop);
        bench.says(server, "HTTP/1.1 101\nConnection:upgrade\nUpgrade:rdv/1\n\nhello");
        bench.wait(1000);
        let selected = bench.selected();
        assert_eq!(
            (selected.route, selected.meta.observed, selected.meta.peer_addrs.len()),
            (Route::Relay, None, 0)
        );
        assert_eq!(bench.left_behind(server), b"hello");
    }
}

/// One more of the server's addresses is tried every 250 ms, and none of them answers.
#[test]
fn six_of_the_server_s_addresses_are_dialled_at_once_and_all_in_time() {
    let servers: Vec<String> = (1..=12).map(|host| format!("192.0.2.{host}:80")).collect();
    let mut bench = at(&servers.iter().map(String::as_str).collect::<Vec<_>>());
    bench.wait(6 * 250 - 1);
    let first = bench.dial(&servers[0]);
    assert_eq!(bench.state(first), State::Dialing);
    bench.wait(1);
    assert_eq!(bench.state(first), State::Closed, "it makes room for the seventh");
    bench.wait(10_000);
    let ConnectError::Unreachable { tried } = bench.failure().error else {
        panic!("it has failed otherwise")
    };
    assert_eq!(tried.len(), 12, "{tried:?}");
}
