use std::time::Duration;

use http::StatusCode;

use super::super::{Denial, Reject, Request, Role};
use crate::token::Token;

const UPGRADE: &str = "Connection: upgrade\r\nUpgrade: rdv/1\r\n";

/// What a request comes to: its token, or status, code and body of the refusal.
type Verdict = Result<&'static str, (u16, &'static str, &'static str)>;

fn check(name: &str, head: &[u8], verdict: Verdict) {
    let got = Request::parse(head);
    let got = got.as_ref().map(|request| request.token.as_bytes().escape_ascii().to_string());
    let got = got.map_err(|reject| (reject.status().as_u16(), reject.code(), reject.to_string()));
    let verdict = verdict.map(str::to_owned).map_err(|(status, code, body)| (status, code, body.to_owned()));
    assert_eq!(got, verdict, "{name}: {}", head.escape_ascii());
}

fn head(line: &str, headers: &str) -> Vec<u8> {
    format!("{line}\r\nHost: 127.0.0.1:18686\r\n{headers}\r\n").into_bytes()
}

const NOT_AN_UPGRADE: Verdict =
    Err((426, "not-an-upgrade", "invalid rdv upgrade: requires connection upgrade"));
const NO_TOKEN: Verdict = Err((400, "empty-token", "missing rdv token"));
const TOK: Verdict = Ok("tok");

/// Statuses and bodies are the reference's, less the line break that it appends.
#[test]
fn upgrades_are_judged_as_the_reference_does() {
    let rows: &[(&str, &str, Verdict)] = &[
        ("GET / HTTP/1.1", "", NOT_AN_UPGRADE),
        ("GET /tok HTTP/1.1", "", NOT_AN_UPGRADE),
        ("DIAL /tok HTTP/1.1", "", NOT_AN_UPGRADE),
        (
            "DIAL /tok HTTP/1.1",
            "Connection: upgrade\r\n",
            Err((426, "no-upgrade", "invalid rdv upgrade: missing upgrade header")),
        ),
        ("DIAL /tok HTTP/1.1", "Upgrade: rdv/1\r\n", NOT_AN_UPGRADE),
        (
            "DIAL /tok HTTP/1.1",
            "Connection: upgrade\r\nUpgrade: websocket\r\n",
            Err((426, "bad-upgrade", "invalid rdv upgrade: bad upgrade websocket")),
        ),
        (
            "DIAL /tok HTTP/1.1",
            "Connection: upgrade\r\nUpgrade: rdv/2\r\n",
            Err((426, "bad-upgrade", "invalid rdv upgrade: bad upgrade rdv/2")),
        ),
        ("DIAL /tok HTTP/1.1", "connection: UPGRADE\r\nupgrade: RDV/1\r\n", TOK),
        ("DIAL /tok HTTP/1.1", "Connection: upgrade\r\nConnection: keep-alive\r\nUpgrade: rdv/1\r\n", TOK),
        ("DIAL /tok HTTP/1.1", "Connection: upgrade\r\nConnection: close\r\nUpgrade: rdv/1\r\n", TOK),
        // The reference compares the first header whole, and so refuses the lists that RFC 9110 section 7.8 allows.
        ("DIAL /tok HTTP/1.1", "Connection: upgrade\r\nUpgrade: rdv/1, websocket\r\n", TOK),
        ("DIAL /tok HTTP/1.1", "Connection: keep-alive, Upgrade\r\nUpgrade: rdv/1\r\n", TOK),
        ("DIAL /tok HTTP/1.1", "Connection: keep-alive\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n", TOK),
        ("DIAL /tok HTTP/1.1", "Connection: upgrades\r\nUpgrade: rdv/1\r\n", NOT_AN_UPGRADE),
    ];
    for (line, headers, verdict) in rows {
        check(line, &head(line, headers), *verdict);
    }
}

