use super::super::answer::{Answer, BODY_MAX, BadAnswer, Refusal, switching_protocols};
use super::super::{Reject, Switched};
use crate::addr::{AddrListError, PeerAddrs};

fn switched(head: &str) -> Result<Switched, BadAnswer> {
    Answer::parse(head.as_bytes())?.into_switched()
}

fn refusal(head: &str, body: &[u8]) -> Refusal {
    Answer::parse(head.as_bytes()).unwrap_or_else(|err| panic!("{head:?}: {err}")).into_refusal(body.to_vec())
}

/// As captured from the reference, byte for byte.
#[test]
fn the_101_is_the_reference_s() {
    let peer: PeerAddrs = "127.0.0.1:45030".parse().unwrap();
    let head = switching_protocols("127.0.0.1:45026".parse().unwrap(), &peer);
    assert_eq!(
        head,
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nRdv-Observed-Addr: 127.0.0.1:45026\r\n\
         Rdv-Peer-Addrs: 127.0.0.1:45030\r\nUpgrade: rdv/1\r\n\r\n"
    );
    assert_eq!(head.len(), 142);
    let peer: PeerAddrs = "[2001:db8::1]:5, 10.0.0.1:6".parse().unwrap();
    let head = switching_protocols("[::1]:45738".parse().unwrap(), &peer);
    let text = String::from_utf8(head.to_vec()).unwrap();
    assert!(
        text.contains(
            "\r\nRdv-Observed-Addr: [::1]:45738\r\nRdv-Peer-Addrs: 10.0.0.1:6, [2001:db8::1]:5\r\n"
        )
    );
    let read = switched(&text).unwrap();
    assert_eq!((read.observed, read.peer_addrs), (Some("[::1]:45738".parse().unwrap()), peer));
}

const OK: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n";

/// All but the last are taken by the reference's client as well.
#[test]
fn answers_that_are_taken() {
    let ten = (0..10).map(|i| format!("10.0.0.{i}:1")).collect::<Vec<_>>().join(", ");
    let rows = [
        (format!("{OK}\r\n"), None, ""),
        (
            "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: RDV/1\r\n\
             rdv-peer-addrs: 10.0.0.1:5\r\nrdv-observed-addr: 1.2.3.4:5\r\n\r\n"
                .into(),
            Some("1.2.3.4:5"),
            "10.0.0.1:5",
        ),
        ("HTTP/1.1 101 Whatever\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n\r\n".into(), None, ""),
        ("HTTP/1.1 101\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n\r\n".into(), None, ""),
        ("HTTP/1.1 101 \r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n\r\n".into(), None, ""),
        (
            "HTTP/1.0 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n\r\n".into(),
            None,
            "",
        ),
        ("HTTP/1.1 101 Switching Protocols\nConnection: upgrade\nUpgrade: rdv/1\n\n".into(), None, ""),
        (format!("{OK}Content-Length: 0\r\n\r\n"), None, ""),
        (format!("{OK}Rdv-Peer-Addrs: {ten}\r\n\r\n"), None, ten.as_str()),
        (format!("{OK}Rdv-Peer-Addrs: \r\n\r\n"), None, ""),
        (format!("{OK}Rdv-Observed-Addr: [::ffff:1.2.3.4]:5\r\n\r\n"), Some("1.2.3.4:5"), ""),
        // The reference refuses a list.
        (
            "HTTP/1.1 101 Switching Protocols\r\nConnection: keep-alive, upgrade\r\nUpgrade: rdv/1\r\n\r\n"
                .into(),
            None,
            "",
        ),
    ];
    for (head, observed, peer_addrs) in rows {
        let answer = Answer::parse(head.as_bytes()).unwrap_or_else(|err| panic!("{head:?}: {err}"));
        assert!(answer.is_switch() && !answer.is_interim(), "{head:?}");
        let switched = answer.into_switched().unwrap_or_else(|err| panic!("{head:?}: {err}"));
        assert_eq!(switched.observed, observed.map(|addr| addr.parse().unwrap()), "{head:?}");
        assert_eq!(switched.peer_addrs.to_string(), peer_addrs, "{head:?}");
        assert!(switched.headers.contains_key("upgrade"), "{head:?}");
    }
}

