//! URLs of proxies.

use crate::wire::{Proxy, ProxyError, ProxyKind};

#[test]
fn a_url_says_where_the_proxy_is_and_what_it_speaks() {
    let rows = [
        ("http://proxy.example:3128", ProxyKind::Http, "proxy.example", 3128),
        ("HTTP://proxy.example:3128/", ProxyKind::Http, "proxy.example", 3128),
        ("proxy.example:3128", ProxyKind::Http, "proxy.example", 3128),
        ("proxy.example", ProxyKind::Http, "proxy.example", 1080),
        ("http://10.0.0.1", ProxyKind::Http, "10.0.0.1", 1080),
        ("http://[2001:db8::1]:8080/", ProxyKind::Http, "2001:db8::1", 8080),
        ("http://[2001:db8::1]", ProxyKind::Http, "2001:db8::1", 1080),
        ("socks5://proxy.example", ProxyKind::Socks5, "proxy.example", 1080),
        ("socks5h://proxy.example:9050", ProxyKind::Socks5, "proxy.example", 9050),
        ("http://me:secret@proxy.example:80", ProxyKind::Http, "proxy.example", 80),
    ];
    for (text, kind, host, port) in rows {
        let proxy = Proxy::parse(text).unwrap_or_else(|err| panic!("{text}: {err}"));
        assert_eq!((proxy.kind(), proxy.host(), proxy.port()), (kind, host, port), "{text}");
        assert_eq!(Proxy::parse(&proxy.to_string()).unwrap().to_string(), proxy.to_string(), "{text}");
    }
}

#[test]
fn user_and_password_are_percent_decoded() {
    type Expected = Option<(&'static [u8], &'static [u8])>;
    let rows: [(&str, Expected); 6] = [
        ("http://h:1", None),
        ("http://me@h:1", Some((b"me", b""))),
        ("http://me:pass:word@h:1", Some((b"me", b"pass:word"))),
        ("http://a%40b:%2F%25%00@h:1", Some((b"a@b", b"/%\0"))),
        ("socks5://a@b:c@h:1", Some((b"a@b", b"c"))),
        ("socks5://%3a:%E9@h:1", Some((b":", b"\xe9"))),
    ];
    for (text, expected) in rows {
        let proxy = Proxy::parse(text).unwrap_or_else(|err| panic!("{text}: {err}"));
        let credentials = proxy.credentials().map(|it| (&it.user[..], &it.password[..]));
        assert_eq!(credentials, expected, "{text}");
    }
}

#[test]
fn what_is_no_url_of_a_proxy_is_refused() {
    let long = format!("socks5://{}:x@h", "u".repeat(256));
    let rows = [
        ("https://h:1", ProxyError::Tls),
        ("socks4://h:1", ProxyError::Scheme),
        ("://h:1", ProxyError::Scheme),
        ("", ProxyError::Invalid("it has no valid host")),
        ("http://", ProxyError::Invalid("it has no valid host")),
        ("http://:80", ProxyError::Invalid("it has no valid host")),
        ("http://me:secret@", ProxyError::Invalid("it has no valid host")),
        ("http://a b", ProxyError::Invalid("it has no valid host")),
        ("http://h\r\nX: y", ProxyError::Invalid("it has no valid host")),
        ("http://h:0", ProxyError::Invalid("its port is not a number from 1 to 65535")),
        ("http://h:65536", ProxyError::Invalid("its port is not a number from 1 to 65535")),
        ("http://h:", ProxyError::Invalid("its port is not a number from 1 to 65535")),
        ("http://h/path", ProxyError::Invalid("nothing may follow host and port")),
        ("http://h?q", ProxyError::Invalid("nothing may follow host and port")),
        ("http://a%3Ab:c@h", ProxyError::Invalid("its user name has a colon")),
        (&long, ProxyError::Invalid("user name and password may have 255 bytes each")),
    ];
    for (text, error) in rows {
        assert_eq!(Proxy::parse(text), Err(error), "{text:?}");
    }
}

#[test]
fn nothing_that_is_shown_has_the_password_in_it() {
    let texts = [
        "http://me:secret@h:1",
        "socks5://me:secret@h:1",
        "https://me:secret@h:1",
        "http://me:secret",
        "http://me:secret@h:port",
        "http://me:secret@h/path",
        "ftp://me:secret@h",
    ];
    for text in texts {
        let shown = match Proxy::parse(text) {
            Ok(proxy) => format!("{proxy} {proxy:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        assert!(!shown.contains("secret"), "{shown}");
    }
}