#[test]
fn methods_and_tokens_are_judged_as_the_reference_does() {
    let method = |body| Err((400, "bad-method", body));
    let path =
        Err((400, "malformed", "malformed request: the request target must be a path, such as /token"));
    let escape = "malformed request: token has a % that does not begin a percent-encoded byte";
    let rows: &[(&str, Verdict)] = &[
        ("GET /tok HTTP/1.1", method("unknown rdv method [GET]")),
        ("POST /tok HTTP/1.1", method("unknown rdv method [POST]")),
        ("dial /tok HTTP/1.1", method("unknown rdv method [dial]")),
        ("DIAL / HTTP/1.1", NO_TOKEN),
        ("DIAL /?x=1 HTTP/1.1", NO_TOKEN),
        ("GET / HTTP/1.1", NO_TOKEN),
        ("DIAL //tok HTTP/1.1", Ok("/tok")),
        ("DIAL tok HTTP/1.1", path),
        // The reference takes * for a token.
        ("DIAL * HTTP/1.1", path),
        ("DIAL http://other.example/tok HTTP/1.1", TOK),
        ("DIAL http://other.example HTTP/1.1", NO_TOKEN),
        ("DIAL /%zz HTTP/1.1", Err((400, "malformed", escape))),
        ("DIAL /å HTTP/1.1", Ok("\\xc3\\xa5")),
        ("ACCEPT /tok HTTP/1.1", TOK),
    ];
    for (line, verdict) in rows {
        check(line, &head(line, UPGRADE), *verdict);
    }
    assert_eq!(Request::parse(&head("DIAL /t HTTP/1.1", UPGRADE)).unwrap().role, Role::Dial);
    assert_eq!(Request::parse(&head("ACCEPT /t HTTP/1.1", UPGRADE)).unwrap().role, Role::Accept);
}

#[test]
fn versions_are_judged_as_the_reference_does() {
    let bad = |body| Err((426, "bad-version", body));
    let unsupported = Err((505, "version", "unsupported protocol version: expected HTTP/1.1"));
    let rows: &[(&str, &str, Verdict)] = &[
        ("DIAL /tok HTTP/1.0", UPGRADE, bad("invalid rdv upgrade: bad http version for upgrade HTTP/1.0")),
        ("DIAL /tok HTTP/1.0", "", NOT_AN_UPGRADE),
        ("DIAL /tok HTTP/1.2", UPGRADE, bad("invalid rdv upgrade: bad http version for upgrade HTTP/1.2")),
        ("DIAL /tok HTTP/2.0", UPGRADE, unsupported),
        (
            "DIAL /tok http/1.1",
            UPGRADE,
            Err((400, "malformed", "malformed request: the first line must end in HTTP/1.1")),
        ),
    ];
    for (line, headers, verdict) in rows {
        check(line, &head(line, headers), *verdict);
    }
    // The reference knows the preface, and answers 426 as if it were a request.
    check("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\n", unsupported);
    check("no Host is needed in HTTP/1.0", b"GET / HTTP/1.0\r\n\r\n", NOT_AN_UPGRADE);
}

/// The bodies of the reference's 400s say less, and come from its HTTP library.
#[test]
fn malformed_heads_are_refused() {
    let host = (400, "host", "exactly one Host header is required");
    check("missing Host", format!("DIAL /tok HTTP/1.1\r\n{UPGRADE}\r\n").as_bytes(), Err(host));
    check("two Host headers", &head("DIAL /tok HTTP/1.1", &format!("Host: b\r\n{UPGRADE}")), Err(host));

    let rows: &[(&str, Vec<u8>)] = &[
        ("garbage line", b"garbage\r\n\r\n".to_vec()),
        ("no version", b"DIAL /tok\r\n\r\n".to_vec()),
        ("nothing but line breaks", b"\r\n\r\n".to_vec()),
        ("cut short", head("DIAL /tok HTTP/1.1", UPGRADE)[..40].to_vec()),
        ("header without colon", head("DIAL /tok HTTP/1.1", &format!("{UPGRADE}garbage\r\n"))),
        ("space before the colon", head("DIAL /tok HTTP/1.1", &format!("{UPGRADE}X-A : b\r\n"))),
        ("header with NUL", head("DIAL /tok HTTP/1.1", &format!("{UPGRADE}X-A: b\0c\r\n"))),
        // Deprecated by RFC 9112 section 5.2; the reference still joins the lines.
        ("obs-fold", head("DIAL /tok HTTP/1.1", &format!("{UPGRADE}X-A: b\r\n c\r\n"))),
        ("path that is no UTF-8", b"DIAL /\xff HTTP/1.1\r\nHost: h\r\n\r\n".to_vec()),
    ];
    for (name, head) in rows {
        let reject = Request::parse(head).expect_err(name);
        assert_eq!((reject.status().as_u16(), reject.code()), (400, "malformed"), "{name}: {reject}");
    }
}

/// Its version is not what is wrong with it.
#[test]
fn a_space_in_the_path_is_malformed() {
    for line in ["DIAL /a b HTTP/1.1", "DIAL /a HTTP/1.1 HTTP/1.1"] {
        let reject = Request::parse(&head(line, UPGRADE)).expect_err(line);
        assert_eq!((reject.status().as_u16(), reject.code()), (400, "malformed"), "{line}: {reject}");
    }
}

