use bytes::Bytes;
use httparse::Status;

use super::super::fields::Fields;
use super::super::{HEAD_LIMIT, HeaderError, Headers, Reject, Request, Role};
use crate::addr::SelfAddrs;
use crate::token::Token;

#[test]
fn added_headers_are_sent_in_order_behind_our_own() {
    let mut headers = Headers::default();
    headers.add("Authorization", "Bearer 7f3a").unwrap();
    headers.add_line("X-Note:  several: colons, and spaces  ").unwrap();
    headers.add("x-note", "again").unwrap();
    headers.add("X-Empty", "").unwrap();
    let selfs: SelfAddrs = "[::1]:5, 10.0.0.1:5".parse().unwrap();
    let url = "http://h:1/rdv".parse().unwrap();
    let head = Request::encode(Role::Accept, &url, &Token::new("tok").unwrap(), &selfs, None, &headers);
    assert_eq!(
        head,
        "ACCEPT /rdv/tok HTTP/1.1\r\nHost: h:1\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n\
         Rdv-Self-Addrs: 10.0.0.1:5, [::1]:5\r\nauthorization: Bearer 7f3a\r\nx-note: several: colons, and spaces\r\n\
         x-note: again\r\nx-empty: \r\n\r\n"
    );
    let request = Request::parse(&head).unwrap();
    assert_eq!(request.headers["authorization"], "Bearer 7f3a");
    assert_eq!((request.role, request.self_addrs), (Role::Accept, selfs));
}

#[test]
fn headers_of_the_protocol_are_reserved() {
    let reserved = [
        "Host",
        "connection",
        "UPGRADE",
        "Rdv-Self-Addrs",
        "Content-Length",
        "Transfer-Encoding",
        "rdv-self-addrs",
    ];
    for name in reserved {
        let err = Headers::default().add(name, "x").unwrap_err();
        assert!(matches!(err, HeaderError::Reserved(_)), "{name}: {err}");
    }
}

#[test]
fn nothing_can_be_smuggled_into_the_request() {
    let mut headers = Headers::default();
    for value in ["a\r\nHost: evil", "a\nb", "a\rb", "a\0b", "\x7f"] {
        let err = headers.add("X-Note", value).unwrap_err();
        assert!(matches!(err, HeaderError::BadValue(_)), "{value:?}: {err}");
    }
    for name in ["", "X Note", "X-Note:", "X\r\nHost", "å", "X\0"] {
        let err = headers.add(name, "v").unwrap_err();
        assert!(matches!(err, HeaderError::BadName(_)), "{name:?}: {err}");
    }
    assert_eq!(headers.add_line("no colon"), Err(HeaderError::NoColon("no colon".into())));
    assert_eq!(headers.iter().count(), 0);
}

#[test]
fn values_may_be_secrets() {
    let mut headers = Headers::default();
    headers.add("Authorization", "sesame").unwrap();
    let shown = format!("{headers:?}");
    assert!(shown.contains("authorization") && !shown.contains("sesame"), "{shown}");
    let err = headers.add("Authorization", "sesame\n").unwrap_err().to_string();
    assert!(!err.contains("sesame"), "{err}");
}

#[test]
fn a_header_that_cannot_be_sent_is_explained() {
    let rows = [
        ("no colon", "expected a header as 'Name: value', got \"no colon\""),
        ("X Note: v", "\"X Note\" is no HTTP header name"),
        ("X-Note: a\0b", "the value of header x-note has characters that are not allowed"),
        ("Host: h", "header host is set by rdv itself"),
    ];
    for (line, words) in rows {
        let err = Headers::default().add_line(line).expect_err(line);
        assert_eq!(err.to_string(), words, "{line:?}");
    }
}

/// Fields are judged as they stand in the head, and a map is made of them later: nothing may be lost on the way.
#[test]
fn whatever_the_parser_takes_for_a_field_is_a_header() {
    let (mut names, mut values) = (0, 0);
    for byte in 0..=u8::MAX {
        for (taken, before, behind) in [(&mut names, "x", "y: z"), (&mut values, "x: y", "z")] {
            let head = Bytes::from([before.as_bytes(), &[byte], behind.as_bytes(), b"\r\n\r\n"].concat());
            let mut fields = [httparse::EMPTY_HEADER; 2];
            if let Ok(Status::Complete((_, fields))) = httparse::parse_headers(&head, &mut fields) {
                *taken += 1;
                let headers = Fields(fields).to_map(&head);
                assert_eq!(headers.map(|headers| headers.len()), Some(1), "{}", head.escape_ascii());
            }
        }
    }
    // Tokens of RFC 9110 section 5.6.2, and a colon; a tab, what can be seen, and obs-text.
    assert_eq!((names, values), (77 + 1, 1 + 95 + 128));
}

/// The longest name that fits a head still is one that the map takes; a longer head is no request.
#[test]
fn a_name_of_nearly_64_kib_is_a_header() {
    let head = |len| {
        let name = "x".repeat(len);
        format!("DIAL /tok HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n{name}: y\r\n\r\n")
    };
    let longest = HEAD_LIMIT - head(0).len();
    let request = Request::parse(head(longest).as_bytes()).unwrap();
    assert_eq!(request.headers.len(), 4);
    assert_eq!(Request::parse(head(longest + 1).as_bytes()).unwrap_err(), Reject::HeadTooLarge(HEAD_LIMIT));
}
