use std::net::{SocketAddr, SocketAddrV6};

use proptest::prelude::*;

use crate::addr::{PackedAddr, PackedAddrs, SelfAddrs};
use crate::tests::cases::fixed_cases;

proptest! {
    #![proptest_config(fixed_cases())]

    #[test]
    fn what_is_packed_is_unpacked(addrs in proptest::collection::vec(any::<SocketAddr>(), 0..=SelfAddrs::MAX)) {
        for addr in &addrs {
            prop_assert_eq!(PackedAddr::from(*addr).unpack(), *addr);
        }
        let addrs = SelfAddrs::new(addrs).unwrap();
        prop_assert_eq!(PackedAddrs::of(&addrs).unpack(), addrs);
    }
}

#[test]
fn one_port_is_kept_once() {
    for (text, len) in [
        ("", 0),
        ("10.0.0.1:7", 1 + 2 + 4),
        ("10.0.0.1:7, 10.0.0.2:7, [2001:db8::1]:7", 1 + 2 + 4 + 4 + 16),
        ("10.0.0.1:7, [2001:db8::1]:8", 1 + 6 + 18),
    ] {
        let addrs: SelfAddrs = text.parse().unwrap();
        let packed = PackedAddrs::of(&addrs);
        assert_eq!((packed.unpack(), packed.len()), (addrs, len), "{text}");
    }
}

#[test]
fn zones_are_kept() {
    let ip = "fe80::1".parse().unwrap();
    for addr in [SocketAddrV6::new(ip, 1, 0, 2), SocketAddrV6::new(ip, 1, 3, 0)].map(SocketAddr::from) {
        assert_eq!(PackedAddr::from(addr).unpack(), addr);
    }
}

#[test]
fn little_room_is_taken() {
    assert!(size_of::<PackedAddr>() <= 24);
}