#[test]
fn unusual_heads_that_are_taken() {
    let rows: &[(&str, Vec<u8>)] = &[
        ("bare LF", b"DIAL /tok HTTP/1.1\nHost: h\nConnection: upgrade\nUpgrade: rdv/1\n\n".to_vec()),
        // The reference answers 400; RFC 9112 section 2.2 asks servers to skip one.
        ("leading CRLF", [b"\r\n".to_vec(), head("DIAL /tok HTTP/1.1", UPGRADE)].concat()),
        ("Content-Length: 0", head("DIAL /tok HTTP/1.1", &format!("{UPGRADE}Content-Length: 0\r\n"))),
        ("Expect", head("DIAL /tok HTTP/1.1", &format!("{UPGRADE}Expect: 100-continue\r\n"))),
        ("HTAB around values", head("DIAL /tok HTTP/1.1", "Connection:\tupgrade \r\nUpgrade:rdv/1\t\r\n")),
        ("a value that is no UTF-8", {
            let mut head = head("DIAL /tok HTTP/1.1", UPGRADE);
            head.splice(head.len() - 2.., *b"X-A: \xff\r\n\r\n");
            head
        }),
    ];
    for (name, head) in rows {
        check(name, head, TOK);
    }
    let long = "t".repeat(8000);
    let request = Request::parse(&head(&format!("DIAL /{long} HTTP/1.1"), UPGRADE)).unwrap();
    assert_eq!(
        request.token,
        Token::on_server(long.as_bytes()).unwrap(),
        "a token too long for a line is relayed"
    );
}

#[test]
fn the_number_of_headers_is_limited() {
    let many = |n: usize| format!("{UPGRADE}{}", "X-A: b\r\n".repeat(n - 3));
    check("64 headers", &head("DIAL /tok HTTP/1.1", &many(64)), TOK);
    let body = "request head too large: 64 headers are allowed";
    check("65 headers", &head("DIAL /tok HTTP/1.1", &many(65)), Err((431, "too-many-headers", body)));
}

#[test]
fn self_addresses_are_judged_as_the_reference_does() {
    let parse = |value: &str| {
        let headers = format!("{UPGRADE}Rdv-Self-Addrs: {value}\r\n");
        Request::parse(&head("DIAL /tok HTTP/1.1", &headers)).map(|request| request.self_addrs.to_string())
    };
    let list = |n: usize| (1..=n).map(|i| format!("10.0.0.{i}:1000")).collect::<Vec<_>>().join(", ");
    assert_eq!(parse(""), Ok(String::new()));
    assert_eq!(parse(&list(9)), Ok(list(9)));
    for text in [list(10), ["10.0.0.1:1"; 10].join(", ")] {
        assert_eq!(parse(&text), Err(Reject::TooManySelfAddrs(text.clone())), "{text}");
    }
    for text in ["notanaddr", "10.0.0.1:65536", "[[::1]]", "10.0.0.1:1,,10.0.0.2:2", ",", "10.0.0.01:80"] {
        let reject = parse(text).expect_err(text);
        assert_eq!(reject.to_string(), format!("invalid self addrs [{text}]"));
        assert_eq!((reject.status().as_u16(), reject.code()), (400, "bad-self-addrs"));
    }
    // Sent back bounded, which the reference does not.
    let Err(Reject::BadSelfAddrs(shown)) = parse(&"x".repeat(5000)) else { panic!("taken") };
    assert_eq!(shown, "x".repeat(200) + "…");

    let headers = format!("{UPGRADE}Rdv-Self-Addrs: 10.0.0.1:1\r\nRdv-Self-Addrs: 10.0.0.2:2\r\n");
    let request = Request::parse(&head("DIAL /tok HTTP/1.1", &headers)).unwrap();
    assert_eq!(request.self_addrs.to_string(), "10.0.0.1:1", "of repeated headers, the first counts");
    assert!(Request::parse(&head("DIAL /tok HTTP/1.1", UPGRADE)).unwrap().self_addrs.is_empty());
}

/// Closed goes first of all, in the lobby; the rest is in this order.
#[test]
fn the_first_fault_in_the_protocol_s_order_is_named() {
    let mut line = "GET / HTTP/1.0".to_owned();
    let mut headers = "Rdv-Self-Addrs: x\r\n".to_owned();
    let mut named = Vec::new();
    while let Err(reject) = Request::parse(&head(&line, &headers)) {
        assert!(!named.contains(&reject.code()), "{reject:?} although that was mended");
        named.push(reject.code());
        match reject.code() {
            "not-an-upgrade" => headers += "Connection: upgrade\r\n",
            "no-upgrade" => headers += "Upgrade: rdv/1\r\n",
            "bad-version" => line = "GET / HTTP/1.1".into(),
            "empty-token" => line = "GET /tok HTTP/1.1".into(),
            "bad-method" => line = "DIAL /tok HTTP/1.1".into(),
            "bad-self-addrs" => headers = UPGRADE.into(),
            other => panic!("{other} after {named:?}"),
        }
    }
    let order =
        ["not-an-upgrade", "no-upgrade", "bad-version", "empty-token", "bad-method", "bad-self-addrs"];
    assert_eq!(named, order);
}

