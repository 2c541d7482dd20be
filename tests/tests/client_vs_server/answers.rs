//! What the server answers.

use rdv_core::{BadAnswer, ConnectError, Role};
use rdv_tests::attempt::{Attempt, raw};
use rdv_tests::fake::Fake;

use crate::{SWITCH, relay_only};

/// Answers that are a 101, however they are written: the dialer goes on to the relay.
#[test]
fn a_101_may_be_written_in_many_ways() {
    let ten: Vec<_> = (0..10).map(|i| format!("10.0.0.{i}:1")).collect();
    let ten = SWITCH.replace("\r\n\r\n", &format!("\r\nRdv-Peer-Addrs: {}\r\n\r\n", ten.join(", ")));
    let more = |header: &str| SWITCH.replace("\r\n\r\n", &format!("\r\n{header}\r\n\r\n"));
    let answers = [
        ("minimal", SWITCH.to_owned()),
        (
            "header names in lower case, values in other cases",
            "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: RDV/1\r\n\
             rdv-peer-addrs: 10.0.0.1:5\r\nrdv-observed-addr: 1.2.3.4:5\r\n\r\n"
                .to_owned(),
        ),
        ("another reason", SWITCH.replace("Switching Protocols", "Whatever")),
        ("no reason", SWITCH.replace(" Switching Protocols", "")),
        ("an empty reason", SWITCH.replace("Switching Protocols", "")),
        ("HTTP/1.0", SWITCH.replace("HTTP/1.1", "HTTP/1.0")),
        ("bare LF", SWITCH.replace('\r', "")),
        ("Content-Length: 0", more("Content-Length: 0")),
        ("empty address headers", more("Rdv-Peer-Addrs: ")),
        ("ten peer addresses", ten),
        ("headers of the application", more("Server: any\r\nX-Motd: hello")),
        // Ours: the reference takes none but a single `upgrade`.
        ("Connection: keep-alive, upgrade", SWITCH.replace("upgrade\r\n", "keep-alive, upgrade\r\n")),
        // Ours: RFC 9110 section 15.2. The reference takes an interim answer for the final one.
        ("100 before it", format!("HTTP/1.1 100 Continue\r\n\r\n{SWITCH}")),
        (
            "102 and 103 before it",
            format!("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n{SWITCH}"),
        ),
    ];
    for (name, answer) in answers {
        eprintln!("{name}");
        let server = Fake::start();
        let dialer = Attempt::start(&relay_only(), Role::Dial, &server.url(), "tok");
        let mut asked = server.asked();
        asked.conn.send(&answer);
        asked.conn.expect("CONTINUE\n");
        let conn = dialer.conn();
        assert!(conn.is_relay(), "{name}");
        assert_eq!(conn.peer_addr(), server.addr(), "{name}");
        let mut conn = raw(conn);
        conn.send("hello from dialer\n");
        asked.conn.expect("hello from dialer\n");
        asked.conn.send("hello from fake\n");
        conn.expect("hello from fake\n");
    }
}

#[test]
fn what_a_101_says_is_passed_on() {
    let server = Fake::start();
    let dialer = Attempt::start(&relay_only(), Role::Dial, &server.url(), "tok");
    let asked = server.asked();
    asked.conn.send(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\nX-Motd: hello\r\n\
         Rdv-Observed-Addr: 198.51.100.1:39841\r\nRdv-Peer-Addrs: [2001:DB8::1]:5, 10.0.0.7:40001\r\n\r\n",
    );
    let conn = dialer.conn();
    let meta = conn.meta();
    assert_eq!(meta.role, Role::Dial);
    assert_eq!(meta.observed, Some("198.51.100.1:39841".parse().unwrap()));
    assert_eq!(meta.peer_addrs.to_string(), "10.0.0.7:40001, [2001:db8::1]:5");
    assert_eq!(meta.headers["x-motd"], "hello");
    assert!(meta.self_addrs.is_empty(), "{meta:?}");
}

/// Answers that are no 101 of rdv/1, and what the error says.
#[test]
fn a_bad_answer_is_called_one() {
    let eleven: Vec<_> = (0..11).map(|i| format!("10.0.0.{i}:1")).collect();
    let more = |header: &str| SWITCH.replace("\r\n\r\n", &format!("\r\n{header}\r\n\r\n"));
    let long = "x".repeat(20_000);
    let answers = [
        ("no Upgrade", SWITCH.replace("Upgrade: rdv/1\r\n", ""), "the 101 lacks an Upgrade header"),
        ("no Connection", SWITCH.replace("Connection: upgrade\r\n", ""), "the 101 lacks Connection: upgrade"),
        ("rdv/2", SWITCH.replace("rdv/1", "rdv/2"), "the 101 is an upgrade to \"rdv/2\", not to rdv/1"),
        (
            "eleven peer addresses",
            more(&format!("Rdv-Peer-Addrs: {}", eleven.join(", "))),
            "the 101 has bad peer addresses: at most 10 addresses are allowed",
        ),
        (
            "malformed peer address",
            more("Rdv-Peer-Addrs: x"),
            "the 101 has bad peer addresses: \"x\" is not an address: expected 192.0.2.1:80 or [2001:db8::1]:80",
        ),
        (
            "malformed observed address",
            more("Rdv-Observed-Addr: x"),
            "the 101 has a bad observed address \"x\"",
        ),
        ("SSH", "SSH-2.0-OpenSSH_9.6\r\n\r\n".to_owned(), "the answer is not HTTP/1.1: "),
        ("TLS alert", "\u{15}\u{3}\u{1}\0\u{2}\u{2}\n\n".to_owned(), "the answer is not HTTP/1.1: "),
        (
            "head without end",
            "HTTP/1.1 101 Swi".to_owned(),
            "the answer is not HTTP/1.1: the head is not complete",
        ),
        ("head of 20 kB", more(&format!("X-Long: {long}")), "the answer's head is too large"),
        ("nine interim answers", "HTTP/1.1 100 Continue\r\n\r\n".repeat(9), "the answer's head is too large"),
    ];
    for (name, answer, expected) in answers {
        let server = Fake::start();
        let dialer = Attempt::start(&relay_only(), Role::Dial, &server.url(), "tok");
        let asked = server.asked();
        asked.conn.send(&answer);
        asked.conn.finish();
        let error = dialer.error();
        assert!(matches!(error.connect_error(), Some(ConnectError::BadAnswer(_))), "{name}: {error:?}");
        let text = error.to_string();
        let expected = format!("this is no rdv/1 server: {expected}");
        assert!(text.starts_with(&expected), "{name}: {text:?} does not begin with {expected:?}");
    }
}

