//! What HTTP proxies say of whom they speak for.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::super::fields::Fields;
use super::super::forwarded::{Client, client_of, trace_of_proxy};
use crate::addr::Cidr;
use crate::tests::cases::fixed_cases;

/// Header lines, as `Name: value`.
fn headers(lines: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        headers.append(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
    }
    headers
}

/// The client as text, where 10.0.0.0/8 and fd00::/8 are trusted.
fn client(lines: &[&str]) -> String {
    let trusted: [Cidr; 2] = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
    let is_trusted = |ip: IpAddr| trusted.iter().any(|network| network.contains(ip));
    match client_of(&headers(lines), is_trusted) {
        Ok(Some(Client { ip, port: Some(port) })) => format!("{ip} {port}"),
        Ok(Some(Client { ip, port: None })) => format!("{ip}"),
        Ok(None) => "unknown".into(),
        Err(_) => "refused".into(),
    }
}

#[test]
fn one_proxy_tells_its_client() {
    let rows = [
        (r#"Forwarded: for="192.0.2.1:39841""#, "192.0.2.1 39841"),
        (r#"Forwarded: for="[2001:db8:cafe::17]:4711""#, "2001:db8:cafe::17 4711"),
        (r#"Forwarded: for="[192.0.2.1]:39841""#, "192.0.2.1 39841"),
        (r#"Forwarded: For="[2001:db8:cafe::17]""#, "2001:db8:cafe::17"),
        ("Forwarded: for=192.0.2.43", "192.0.2.43"),
        // Ports have to be in quotes, which some forget.
        ("Forwarded: for=192.0.2.43:5000;proto=http", "192.0.2.43 5000"),
        (r#"Forwarded: for=192.0.2.60;proto=http;by=203.0.113.43"#, "192.0.2.60"),
        (r#"Forwarded: by=203.0.113.43 ; host="a,b;c=\"d" ; FOR="192.0.2.60:7""#, "192.0.2.60 7"),
        (r#"Forwarded: for="192.0.2.1:_port""#, "192.0.2.1"),
        (r#"Forwarded: for="192.0.2.1:0""#, "192.0.2.1"),
        (r#"Forwarded: for="\1\92.0.2.1:5""#, "192.0.2.1 5"),
        (r#"Forwarded: for="[::ffff:192.0.2.1]:5""#, "192.0.2.1 5"),
        ("Forwarded: for=unknown", "unknown"),
        ("Forwarded: for=_hidden", "unknown"),
        ("Forwarded: proto=https", "unknown"),
        ("Forwarded: ", "unknown"),
        ("Forwarded: , ,", "unknown"),
        (r#"Forwarded: for="192.0.2.1:99999""#, "unknown"),
        (r#"Forwarded: for="192.0.2.1"#, "refused"),
        (r#"Forwarded: for=192.0.2.1""#, "refused"),
        (r#"Forwarded: for=192.0.2.1 proto=http"#, "refused"),
        ("Forwarded: for=192.0.2.1;for=192.0.2.2", "refused"),
        ("Forwarded: 192.0.2.1", "refused"),
        ("X-Forwarded-For: 192.0.2.1", "192.0.2.1"),
        ("X-Forwarded-For: 192.0.2.1:39841", "192.0.2.1 39841"),
        ("X-Forwarded-For: 2001:db8::1", "2001:db8::1"),
        ("X-Forwarded-For: [2001:db8::1]:39841", "2001:db8::1 39841"),
        ("X-Forwarded-For: unknown", "unknown"),
        ("X-Forwarded-For: example.com", "unknown"),
        ("X-Forwarded-For: 192.0.2.1,", "192.0.2.1"),
        ("Via: 1.1 somewhere", "unknown"),
    ];
    for (line, expected) in rows {
        assert_eq!(client(&[line]), expected, "{line}");
    }
}

#[test]
fn the_client_s_port_may_be_in_a_header_of_its_own() {
    let rows: [(&[&str], &str); 7] = [
        (&["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Port: 39841"], "192.0.2.1 39841"),
        (&["Forwarded: for=192.0.2.1", "X-Forwarded-Port: 39841"], "192.0.2.1 39841"),
        (&["X-Forwarded-For: 192.0.2.1:5000", "X-Forwarded-Port: 39841"], "192.0.2.1 5000"),
        // Many proxies mean their own port by it.
        (&["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Port: 443"], "192.0.2.1"),
        (&["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Port: 39841, 5"], "192.0.2.1"),
        (&["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Port: 39841", "X-Forwarded-Port: 5000"], "192.0.2.1"),
        (&["X-Forwarded-Port: 39841"], "unknown"),
    ];
    for (lines, expected) in rows {
        assert_eq!(client(lines), expected, "{lines:?}");
    }
}

#[test]
fn a_chain_is_read_from_its_end_as_far_as_it_is_trusted() {
    let rows: [(&[&str], &str); 12] = [
        (&["X-Forwarded-For: 198.51.100.1, 192.0.2.1:5000"], "192.0.2.1 5000"),
        (&["X-Forwarded-For: 198.51.100.1, 192.0.2.1:5000, 10.0.0.2, 10.0.0.1"], "192.0.2.1 5000"),
        (&["X-Forwarded-For: 198.51.100.1", "X-Forwarded-For: 192.0.2.1, 10.0.0.2"], "192.0.2.1"),
        (&["X-Forwarded-For: 10.9.9.9:5000, 10.0.0.2"], "10.9.9.9 5000"),
        // Whoever hides is not looked behind.
        (&["X-Forwarded-For: 192.0.2.1:5000, unknown, 10.0.0.2"], "unknown"),
        (&[r#"Forwarded: for=198.51.100.1, for="192.0.2.1:5000", for="[fd00::1]""#], "192.0.2.1 5000"),
        (&["Forwarded: for=198.51.100.1", "Forwarded: for=192.0.2.1;proto=http , for=10.0.0.2"], "192.0.2.1"),
        // Of a line that is the client's own nothing is read, be it as bad as it likes.
        (&[r#"Forwarded: for="broken"#, r#"Forwarded: for="192.0.2.1:5000""#], "192.0.2.1 5000"),
        // But it must not swallow what a proxy has added to it.
        (&[r#"Forwarded: for="broken, for=192.0.2.1"#], "refused"),
        // Which of the two is the client's own?
        (&["Forwarded: for=198.51.100.1", "X-Forwarded-For: 192.0.2.1"], "refused"),
        (&["Forwarded: for=192.0.2.1", "X-Forwarded-For: 192.0.2.1:5000, 10.0.0.2"], "192.0.2.1 5000"),
        (&["Forwarded: for=unknown", "X-Forwarded-For: 192.0.2.1:5000"], "192.0.2.1 5000"),
    ];
    for (lines, expected) in rows {
        assert_eq!(client(lines), expected, "{lines:?}");
    }
}

#[test]
fn a_proxy_leaves_traces() {
    let rows = [("via", Some("Via")), ("X-Forwarded-For", Some("X-Forwarded-For")), ("Host", None)];
    for (name, expected) in rows {
        let fields = [httparse::Header { name, value: b"x" }];
        assert_eq!(trace_of_proxy(Fields(&fields)), expected, "{name}");
    }
}

proptest! {
    #![proptest_config(fixed_cases())]

    /// Whatever a client says of itself, the address that the proxy has seen counts, or the request is refused.
    #[test]
    fn a_client_cannot_say_who_it_is(said in "[ -~]{0,60}", name in 0_usize..2) {
        let (name, own) = [
            ("Forwarded", r#"for="192.0.2.1:5000""#),
            ("X-Forwarded-For", "192.0.2.1:5000"),
        ][name];
        for lines in [
            vec![format!("{name}: {said}, {own}")],
            vec![format!("{name}: {said}"), format!("{name}: {own}")],
        ] {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let seen = client(&lines);
            prop_assert!(seen == "192.0.2.1 5000" || seen == "refused" && name == "Forwarded", "{seen}");
        }
    }
}
