//! What is said to proxies, and what they say.

use std::io::ErrorKind;

use http::StatusCode;

use crate::wire::{
    Message, Proxy, ProxyFault, Said, SocksReader, connect, socks_connect, socks_greeting, socks_proof,
};

fn text(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().escape_ascii().to_string()
}

#[test]
fn connect_names_the_server() {
    let with = Proxy::parse("http://Aladdin:open%20sesame@h").unwrap();
    let rows = [
        ("rdv.example", None, "CONNECT rdv.example:443 HTTP/1.1\r\nHost: rdv.example:443\r\n\r\n"),
        ("192.0.2.1", None, "CONNECT 192.0.2.1:443 HTTP/1.1\r\nHost: 192.0.2.1:443\r\n\r\n"),
        ("2001:db8::1", None, "CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\r\n"),
        (
            "h",
            // The example of RFC 7617 section 2.
            with.credentials(),
            "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\
             Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n",
        ),
    ];
    for (host, credentials, expected) in rows {
        assert_eq!(text(connect(host, 443, credentials)), text(expected));
    }
}

#[test]
fn socks_requests_are_those_of_the_rfcs() {
    let proxy = Proxy::parse("socks5://me:pw@h").unwrap();
    assert_eq!(socks_greeting(None)[..], [5, 1, 0]);
    assert_eq!(socks_greeting(proxy.credentials())[..], [5, 2, 0, 2]);
    assert_eq!(socks_proof(proxy.credentials().unwrap())[..], *b"\x01\x02me\x02pw");
    let rows: [(&str, &[u8]); 3] = [
        ("rdv.example", b"\x05\x01\x00\x03\x0brdv.example\x01\xbb"),
        ("192.0.2.1", b"\x05\x01\x00\x01\xc0\x00\x02\x01\x01\xbb"),
        ("2001:db8::1", b"\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x01\xbb"),
    ];
    for (host, expected) in rows {
        assert_eq!(socks_connect(host, 443).unwrap()[..], *expected, "{host}");
    }
    assert_eq!(socks_connect(&"h".repeat(255), 1).unwrap().len(), 5 + 255 + 2);
    assert_eq!(socks_connect(&"h".repeat(256), 1), None);
}

/// Reads a message out of `bytes`, so many at a time, and how many of them that took.
fn read(kind: Message, bytes: &[u8], chop: usize) -> (Result<Option<Said>, ProxyFault>, usize) {
    let (mut reader, mut at) = (SocksReader::new(kind), 0);
    loop {
        let next = reader.next_read().get().min(chop).min(bytes.len() - at);
        if next == 0 {
            return (Ok(None), at);
        }
        at += next;
        match reader.push(&bytes[at - next..at]) {
            Ok(None) => {}
            end => return (end, at),
        }
    }
}

const BARE: Message = Message::Choice { has_credentials: false };
const ARMED: Message = Message::Choice { has_credentials: true };

#[test]
fn messages_of_socks_proxies_are_read_to_their_last_byte() {
    let v4 = b"\x05\0\0\x01\x7f\0\0\x01\x12\x34".to_vec();
    let v6 = [b"\x05\0\0\x04".to_vec(), vec![7; 18]].concat();
    let empty_name = b"\x05\0\0\x03\0\x12\x34".to_vec();
    let longest = [b"\x05\0\0\x03\xff".to_vec(), vec![b'x'; 257]].concat();
    let rows = [
        (BARE, vec![5, 0], Said::Welcome),
        (ARMED, vec![5, 0], Said::Welcome),
        (ARMED, vec![5, 2], Said::WhoAreYou),
        (Message::Verdict, vec![1, 0], Said::Welcome),
        (Message::Verdict, vec![5, 0], Said::Welcome),
        (Message::Reply, v4, Said::Connected),
        (Message::Reply, v6, Said::Connected),
        (Message::Reply, empty_name, Said::Connected),
        (Message::Reply, longest, Said::Connected),
    ];
    for (kind, message, said) in rows {
        let stream = [&message[..], b"the server's first bytes"].concat();
        for chop in [1, 2, 3, 64, usize::MAX] {
            let (result, taken) = read(kind, &stream, chop);
            assert_eq!((result, taken), (Ok(Some(said)), message.len()), "{kind:?} {message:?} by {chop}");
        }
        for cut in 0..message.len() {
            assert_eq!(read(kind, &message[..cut], usize::MAX).0, Ok(None), "{kind:?} {message:?} at {cut}");
        }
    }
}