/// None of these is taken by the reference's client either.
#[test]
fn a_101_that_is_none_of_rdv() {
    let eleven = (0..11).map(|i| format!("10.0.0.{i}:1")).collect::<Vec<_>>().join(", ");
    let element = "x".to_owned();
    let rows: [(String, BadAnswer); 8] = [
        ("HTTP/1.1 101 S\r\nConnection: upgrade\r\n\r\n".into(), BadAnswer::NoUpgrade),
        ("HTTP/1.1 101 S\r\nUpgrade: rdv/1\r\n\r\n".into(), BadAnswer::NotAnUpgrade),
        (
            "HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: rdv/2\r\n\r\n".into(),
            BadAnswer::BadUpgrade("rdv/2".into()),
        ),
        (
            "HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: \u{9b}2J\r\n\r\n".into(),
            BadAnswer::BadUpgrade("\\u{9b}2J".into()),
        ),
        (
            format!("{OK}Rdv-Peer-Addrs: {eleven}\r\n\r\n"),
            BadAnswer::BadPeerAddrs(AddrListError::TooMany { max: 10 }),
        ),
        (
            format!("{OK}Rdv-Peer-Addrs: x\r\n\r\n"),
            BadAnswer::BadPeerAddrs(AddrListError::Invalid { element }),
        ),
        (format!("{OK}Rdv-Observed-Addr: x\r\n\r\n"), BadAnswer::BadObservedAddr("x".into())),
        (format!("{OK}Rdv-Observed-Addr: \r\n\r\n"), BadAnswer::BadObservedAddr(String::new())),
    ];
    for (head, why) in rows {
        assert_eq!(switched(&head).expect_err(&head), why, "{head:?}");
    }
}

#[test]
fn an_answer_that_is_no_http() {
    let rows = [
        "SSH-2.0-OpenSSH_9.6\r\n\r\n",
        "220 mail.example ESMTP\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 1O1 OK\r\n\r\n",
        "HTTP/1.1 099 Odd\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "\r\n\r\n",
        "",
    ];
    for head in rows {
        let err = Answer::parse(head.as_bytes()).expect_err(head);
        assert!(matches!(err, BadAnswer::Malformed(_)), "{head:?}: {err:?}");
    }
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X-A: b\r\n".repeat(65));
    assert_eq!(Answer::parse(many.as_bytes()).unwrap_err(), BadAnswer::TooLarge);
}

#[test]
fn interim_answers_are_told_from_final_ones() {
    for (status, interim) in [(100, true), (102, true), (103, true), (101, false), (200, false), (404, false)]
    {
        let answer = Answer::parse(format!("HTTP/1.1 {status} X\r\n\r\n").as_bytes()).unwrap();
        assert_eq!(answer.is_interim(), interim, "{status}");
    }
}

