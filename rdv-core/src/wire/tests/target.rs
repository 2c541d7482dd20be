//! From a token and a URL to a request, and back to the token.

use super::super::{Headers, Request, Role, ServerUrl, UrlError};
use crate::addr::SelfAddrs;
use crate::token::Token;

fn url(text: &str) -> ServerUrl {
    text.parse().unwrap_or_else(|err| panic!("{text:?}: {err}"))
}

fn encode(url: &ServerUrl, token: &Token) -> String {
    let head = Request::encode(Role::Dial, url, token, &SelfAddrs::default(), None, &Headers::default());
    String::from_utf8(head.to_vec()).unwrap()
}

fn token_in(target: &str) -> Option<Vec<u8>> {
    let head = format!("DIAL {target} HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n\r\n");
    Request::parse(head.as_bytes()).ok().map(|request| request.token.as_bytes().to_vec())
}

/// Any token reaches the server as it is. The reference's own client joins it to the base URL as a path, and so
/// changes or loses slashes, dots and percent signs in the rows marked with an asterisk: with such a token it
/// waits under another name than we do.
#[test]
fn every_token_reaches_the_server_unchanged() {
    let rows: &[(&[u8], &str)] = &[
        (b"tok", "/tok"),
        (b"a/b", "/a%2Fb"),
        (b"a//b", "/a%2F%2Fb"),     // *
        (b"a/./b", "/a%2F.%2Fb"),   // *
        (b"../a", "/..%2Fa"),       // *
        (b"a/../b", "/a%2F..%2Fb"), // *
        (b"/a", "/%2Fa"),           // *
        (b"a/", "/a%2F"),
        (b"/", "/%2F"),     // *
        (b"//", "/%2F%2F"), // *
        (b".", "/."),       // *
        (b"..", "/.."),     // *
        (b"a b", "/a%20b"),
        (b"a%41", "/a%2541"),   // *
        (b"a%2Fb", "/a%252Fb"), // *
        (b"50%", "/50%25"),     // *
        (b"%zz", "/%25zz"),     // *
        (b"%25", "/%2525"),     // *
        (b"a?b", "/a%3Fb"),
        (b"a#b", "/a%23b"),
        (b"a+b", "/a+b"),
        ("å".as_bytes(), "/%C3%A5"),
        ("日本".as_bytes(), "/%E6%97%A5%E6%9C%AC"),
        (b"\xff", "/%FF"),
        (b"a\nb", "/a%0Ab"),
        (b"a\x00b", "/a%00b"),
        (b"a&b=c:d@e;f,g~!*'()$", "/a&b=c:d@e%3Bf%2Cg~%21%2A%27%28%29$"),
        (b"a\\b", "/a%5Cb"),
        (b"\"<>^`{|}", "/%22%3C%3E%5E%60%7B%7C%7D"),
        (b"tok ", "/tok%20"),
        (b" tok", "/%20tok"),
        (b"CONTINUE", "/CONTINUE"),
    ];
    for (token, target) in rows {
        let shown = token.escape_ascii();
        let token = Token::new(token).unwrap();
        let head = encode(&url("http://h:1"), &token);
        assert_eq!(head.lines().next(), Some(format!("DIAL {target} HTTP/1.1").as_str()), "{shown}");
        assert_eq!(Request::parse(head.as_bytes()).unwrap().token, token, "{shown}");
    }
}

/// Which targets meet in the lobby, as in the reference.
#[test]
fn targets_that_decode_alike_meet() {
    let rows = [
        ("/tok", "/tok", true),
        ("/tok?x=1", "/tok", true),
        ("/tok#f", "/tok", false),
        ("/%74ok", "/tok", true),
        ("/a%2Fb", "/a/b", true),
        ("/a%2fb", "/a%2Fb", true),
        ("/a/../b", "/b", false),
        ("/a/./b", "/a/b", false),
        ("/a//b", "/a/b", false),
        ("/tok/", "/tok", false),
        ("//tok", "/tok", false),
        ("//tok", "/%2Ftok", true),
        ("/Tok", "/tok", false),
        ("/a+b", "/a%20b", false),
        ("/a+b", "/a%2Bb", true),
        ("/%C3%A5", "/å", true),
        ("/%c3%a5", "/%C3%A5", true),
        ("/%FF", "/%ff", true),
        ("http://h/tok", "/tok", true),
        ("https://elsewhere:9/a/b?q", "/a%2Fb", true),
        ("/tok;p=1", "/tok", false),
        ("/%00", "/%00", true),
        ("/a%0Ab", "/a%0Ab", true),
        ("/%25", "/%25", true),
        ("/tok%20", "/tok", false),
        ("/.", "/.", true),
        ("/..", "/..", true),
        ("/http://h/tok", "/tok", false),
    ];
    for (dial, accept, meet) in rows {
        let (one, two) = (token_in(dial).expect(dial), token_in(accept).expect(accept));
        assert_eq!(one == two, meet, "{dial} and {accept}");
    }
}

