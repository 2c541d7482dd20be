//! PROXY headers: what they say, how they end, and that no byte behind them is touched.

use std::net::{Ipv4Addr, SocketAddr};

use proptest::prelude::*;

use super::super::proxy_header::{Beginning, ProxyHeaderReader, is_proxy_header};
use crate::addr::unmapped;
use crate::tests::cases::{addr, bytes, fixed_cases};

/// What a reader makes of a stream in reads of at most `chop`, and how many bytes it took.
fn read(stream: &[u8], chop: usize) -> (Option<Result<Beginning, String>>, usize) {
    let (mut reader, mut taken) = (ProxyHeaderReader::new(), 0);
    loop {
        let len = reader.next_read().get().min(chop).min(stream.len() - taken);
        if len == 0 {
            assert_eq!(reader.is_empty(), taken == 0);
            return (None, taken);
        }
        let data = &stream[taken..taken + len];
        taken += len;
        match reader.push(data) {
            Ok(None) => {}
            Ok(Some(beginning)) => return (Some(Ok(beginning)), taken),
            Err(why) => return (Some(Err(why)), taken),
        }
    }
}

/// The same for every size of reads, with something behind it that is not to be touched.
fn whole(header: &[u8]) -> Result<Option<SocketAddr>, String> {
    let stream = [header, b"DIAL /tok HTTP/1.1\r\n"].concat();
    let (outcome, taken) = read(&stream, usize::MAX);
    for chop in [1, 2, 3, 7, 64] {
        let (again, taken_again) = read(&stream, chop);
        assert_eq!(again.is_some_and(|it| it.is_ok()), matches!(outcome, Some(Ok(_))), "by {chop}");
        assert!(taken_again <= stream.len());
    }
    match outcome.expect("there is a verdict") {
        Ok(Beginning::Header(addr)) => {
            assert_eq!(taken, header.len(), "{}", header.escape_ascii());
            Ok(addr)
        }
        Ok(Beginning::Other(other)) => panic!("it is none: {}", other.escape_ascii()),
        Err(why) => Err(why),
    }
}

fn v2(version_and_command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).unwrap().to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n" as &[u8], &[version_and_command, family], &len, body].concat()
}

fn v2_of(from: SocketAddr, to: SocketAddr, tlvs: &[u8]) -> Vec<u8> {
    let (family, mut body) = match (from, to) {
        (SocketAddr::V4(from), SocketAddr::V4(to)) => (0x11, [from.ip().octets(), to.ip().octets()].concat()),
        (SocketAddr::V6(from), SocketAddr::V6(to)) => (0x21, [from.ip().octets(), to.ip().octets()].concat()),
        (from, to) => panic!("{from} is not of the family of {to}"),
    };
    body.extend([from.port().to_be_bytes(), to.port().to_be_bytes()].concat());
    body.extend(tlvs);
    v2(0x21, family, &body)
}

#[test]
fn version_1_says_who_the_client_is() {
    let rows = [
        ("PROXY TCP4 192.0.2.1 203.0.113.1 39841 8080\r\n", Some("192.0.2.1:39841")),
        ("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n", Some("1.1.1.1:1")),
        ("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", Some("255.255.255.255:65535")),
        ("PROXY TCP6 2001:db8::1 2001:db8::2 39841 8080\r\n", Some("[2001:db8::1]:39841")),
        ("PROXY TCP6 :: :: 1 2\r\n", Some("[::]:1")),
        ("PROXY TCP6 ::ffff:192.0.2.1 ::1 5 6\r\n", Some("192.0.2.1:5")),
        ("PROXY UNKNOWN\r\n", None),
        ("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", None),
        ("PROXY UNKNOWN and whatever\twas said\r\n", None),
        // Nobody can dial it.
        ("PROXY TCP4 192.0.2.1 203.0.113.1 0 8080\r\n", None),
    ];
    for (header, expected) in rows {
        assert_eq!(whole(header.as_bytes()), Ok(expected.map(|addr| addr.parse().unwrap())), "{header:?}");
    }
    let longest = format!("PROXY UNKNOWN {}\r\n", "f".repeat(107 - 16));
    assert_eq!(whole(longest.as_bytes()), Ok(None));
}