/// Status, code, words and what is shown of refusals as servers send them.
#[test]
fn refusals_keep_what_the_server_said() {
    let rows: &[(&str, &str, &str)] = &[
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\n", "nope", "404 Not Found: nope"),
        (
            "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n\
             X-Content-Type-Options: nosniff\r\n\r\n",
            "no matching peer found",
            "408 Request Timeout: no matching peer found",
        ),
        ("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "", "302 Found"),
        ("HTTP/1.1 503\r\n\r\n", "\n down \n", "503 Service Unavailable: down"),
        ("HTTP/1.1 599\r\n\r\n", "", "599 "),
    ];
    for (head, body, shown) in rows {
        assert_eq!(refusal(head, body.as_bytes()).to_string(), *shown, "{head:?}");
    }
    let head = String::from_utf8(Reject::NoPeer.encode().to_vec()).unwrap();
    let (head, body) = head.split_at(head.find("\r\n\r\n").unwrap() + 4);
    let refusal = refusal(head, body.as_bytes());
    assert_eq!((refusal.status.as_u16(), refusal.code()), (408, Some("no-peer")));
    assert_eq!(refusal.text(), "no matching peer found");
}

#[test]
fn a_refusal_can_do_no_harm_where_it_is_shown() {
    let shown = refusal("HTTP/1.1 400 Bad\r\n\r\n", b"one\r\ntwo \x1b[31mred\x07\xff").to_string();
    assert_eq!(shown, "400 Bad: one\\r\\ntwo \\u{1b}[31mred\\u{7}\u{fffd}");
    let long = refusal("HTTP/1.1 400 Bad\r\n\r\n", &[b'x'; BODY_MAX]);
    assert_eq!(long.text(), "x".repeat(200) + "…");
    let reason = format!("HTTP/1.1 400 {}\r\n\r\n", "y".repeat(3000));
    assert_eq!(refusal(&reason, b"").to_string(), format!("400 {}…", "y".repeat(100)));
}

#[test]
fn no_more_of_a_body_is_read_than_is_kept() {
    let rows = [
        ("HTTP/1.1 404 X\r\nContent-Length: 4\r\n\r\n", 4),
        ("HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n", 0),
        ("HTTP/1.1 404 X\r\nContent-Length: 1025\r\n\r\n", BODY_MAX),
        ("HTTP/1.1 404 X\r\nContent-Length: 99999999999999999999999\r\n\r\n", BODY_MAX),
        ("HTTP/1.1 404 X\r\nContent-Length: -1\r\n\r\n", BODY_MAX),
        ("HTTP/1.1 404 X\r\n\r\n", BODY_MAX),
        ("HTTP/1.1 404 X\r\nTransfer-Encoding: chunked\r\n\r\n", BODY_MAX),
        ("HTTP/1.1 204 X\r\n\r\n", 0),
        ("HTTP/1.1 304 X\r\nContent-Length: 9\r\n\r\n", 0),
    ];
    for (head, len) in rows {
        assert_eq!(Answer::parse(head.as_bytes()).unwrap().body_len(), len, "{head:?}");
    }
}

#[test]
fn chunked_bodies_are_joined_as_far_as_they_came() {
    let rows: &[(&[u8], &[u8])] = &[
        (b"5\r\nhello\r\n7;ext=1\r\n, world\r\n0\r\n\r\n", b"hello, world"),
        (b"5\r\nhello\r\n7\r\n, w", b"hello, w"),
        (b"5\r\nhello\r\n7", b"hello"),
        (b"5\r\nhelloXX3\r\nabc", b"hello"),
        (b"ffffffffffffffff\r\nabc", b"abc"),
        (b"fffffffffffffffff\r\nabc", b""),
        (b"0\r\n\r\n", b""),
        (b"nonsense", b""),
        (b"", b""),
    ];
    for (raw, body) in rows {
        let got = refusal("HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n", raw).body;
        assert_eq!(got, *body, "{}", raw.escape_ascii());
        let got = refusal("HTTP/1.1 500 X\r\n\r\n", raw).body;
        assert_eq!(got, *raw, "{} without Transfer-Encoding", raw.escape_ascii());
    }
}

#[test]
fn an_answer_that_is_no_good_is_explained() {
    let list = AddrListError::TooMany { max: 10 };
    let rows = [
        (BadAnswer::Malformed("invalid token".into()), "the answer is not HTTP/1.1: invalid token"),
        (BadAnswer::TooLarge, "the answer's head is too large"),
        (BadAnswer::NotAnUpgrade, "the 101 lacks Connection: upgrade"),
        (BadAnswer::NoUpgrade, "the 101 lacks an Upgrade header"),
        (BadAnswer::BadUpgrade("h2c".into()), "the 101 is an upgrade to \"h2c\", not to rdv/1"),
        (BadAnswer::BadObservedAddr("x".into()), "the 101 has a bad observed address \"x\""),
        (BadAnswer::BadPeerAddrs(list), "the 101 has bad peer addresses: at most 10 addresses are allowed"),
    ];
    for (why, words) in rows {
        assert_eq!(why.to_string(), words, "{why:?}");
    }
}
