use std::net::{IpAddr, SocketAddr};

use super::{
    AddrList, AddrListError, AddrSpace, AddrSpaces, PeerAddrs, SelfAddrs, parse_addr, push_addr, unmapped,
};

mod interfaces;
mod local;
mod mapped;
mod packed;

/// The reference's verdicts, all but the last four rows: it takes an IPv4-mapped address for IPv6, although
/// what is dialled is IPv4.
const SPACES: &[(&str, &str)] = &[
    ("0.0.0.0", "none"),
    ("127.0.0.1", "loopback4"),
    ("127.9.9.9", "loopback4"),
    ("10.0.0.1", "private4"),
    ("172.16.0.1", "private4"),
    ("172.31.255.255", "private4"),
    ("172.32.0.1", "public4"),
    ("192.168.1.1", "private4"),
    ("100.64.0.1", "public4"),
    ("169.254.1.1", "link4"),
    ("192.0.2.1", "public4"),
    ("198.18.0.1", "public4"),
    ("224.0.0.1", "none"),
    ("240.0.0.1", "public4"),
    ("255.255.255.255", "none"),
    ("1.1.1.1", "public4"),
    ("::", "none"),
    ("::1", "loopback6"),
    ("fe80::1", "link6"),
    ("fc00::1", "private6"),
    ("fd00::1", "private6"),
    ("fec0::1", "public6"),
    ("2001:db8::1", "public6"),
    ("2400::1", "public6"),
    ("ff02::1", "none"),
    ("64:ff9b::1", "public6"),
    ("::ffff:10.0.0.1", "private4"),
    ("::ffff:1.1.1.1", "public4"),
    ("::ffff:127.0.0.1", "loopback4"),
    ("::ffff:169.254.0.1", "link4"),
];

#[test]
fn every_address_has_its_space() {
    for (addr, space) in SPACES {
        let got = AddrSpace::of(ip(addr)).map_or("none", AddrSpace::name);
        assert_eq!(got, *space, "{addr}");
    }
}

#[test]
fn a_set_includes_the_addresses_of_its_spaces_only() {
    for (addr, space) in SPACES {
        for each in AddrSpace::EACH {
            let included = AddrSpaces::from(each).includes(ip(addr));
            assert_eq!(included, each.name() == *space, "{addr} in {each}");
        }
        assert_eq!(AddrSpaces::ALL.includes(ip(addr)), *space != "none", "{addr} in all");
        assert!(!AddrSpaces::NONE.includes(ip(addr)), "{addr} in none");
    }
}

#[test]
fn sets_are_parsed_and_written() {
    let rows = [
        ("none", "none"),
        ("public", "public4,public6"),
        ("default", "public4,public6,private4,private6"),
        ("all", "public4,public6,private4,private6,link4,link6,loopback4,loopback6"),
        ("loopback6", "loopback6"),
        ("loopback4,public4", "public4,loopback4"),
        (" public , link6 ", "public4,public6,link6"),
        ("public4,public4", "public4"),
        ("none,link4", "link4"),
        ("all,none", "public4,public6,private4,private6,link4,link6,loopback4,loopback6"),
    ];
    for (text, written) in rows {
        let set: AddrSpaces = text.parse().unwrap_or_else(|err| panic!("{text:?}: {err}"));
        assert_eq!(set.to_string(), written, "{text:?}");
        assert_eq!(set.to_string().parse(), Ok(set), "{text:?} does not survive a round trip");
    }
    assert_eq!(AddrSpaces::default(), AddrSpaces::DEFAULT);
    assert_eq!(AddrSpace::EACH.into_iter().collect::<AddrSpaces>(), AddrSpaces::ALL);
    assert!(AddrSpaces::NONE.is_empty() && !AddrSpaces::PUBLIC.is_empty());
}

#[test]
fn an_unknown_space_is_named_along_with_what_is_expected() {
    for text in ["", "public4,", ",", "Public4", "public4;public6", "public4 public6", "ipv4"] {
        assert!(text.parse::<AddrSpaces>().is_err(), "{text:?} should not be taken");
    }
    let message = "public4, lan".parse::<AddrSpaces>().unwrap_err().to_string();
    assert!(message.contains("\"lan\"") && message.contains("loopback6"), "{message}");
}