#[test]
fn what_is_no_version_1_is_refused() {
    let rows = [
        "PROXY \r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP5 192.0.2.1 203.0.113.1 39841 8080\r\n",
        "PROXY tcp4 192.0.2.1 203.0.113.1 39841 8080\r\n",
        "PROXY TCP4 192.0.2.1 203.0.113.1 39841\r\n",
        "PROXY TCP4 192.0.2.1 203.0.113.1 39841 8080 \r\n",
        "PROXY TCP4 192.0.2.1 203.0.113.1 39841 8080 9\r\n",
        "PROXY TCP4  192.0.2.1 203.0.113.1 39841 8080\r\n",
        "PROXY TCP4 192.0.2.1 203.0.113.1 39841 8080\n",
        "PROXY TCP4 192.0.2.1 203.0.113.1 65536 8080\r\n",
        "PROXY TCP4 192.0.2.1 203.0.113.1 +1 8080\r\n",
        "PROXY TCP4 192.0.2.1 203.0.113.1 01 8080\r\n",
        "PROXY TCP4 192.0.2.1 203.0.113.1 1 x\r\n",
        "PROXY TCP4 192.0.2.1 203.0.113 1 2\r\n",
        "PROXY TCP4 192.0.2.01 203.0.113.1 1 2\r\n",
        "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
        "PROXY TCP6 192.0.2.1 203.0.113.1 1 2\r\n",
        "PROXY TCP6 [2001:db8::1] [2001:db8::2] 1 2\r\n",
        "PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY TCP4 \x1b[2J 203.0.113.1 1 2\r\n",
    ];
    for header in rows {
        let why = whole(header.as_bytes()).expect_err(header);
        assert!(!why.contains(char::is_control), "{why:?}");
    }
    let endless = format!("PROXY UNKNOWN {}", "f".repeat(1000));
    let (outcome, taken) = read(endless.as_bytes(), usize::MAX);
    assert!(matches!(outcome, Some(Err(_))) && taken == 107, "{outcome:?} after {taken} bytes");
}

#[test]
fn version_2_says_who_the_client_is() {
    let four: [SocketAddr; 2] = ["192.0.2.1:39841", "203.0.113.1:8080"].map(|addr| addr.parse().unwrap());
    let six: [SocketAddr; 2] = ["[2001:db8::1]:39841", "[2001:db8::2]:80"].map(|addr| addr.parse().unwrap());
    for [from, to] in [four, six] {
        for tlvs in [&b""[..], b"\x04\0\x01x", &[7; 16_000]] {
            assert_eq!(whole(&v2_of(from, to, tlvs)), Ok(Some(from)), "with {} bytes of TLVs", tlvs.len());
        }
    }
    let rows = [
        // Its own health checks, whatever else is in there.
        v2(0x20, 0, b""),
        v2(0x20, 0x11, &[1; 12]),
        v2(0x20, 0x21, b"too short"),
        // Of no family, a Unix socket, datagrams.
        v2(0x21, 0, b""),
        v2(0x21, 0x31, &[b'/'; 216]),
        v2(0x21, 0x12, &[1; 12]),
        v2_of("192.0.2.1:0".parse().unwrap(), four[1], b""),
    ];
    for header in rows {
        assert_eq!(whole(&header), Ok(None), "{}", header.escape_ascii());
    }
}

