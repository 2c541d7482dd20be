//! PCP and NAT-PMP.

use std::net::{Ipv4Addr, SocketAddr};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use crate::codec::{natpmp, pcp};

const PCP: pcp::Request = pcp::Request {
    client: Ipv4Addr::new(192, 168, 1, 21),
    nonce: *b"nonce_of_our",
    internal_port: 0x1234,
    suggested_port: 0x5678,
    lifetime: 600,
};

const NATPMP: natpmp::Request =
    natpmp::Request { internal_port: 0x1234, suggested_port: 0x5678, lifetime: 600 };

/// A good answer to `PCP`: 198.51.100.1:4711 for 120 s.
fn granted() -> Vec<u8> {
    let mut packet = PCP.packet().to_vec();
    packet[1] |= 0x80;
    packet[4..8].copy_from_slice(&120u32.to_be_bytes());
    packet[8..24].fill(7); // the epoch, and what is reserved
    packet[42..44].copy_from_slice(&4711u16.to_be_bytes());
    packet[56..60].copy_from_slice(&[198, 51, 100, 1]);
    packet
}

fn external() -> SocketAddr {
    "198.51.100.1:4711".parse().expect("an address")
}

#[test]
fn a_pcp_request_is_as_the_rfc_has_it() {
    let mut expected = vec![2, 1, 0, 0, 0, 0, 2, 88];
    expected.extend([0; 10]);
    expected.extend([255, 255, 192, 168, 1, 21]);
    expected.extend(b"nonce_of_our");
    expected.extend([6, 0, 0, 0, 0x12, 0x34, 0x56, 0x78]);
    expected.extend([0; 10]);
    expected.extend([255, 255, 0, 0, 0, 0]);
    assert_eq!(PCP.packet().to_vec(), expected);
}

#[test]
fn a_pcp_answer_is_read() {
    let expected = pcp::Granted { external: external(), lifetime: 120 };
    assert_eq!(PCP.answer(&granted()), Some(Ok(expected)));
    let mut with_option = granted();
    with_option.extend([2, 0, 0, 4, 1, 2, 3, 4]);
    assert_eq!(PCP.answer(&with_option), Some(Ok(expected)), "options are passed over");
}

#[test]
fn what_is_no_answer_to_this_pcp_request_is_passed_over() {
    let with = |at: usize, byte: u8| {
        let mut packet = granted();
        packet[at] = byte;
        packet
    };
    let mut cases = vec![
        ("another nonce", with(24, b'N')),
        ("another nonce", with(35, 0)),
        ("UDP", with(36, 17)),
        ("another port", with(41, 0)),
        ("a request", with(1, 1)),
        ("another opcode", with(1, 0x82)),
        ("another version", with(0, 3)),
        ("no multiple of four", [granted(), vec![0]].concat()),
        ("too long", [granted(), vec![0; 1044]].concat()),
    ];
    cases.extend((0..granted().len()).map(|len| ("cut short", granted()[..len].to_vec())));
    for (what, packet) in cases {
        assert_eq!(PCP.answer(&packet), None, "{what}: {packet:?}");
    }
}

#[test]
fn a_pcp_refusal_is_told() {
    let mut packet = granted();
    packet[3] = 8;
    let refusal = PCP.answer(&packet).expect("an answer").expect_err("a refusal");
    assert_eq!((refusal.code, refusal.meaning), (8, "no resources"));
    packet[3] = 200;
    assert_eq!(PCP.answer(&packet).expect("an answer").expect_err("a refusal").meaning, "");
}

/// One of NAT-PMP alone, and one of PCP in a version to come.
#[test]
fn a_gateway_of_another_version_refuses() {
    let newer = [&[3, 0x81, 0, 1][..], &[0; 20]].concat();
    for packet in [vec![0, 0x81, 0, 1, 0, 0, 0, 9], newer] {
        let refusal = PCP.answer(&packet).expect("an answer").expect_err("a refusal");
        assert_eq!(refusal.code, u16::from(pcp::UNSUPPORTED_VERSION), "{packet:?}");
    }
}

#[test]
fn natpmp_is_as_the_rfc_has_it() {
    assert_eq!(NATPMP.packet(), [0, 2, 0, 0, 0x12, 0x34, 0x56, 0x78, 0, 0, 2, 88]);
    let granted = [0, 130, 0, 0, 0, 0, 0, 9, 0x12, 0x34, 0x11, 0x11, 0, 0, 0, 120];
    let expected = natpmp::Granted { external_port: 0x1111, lifetime: 120 };
    assert_eq!(NATPMP.answer(&granted), Some(Ok(expected)));
    assert_eq!(natpmp::address(&granted), None, "it is about a port");
    for len in 0..granted.len() {
        assert_eq!(NATPMP.answer(&granted[..len]), None, "{len} bytes of it");
    }
    let other_port = natpmp::Request { internal_port: 0x1235, ..NATPMP };
    assert_eq!(other_port.answer(&granted), None);

    let address = [0, 128, 0, 0, 0, 0, 0, 9, 198, 51, 100, 1];
    assert_eq!(natpmp::address(&address), Some(Ok(Ipv4Addr::new(198, 51, 100, 1))));
    assert_eq!(NATPMP.answer(&address), None, "it is about the address");
    for len in 0..address.len() {
        assert_eq!(natpmp::address(&address[..len]), None, "{len} bytes of it");
    }
}

#[test]
fn natpmp_refusals_are_told() {
    let code = |packet: &[u8]| NATPMP.answer(packet).map(|answer| answer.expect_err("a refusal").code);
    assert_eq!(code(&[0, 130, 0, 2, 0, 0, 0, 9, 0x12, 0x34, 0, 0, 0, 0, 0, 0]), Some(2));
    assert_eq!(code(&[0, 130, 0, 4]), Some(4), "some say no more");
    assert_eq!(code(&[0, 130, 0, 2, 0, 0, 0, 9, 0x12, 0x35, 0, 0]), None, "of another port");
    assert_eq!(code(&[2, 130, 0, 1]), Some(1), "a PCP server that does not speak NAT-PMP");
    assert_eq!(code(&[2, 130, 0, 0]), None);
}

proptest! {
    // The same cases on every run, and no files left behind.
    #![proptest_config(Config { rng_seed: RngSeed::Fixed(0x7264_7631), failure_persistence: None, ..Config::default() })]

    /// Whoever does not know the nonce maps nothing.
    #[test]
    fn no_packet_is_granted_without_the_nonce(packet in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Some(Ok(_)) = PCP.answer(&packet) {
            prop_assert_eq!(&packet[24..36], &PCP.nonce[..]);
        }
        let _ = NATPMP.answer(&packet);
        let _ = natpmp::address(&packet);
    }
}