/// Refusals are returned whole: status, headers, and up to 1 KiB of body. Redirects are not followed.
#[test]
fn a_refusal_is_passed_on() {
    let long = "b".repeat(3000);
    let cases = [
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope".to_owned(), 404, "nope", None),
        (
            // As the reference sends it: no length.
            "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n\
             X-Content-Type-Options: nosniff\r\n\r\nno matching peer found"
                .to_owned(),
            408,
            "no matching peer found",
            None,
        ),
        (
            "HTTP/1.1 409 Conflict\r\nRdv-Error: replaced\r\nContent-Length: 8\r\n\r\nreplaced".to_owned(),
            409,
            "replaced",
            Some("replaced"),
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".to_owned(),
            302,
            "",
            None,
        ),
        ("HTTP/1.1 500\r\n\r\n".to_owned(), 500, "", None),
        ("HTTP/1.1 204 No Content\r\n\r\n".to_owned(), 204, "", None),
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort".to_owned(), 200, "short", None),
        (format!("HTTP/1.1 403 Forbidden\r\nContent-Length: 3000\r\n\r\n{long}"), 403, &long[..1024], None),
        (format!("HTTP/1.1 403 Forbidden\r\n\r\n{long}"), 403, &long[..1024], None),
        (
            "HTTP/1.1 502 Bad Gateway\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n5\r\npedia\r\n0\r\n\r\n"
                .to_owned(),
            502,
            "wikipedia",
            None,
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno".to_owned(),
            401,
            "no",
            None,
        ),
    ];
    for (answer, status, body, code) in cases {
        let server = Fake::start();
        let dialer = Attempt::start(&relay_only(), Role::Accept, &server.url(), "tok");
        let asked = server.asked();
        asked.conn.send(&answer);
        asked.conn.finish();
        let error = dialer.error();
        let Some(ConnectError::Refused(refusal)) = error.connect_error() else {
            panic!("{status}: {error:?}");
        };
        assert_eq!(refusal.status.as_u16(), status);
        assert_eq!(String::from_utf8_lossy(&refusal.body), body, "{status}");
        assert_eq!(refusal.code(), code, "{status}");
        assert!(error.to_string().starts_with(&format!("refused by the server: {status} ")), "{error}");
    }
}

/// A refusal whose end does not come is not waited for without end.
#[test]
fn a_refusal_without_end_is_passed_on_too() {
    let server = Fake::start();
    let dialer = Attempt::start(&relay_only(), Role::Dial, &server.url(), "tok");
    let mut asked = server.asked();
    asked.conn.send("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 100\r\n\r\nbusy");
    let error = dialer.error();
    let Some(ConnectError::Refused(refusal)) = error.connect_error() else { panic!("{error:?}") };
    assert_eq!(refusal.text(), "busy");
    asked.conn.expect_closed();
}

#[test]
fn a_server_that_says_nothing_and_closes_is_an_error() {
    let server = Fake::start();
    let dialer = Attempt::start(&relay_only(), Role::Dial, &server.url(), "tok");
    drop(server.asked());
    let error = dialer.error();
    assert!(matches!(error.connect_error(), Some(ConnectError::NoAnswer)), "{error:?}");
    assert_eq!(error.to_string(), "the server closed the connection without an answer");

    let dialer = Attempt::start(&relay_only(), Role::Dial, &server.url(), "tok");
    server.asked().conn.reset();
    let error = dialer.error();
    assert!(matches!(error.connect_error(), Some(ConnectError::ServerLost(_))), "{error:?}");
}

#[test]
fn an_answer_in_single_bytes_is_read() {
    let server = Fake::start();
    let accepter = Attempt::start(&relay_only(), Role::Accept, &server.url(), "tok");
    let mut asked = server.asked();
    asked.conn.send_bytewise(format!("HTTP/1.1 100 Continue\r\n\r\n{SWITCH}CONTINUE x\r\nhello"));
    let mut conn = accepter.raw();
    conn.expect("hello");
    conn.send("and back");
    asked.conn.expect("and back");
}

#[test]
fn errors_are_enums_that_can_be_acted_on() {
    let server = Fake::start();
    let dialer = Attempt::start(&relay_only(), Role::Dial, &server.url(), "tok");
    let asked = server.asked();
    asked.conn.send(SWITCH.replace("rdv/1", "websocket"));
    let error = dialer.error();
    let Some(ConnectError::BadAnswer(BadAnswer::BadUpgrade(got))) = error.connect_error() else {
        panic!("{error:?}")
    };
    assert_eq!(got, "websocket");
}