#[test]
fn what_is_no_version_2_is_refused() {
    let rows = [
        v2(0x11, 0x11, &[1; 12]),
        v2(0x22, 0x11, &[1; 12]),
        v2(0x2f, 0x11, &[1; 12]),
        v2(0x21, 0x13, &[1; 12]),
        v2(0x21, 0x41, &[1; 12]),
        v2(0x20, 0xff, b""),
        v2(0x21, 0x11, &[1; 11]),
        v2(0x21, 0x11, b""),
        v2(0x21, 0x21, &[1; 35]),
        v2(0x21, 0x21, &[1; 12]),
    ];
    for header in rows {
        whole(&header).expect_err(&header.escape_ascii().to_string());
    }
    let (outcome, taken) = read(&v2(0x21, 0x11, &[1; 20_000]), usize::MAX);
    assert!(matches!(outcome, Some(Err(_))) && taken == 16, "too long a header is not even read: {taken}");
}

#[test]
fn whatever_else_comes_is_given_back() {
    let rows: [(&[u8], usize); 7] = [
        (b"DIAL /tok HTTP/1.1\r\n", 1),
        (b"POST / HTTP/1.1\r\n", 2),
        (b"PROXYING / HTTP/1.1\r\n", 6),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a ClientHello", 1),
        (b"\r\n\r\nDIAL /tok HTTP/1.1\r\n", 5),
        (b"\r\n\r\n\0\r\nQUIET\n more", 11),
        (b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 1),
    ];
    for (stream, decided) in rows {
        for chop in [1, 4, usize::MAX] {
            let (outcome, taken) = read(stream, chop);
            assert_eq!(outcome, Some(Ok(Beginning::Other(stream[..taken].to_vec()))));
            assert!(taken <= 15 && (chop > 1 || taken == decided), "{taken} of {}", stream.escape_ascii());
        }
    }
    for cut in ["", "P", "PROXY", "PROXY TCP4 192.0.2.1 203.0.113.1 39841 8080\r"] {
        assert_eq!(read(cut.as_bytes(), usize::MAX), (None, cut.len()), "more may come");
    }
}

#[test]
fn a_stranger_s_header_is_recognised() {
    assert!(is_proxy_header(b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n") && is_proxy_header(&v2(0x20, 0, b"")));
    assert!(!is_proxy_header(b"PROXYING / HTTP/1.1") && !is_proxy_header(b"\r\n\r\n"));
}

proptest! {
    #![proptest_config(fixed_cases())]

    #[test]
    fn every_client_is_recognised_however_its_header_is_cut(
        from in addr(), tlvs in proptest::collection::vec(any::<u8>(), 0..300),
        chop in 1_usize..80, behind in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let expected = (from.port() != 0).then_some(unmapped(from));
        let to = if from.is_ipv4() { "203.0.113.1:80" } else { "[2001:db8::2]:80" }.parse().unwrap();
        let family = if from.is_ipv4() { "TCP4" } else { "TCP6" };
        let line = format!("PROXY {family} {} {} {} 80\r\n", from.ip(), SocketAddr::ip(&to), from.port());
        for header in [line.into_bytes(), v2_of(from, to, &tlvs)] {
            let stream = [&header[..], &behind].concat();
            prop_assert_eq!(read(&stream, chop), (Some(Ok(Beginning::Header(expected))), header.len()));
        }
    }

    #[test]
    fn whatever_comes_no_reader_panics(data in bytes(300), which in 0..4, chop in 1_usize..80) {
        let beginning: &[u8] = match which {
            0 => b"",
            1 => b"PROXY TCP4 ",
            2 => b"\r\n\r\n\0\r\nQUIT\n\x21",
            _ => b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0",
        };
        let stream = [beginning, &data].concat();
        let (all, taken) = read(&stream, usize::MAX);
        let (cut, _) = read(&stream, chop);
        prop_assert!(taken <= stream.len());
        if let Some(Ok(Beginning::Header(Some(addr)))) = all {
            prop_assert!(addr.port() != 0 && addr.ip() != Ipv4Addr::UNSPECIFIED || taken > 0);
            prop_assert_eq!(cut, Some(Ok(Beginning::Header(Some(addr)))));
        }
    }
}