#[test]
fn messages_of_socks_proxies_that_are_none_are_refused() {
    let bad = |result: Result<Option<Said>, ProxyFault>| match result {
        Err(ProxyFault::BadAnswer(why)) => why,
        other => panic!("taken as {other:?}"),
    };
    let rows: [(Message, &[u8], &str); 8] = [
        (BARE, b"\x04\0", "it begins with the byte 0x04, not with 0x05"),
        (
            BARE,
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            "it begins with the byte 0x48, not with 0x05: it is HTTP",
        ),
        (BARE, b"\x05\x02", "it chose the method 0x02, which was not offered"),
        (BARE, b"\x05\x01", "it chose the method 0x01, which was not offered"),
        (ARMED, b"\x05\x03", "it chose the method 0x03, which was not offered"),
        (Message::Reply, b"\0\0\0\x01", "it begins with the byte 0x00, not with 0x05"),
        (Message::Reply, b"\x05\0\0\x02\x01\x01", "its address is of the type 0x02"),
        (Message::Reply, b"\x05\0\0\0\0\0", "its address is of the type 0x00"),
    ];
    for (kind, stream, why) in rows {
        for chop in [1, usize::MAX] {
            assert_eq!(bad(read(kind, stream, chop).0), why, "{}", text(stream));
        }
    }
    assert_eq!(read(BARE, b"\x05\xff", 64).0, Err(ProxyFault::NoCredentials));
    assert_eq!(read(ARMED, b"\x05\xff", 64).0, Err(ProxyFault::BadCredentials));
    for verdict in [[1, 1], [1, 0xff], [5, 1]] {
        assert_eq!(read(Message::Verdict, &verdict, 64).0, Err(ProxyFault::BadCredentials));
    }
}

/// As much as two bytes of a refusal will do: some proxies send no more.
#[test]
fn every_refusal_has_words_of_its_own() {
    let mut seen = Vec::new();
    for code in 1..=9 {
        for stream in [&[5, code][..], &[5, code, 0, 1, 0, 0, 0, 0, 0, 0]] {
            let fault = read(Message::Reply, stream, 64).0.unwrap_err();
            assert_eq!(fault, ProxyFault::SocksRefused(code));
            let words = fault.to_string();
            assert!(
                words.starts_with("it refuses: ") && words.ends_with(&format!("(reply 0x0{code})")),
                "{words}"
            );
            seen.push(words);
        }
    }
    seen.dedup();
    assert_eq!(seen.len(), 9);
}

#[test]
fn every_fault_says_what_went_wrong() {
    let refused = |status: u16, reason: &str| ProxyFault::Refused {
        status: StatusCode::from_u16(status).unwrap(),
        reason: reason.to_owned(),
    };
    let tried = vec![("192.0.2.1:80".parse().unwrap(), ErrorKind::ConnectionRefused)];
    let rows = [
        (ProxyFault::Unreachable { tried: Vec::new() }, "it has no address"),
        (ProxyFault::Unreachable { tried }, "it cannot be reached: 192.0.2.1:80 connection refused"),
        (ProxyFault::Lost(ErrorKind::ConnectionReset), "its connection is lost: connection reset"),
        (ProxyFault::NoAnswer, "it closed the connection without an answer: is it a proxy of this kind?"),
        (
            ProxyFault::NoCredentials,
            "it wants a user name and a password: put them into its URL, as in user:password@host",
        ),
        (ProxyFault::BadCredentials, "it does not accept this user name and password"),
        (refused(403, ""), "it refuses: 403 Forbidden: does it allow connections to the server's port?"),
        (refused(502, "Bad\x1b[2J"), "it refuses: 502 Bad\\u{1b}[2J: it cannot reach the server"),
        (refused(429, "Slow down"), "it refuses: 429 Slow down"),
        (ProxyFault::NameTooLong, "the server's name is too long for it"),
        (ProxyFault::TimedOut, "the way through it to the server did not stand in time"),
    ];
    for (fault, words) in rows {
        assert_eq!(fault.to_string(), words, "{fault:?}");
    }
}