#[test]
fn a_base_url_makes_host_and_target() {
    let rows = [
        ("http://h:1", "/tok", "h:1", "h", 1),
        ("http://h:1/", "/tok", "h:1", "h", 1),
        ("http://h:1/rdv", "/rdv/tok", "h:1", "h", 1),
        ("http://h:1/rdv/", "/rdv/tok", "h:1", "h", 1),
        ("http://h:1/?q=1", "/tok?q=1", "h:1", "h", 1),
        ("http://h:1?q=1", "/tok?q=1", "h:1", "h", 1),
        ("http://h:1/rdv?key=a%2Fb&x", "/rdv/tok?key=a%2Fb&x", "h:1", "h", 1),
        ("http://h:1/a%20b", "/a%20b/tok", "h:1", "h", 1),
        ("http://[::1]:1", "/tok", "[::1]:1", "::1", 1),
        ("http://[2001:db8::1]", "/tok", "[2001:db8::1]", "2001:db8::1", 80),
        ("http://192.0.2.1", "/tok", "192.0.2.1", "192.0.2.1", 80),
        ("https://h", "/tok", "h", "h", 443),
        ("HTTPS://h:8443/rdv", "/rdv/tok", "h:8443", "h", 8443),
    ];
    for (base, target, authority, host, port) in rows {
        let url = url(base);
        let expected = format!(
            "DIAL {target} HTTP/1.1\r\nHost: {authority}\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n\
             Rdv-Self-Addrs: \r\n\r\n"
        );
        assert_eq!(encode(&url, &Token::new("tok").unwrap()), expected, "{base}");
        assert_eq!((url.host(), url.port()), (host, port), "{base}");
        assert_eq!(url.is_https(), base.to_lowercase().starts_with("https"), "{base}");
    }
}

/// The reference takes `h:1` for a URL without a host and `//h:1` for http, and drops credentials silently.
#[test]
fn a_url_that_is_none_is_explained() {
    let rows = [
        ("h:1", "http://... or https://..."),
        ("//h:1", "http://... or https://..."),
        ("", "http://... or https://..."),
        ("127.0.0.1:80", "http://... or https://..."),
        ("example.com", "http://... or https://..."),
        ("ws://h", "http://... or https://..."),
        ("ftp://user:sesame@h", "http://... or https://..."),
        ("http://", "is no URL"),
        ("http:///tok", "is no URL"),
        ("http://:80", "is no URL"),
        ("http://h:0", "1 to 65535"),
        ("http://h:65536", "1 to 65535"),
        ("http://h:", "1 to 65535"),
        ("http://h:http", "is no URL"),
        ("http://a b", "is no URL"),
        ("http://user:sesame@h:1/a b", "…@h:1/a b"),
        ("http://user:sesame@h:http", "not supported"),
        ("http://user:sesame@h:1", "not supported"),
        ("http://sesame@h", "not supported"),
    ];
    for (text, part) in rows {
        let err = text.parse::<ServerUrl>().expect_err(text);
        let message = err.to_string();
        assert!(message.contains(part), "{text:?}: {message}");
        assert!(!format!("{message}{err:?}").contains("sesame"), "{text:?} shows credentials: {err:?}");
    }
    assert_eq!("http://user:sesame@h:1".parse::<ServerUrl>(), Err(UrlError::Credentials));
}

#[test]
fn a_url_is_shown_without_its_query() {
    let url = url("https://example.com:8443/rdv?key=sesame");
    assert_eq!(url.to_string(), "https://example.com:8443/rdv");
    assert_eq!(format!("{url:?}"), "ServerUrl(https://example.com:8443/rdv)");
}