/// What a client says of itself, and how it reads once it was through a server.
#[test]
fn lists_are_sorted_and_deduplicated() {
    let rows = [
        ("", ""),
        (" \t ", ""),
        ("10.0.0.2:5, 10.0.0.1:6, 10.0.0.1:5", "10.0.0.1:5, 10.0.0.1:6, 10.0.0.2:5"),
        ("10.0.0.1:5,10.0.0.1:5", "10.0.0.1:5"),
        ("   10.0.0.1:5   ,\t10.0.0.3:5", "10.0.0.1:5, 10.0.0.3:5"),
        (
            "[::1]:5, 10.0.0.1:5, [2001:DB8:0:0::1]:5, [fd00::1]:9",
            "10.0.0.1:5, [::1]:5, [2001:db8::1]:5, [fd00::1]:9",
        ),
        // The reference keeps the IPv4-mapped form beside the IPv4 address, and so dials the same twice.
        ("[::ffff:10.0.0.1]:5, 10.0.0.1:5", "10.0.0.1:5"),
        // The reference passes zones on, which mean nothing to the peer.
        ("[fe80::1%eth0]:5, [fe80::1]:5", "[fe80::1]:5"),
        ("[fe80::1%7]:5", "[fe80::1]:5"),
        ("[fe80::1%en-0.5]:05", "[fe80::1]:5"),
        (
            "10.0.0.1:0, 0.0.0.0:1, 255.255.255.255:65535, 224.0.0.1:9",
            "0.0.0.0:1, 10.0.0.1:0, 224.0.0.1:9, 255.255.255.255:65535",
        ),
        ("10.0.0.1:080", "10.0.0.1:80"),
        ("10.0.0.1:10, 10.0.0.1:9", "10.0.0.1:9, 10.0.0.1:10"),
        (
            "200.0.0.1:5, 9.0.0.1:5, 127.0.0.1:1, 127.0.0.1:65535",
            "9.0.0.1:5, 127.0.0.1:1, 127.0.0.1:65535, 200.0.0.1:5",
        ),
    ];
    for (text, written) in rows {
        let list: SelfAddrs = text.parse().unwrap_or_else(|err| panic!("{text:?}: {err}"));
        assert_eq!(list.to_string(), written, "{text:?}");
        assert_eq!(list.to_string().parse(), Ok(list), "{text:?} does not survive a round trip");
    }
}

/// All of these are answered 400 by the reference as well.
const MALFORMED: &[&str] = &[
    "notanaddr",
    "10.0.0.1",
    "10.0.0.1:",
    "10.0.0.1:65536",
    "10.0.0.1:-1",
    "10.0.0.1:http",
    "localhost:80",
    "::1:80",
    "[::1]",
    "[::1]:",
    "10.0.0.1:1,",
    "10.0.0.1:1,,10.0.0.2:2",
    ",",
    "10.0.0.01:80",
    "10.0.0.1:+80",
    "[10.0.0.1]:80",
    "10.0.0.1:80;10.0.0.2:80",
    "10.0.0.1:80 10.0.0.2:80",
    "\"10.0.0.1:80\"",
    // Ours: zones that no system has.
    "[fe80::1%]:5",
    "[fe80::1%a%b]:5",
    "[fe80::1%eth0]:",
    "[fe80::1%eth0]",
    "fe80::1%eth0:5",
    "[10.0.0.1%eth0]:5",
];

#[test]
fn malformed_lists_are_refused() {
    for text in MALFORMED {
        let err = text.parse::<SelfAddrs>().expect_err(text);
        assert!(matches!(err, AddrListError::Invalid { .. }), "{text:?}: {err}");
    }
    let err = format!("10.0.0.1:80, {}", "x".repeat(5000)).parse::<SelfAddrs>().unwrap_err();
    assert_eq!(err, AddrListError::Invalid { element: "x".repeat(100) }, "a stranger's text is not bounded");
}

