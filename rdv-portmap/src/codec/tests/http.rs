use crate::codec::http::{Answer, MOST, MOST_RECEIVED, Malformed, Url, answer, get, post};

fn url(text: &str) -> Url {
    Url::parse(text).expect("a URL")
}

#[test]
fn links_lead_to_the_same_machine_alone() {
    let base = url("http://192.168.1.1:5000/igd/desc.xml?x=/y");
    let cases = [
        ("/ctl/IPConn", Some("192.168.1.1:5000/ctl/IPConn")),
        ("ctl", Some("192.168.1.1:5000/igd/ctl")),
        (" http://192.168.1.1:49152/ctl ", Some("192.168.1.1:49152/ctl")),
        ("HTTP://192.168.1.1/ctl", Some("192.168.1.1:80/ctl")),
        ("http://192.168.1.2:5000/ctl", None),
        ("https://192.168.1.1:5000/ctl", None),
        ("/a b", None),
        ("/a\r\nX-Header: y", None),
        ("/\u{e4}", None),
    ];
    for (link, expected) in cases {
        let joined = base.join(link).map(|url| format!("{}{}", url.host, url.path));
        assert_eq!(joined.as_deref(), expected, "{link:?}");
    }
    assert_eq!(base.join(&format!("/{}", "a".repeat(1024))), None, "too long");
    assert_eq!(url("http://10.0.0.1").join("x").map(|url| url.path).as_deref(), Some("/x"));
}

#[test]
fn requests_are_written() {
    let url = url("http://192.168.1.1:5000/desc.xml");
    let text = String::from_utf8(get(&url)).expect("text");
    assert_eq!(text, "GET /desc.xml HTTP/1.1\r\nHost: 192.168.1.1:5000\r\nConnection: close\r\n\r\n");
    let text = String::from_utf8(post(&url, "kind#Action", "<a/>")).expect("text");
    assert!(text.starts_with("POST /desc.xml HTTP/1.1\r\nHost: 192.168.1.1:5000\r\n"), "{text}");
    assert!(text.contains("\r\nSOAPAction: \"kind#Action\"\r\n"), "{text}");
    assert!(text.ends_with("\r\nContent-Length: 4\r\n\r\n<a/>"), "{text}");
}

/// Whatever the cut, an answer is there with its last byte, or with the connection's end.
#[test]
fn answers_are_complete_in_time() {
    let ok = |body: &[u8]| Ok(Some(Answer { status: 200, body: body.to_vec() }));
    let cases = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false),
        ("HTTP/1.0 200 OK\r\ncontent-length:  5 \r\n\r\nhello", false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n", false),
        ("HTTP/1.0 200 OK\r\n\r\nhello", true),
    ];
    for (text, needs_end) in cases {
        for len in 0..text.len() {
            let cut = &text.as_bytes()[..len];
            assert_eq!(answer(cut, false), Ok(None), "{len} bytes of {text:?}");
            if !needs_end {
                assert_eq!(answer(cut, true), Err(Malformed), "{len} bytes of {text:?}, and no more");
            }
        }
        assert_eq!(answer(text.as_bytes(), needs_end), ok(b"hello"), "{text:?}");
    }
    assert_eq!(
        answer(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", false)
            .expect("good")
            .expect("there")
            .status,
        500
    );
}

#[test]
fn what_is_no_answer_is_malformed() {
    let long = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", MOST + 1);
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(MOST + 1));
    let chunk = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n", MOST + 1);
    let head = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(MOST_RECEIVED));
    for text in [
        "SSH-2.0-OpenSSH\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        &long,
        &endless,
        &chunk,
        &head,
    ] {
        let shown: String = text.chars().take(90).collect();
        assert_eq!(answer(text.as_bytes(), false), Err(Malformed), "{shown:?}");
    }
}