#[test]
fn a_refusal_is_one_http_answer() {
    assert_eq!(
        Reject::NoPeer.encode(),
        "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 22\r\n\
         Content-Type: text/plain; charset=utf-8\r\nRdv-Error: no-peer\r\nX-Content-Type-Options: nosniff\r\n\r\n\
         no matching peer found"
    );
    let upgrade = String::from_utf8(Reject::NoUpgrade.encode().to_vec()).unwrap();
    assert!(upgrade.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{upgrade}");
    assert!(upgrade.contains("\r\nUpgrade: rdv/1\r\n"), "{upgrade}");
}

#[test]
fn every_refusal_has_its_status_and_words() {
    let rows = [
        (Reject::TooManySelfAddrs("x".into()), 400, "too-many-self-addrs", "too many self addrs [x]"),
        (
            Reject::NoObservedAddr("x-real".into()),
            400,
            "no-observed-addr",
            "no ip:port in header x-real, which this server expects from the proxy before it",
        ),
        (Reject::HasBody, 400, "has-body", "a request must not have a body"),
        (Reject::NoRemoteAddr, 500, "no-remote-addr", "this server is not told its clients' addresses"),
        (Reject::NotMountedHere("/rdv".into()), 404, "not-mounted-here", "rdv is under /rdv on this server"),
        (
            Reject::Unauthorized(Denial::Missing),
            401,
            "credentials-missing",
            "this server wants credentials: a bearer token in an Authorization header",
        ),
        (
            Reject::Unauthorized(Denial::Malformed),
            400,
            "credentials-malformed",
            "expected one Authorization header with one bearer token",
        ),
        (
            Reject::Unauthorized(Denial::Wrong),
            401,
            "credentials-wrong",
            "these credentials are not accepted here, or not for this rdv token",
        ),
        (Reject::Unauthorized(Denial::Expired), 401, "credentials-expired", "these credentials have expired"),
        (
            Reject::Unauthorized(Denial::TooLong),
            401,
            "credentials-too-long",
            "these credentials are valid for longer than this server allows",
        ),
        (Reject::NotIdle, 400, "not-idle", "conn must idle while waiting for response header"),
        (Reject::NoPeer, 408, "no-peer", "no matching peer found"),
        (Reject::HeadTimeout, 408, "head-timeout", "the request did not come in time"),
        (Reject::Replaced, 409, "replaced", "replaced by another conn"),
        (Reject::HeadTooLarge(16_384), 431, "head-too-large", "request head too large: 16 KiB are allowed"),
        (Reject::HeadTooLarge(1000), 431, "head-too-large", "request head too large: 1000 bytes are allowed"),
        (Reject::TooManyHeaders, 431, "too-many-headers", "request head too large: 64 headers are allowed"),
        (Reject::FullForAddr, 429, "full-for-addr", "too many conns from this address"),
        (
            Reject::RateLimited(Duration::from_millis(1500)),
            429,
            "rate-limited",
            "too many new conns from this address, try again later",
        ),
        (Reject::Full, 503, "full", "rdv server is full, try again later"),
        (Reject::Overloaded, 503, "overloaded", "rdv server has no connections to spare, try again later"),
        (Reject::ShuttingDown, 503, "shutting-down", "rdv server shutting down, try again"),
        (Reject::Closed, 503, "closed", "rdv is closed"),
    ];
    for (reject, status, code, body) in rows {
        assert_eq!(reject.status(), StatusCode::from_u16(status).unwrap(), "{reject:?}");
        assert_eq!((reject.code(), reject.to_string().as_str()), (code, body));
        let answer = String::from_utf8(reject.encode().to_vec()).unwrap();
        assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{answer}");
        assert!(answer.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{answer}");
        // Whole seconds, and never too few.
        let retry = match code {
            "rate-limited" => "\r\nRetry-After: 2\r\n",
            "shutting-down" | "closed" => "\r\nRetry-After: 1\r\n",
            "full" | "overloaded" => "\r\nRetry-After: 10\r\n",
            _ => "",
        };
        assert!(answer.contains(retry), "{answer}");
        assert_eq!(answer.contains("Retry-After"), !retry.is_empty(), "{answer}");
    }
}