#[test]
fn what_is_no_list_is_explained() {
    let eleven = ["10.0.0.1:1"; 11].join(",");
    assert_eq!(eleven.parse::<PeerAddrs>().unwrap_err().to_string(), "at most 10 addresses are allowed");
    assert_eq!(
        "10.0.0.1".parse::<SelfAddrs>().unwrap_err().to_string(),
        "\"10.0.0.1\" is not an address: expected 192.0.2.1:80 or [2001:db8::1]:80"
    );
    assert_eq!(format!("{:?}", AddrSpaces::PUBLIC), "AddrSpaces(public4,public6)");
}

#[test]
fn a_list_is_counted_before_duplicates_are_removed() {
    let list = |n: usize, addr: &dyn Fn(usize) -> String| (0..n).map(addr).collect::<Vec<_>>().join(",");
    let distinct = |i: usize| format!("10.0.0.{i}:1000");
    let equal = |_: usize| "10.0.0.1:1".to_owned();

    assert_eq!(list(9, &distinct).parse::<SelfAddrs>().unwrap().len(), 9);
    assert_eq!(list(9, &equal).parse::<SelfAddrs>().unwrap().len(), 1);
    assert_eq!(list(10, &distinct).parse::<PeerAddrs>().unwrap().len(), 10);
    for text in [list(10, &distinct), list(10, &equal)] {
        assert_eq!(text.parse::<SelfAddrs>(), Err(AddrListError::TooMany { max: 9 }), "{text}");
        assert_eq!(
            SelfAddrs::new(text.split(',').map(socket)),
            Err(AddrListError::TooMany { max: 9 }),
            "{text}"
        );
    }
    assert_eq!(list(11, &equal).parse::<PeerAddrs>(), Err(AddrListError::TooMany { max: 10 }));
    let endless = std::iter::repeat(socket("10.0.0.1:1"));
    assert_eq!(AddrList::<3>::new(endless), Err(AddrListError::TooMany { max: 3 }));
}

#[test]
fn a_peer_is_told_of_the_observed_address_too() {
    let selfs: SelfAddrs = "10.0.0.9:5, [::1]:7".parse().unwrap();
    let rows = [
        ("127.0.0.1:9", "10.0.0.9:5, 127.0.0.1:9, [::1]:7"),
        ("10.0.0.9:5", "10.0.0.9:5, [::1]:7"),
        ("[::ffff:10.0.0.9]:6", "10.0.0.9:5, 10.0.0.9:6, [::1]:7"),
    ];
    for (observed, written) in rows {
        assert_eq!(
            PeerAddrs::of(selfs.iter().copied(), socket(observed), None).to_string(),
            written,
            "{observed}"
        );
    }
    let nine = SelfAddrs::new((1..=9).map(|i| socket(&format!("10.0.0.{i}:1")))).unwrap();
    let observed = socket("192.0.2.1:1");
    assert_eq!(PeerAddrs::of(nine.iter().copied(), observed, None).len(), 10);
    assert_eq!(
        PeerAddrs::of(nine.iter().copied(), observed, Some(socket("[2001:db8::1]:1"))).len(),
        10,
        "no room for more"
    );
}

#[test]
fn single_addresses_are_compared_without_mapping_and_zone() {
    assert_eq!(unmapped(socket("[::ffff:192.0.2.1]:5")), socket("192.0.2.1:5"));
    assert_eq!(unmapped(socket("[fe80::1%3]:5")), socket("[fe80::1]:5"));
    assert_eq!(parse_addr("[fe80::1%wlan0]:5"), Some(socket("[fe80::1]:5")));
    assert_eq!(parse_addr("example.com:5"), None);
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap_or_else(|err| panic!("{text:?}: {err}"))
}

fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap_or_else(|err| panic!("{text:?}: {err}"))
}

#[test]
fn an_address_is_written_as_std_has_it() {
    for ip in ["0.0.0.0", "1.10.100.255", "9.99.199.200", "2001:db8::1", "::", "fe80::ffff"] {
        for port in [0, 1, 9, 10, 99, 100, 999, 1000, 9999, 10_000, 65_535] {
            let addr = SocketAddr::new(ip.parse().unwrap(), port);
            let mut text = String::from("before ");
            push_addr(&mut text, addr);
            assert_eq!(text, format!("before {addr}"));
        }
    }
}
