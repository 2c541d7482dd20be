use std::net::IpAddr;

use proptest::prelude::*;

use super::super::{AddrSpace, AddrSpaces, Interfaces, LocalAddr, SelfAddrs};
use super::{ip, socket};
use crate::tests::cases::fixed_cases;

fn plain(ip: IpAddr) -> LocalAddr {
    LocalAddr::new(ip, "eth0")
}

/// An address with its interface, such as `10.0.0.1 eth0 default`.
fn local(text: &str) -> LocalAddr {
    let mut words = text.split(' ');
    let (addr, interface) = (words.next().expect("an address"), words.next().expect("an interface"));
    let mut addr = LocalAddr::new(ip(addr), interface);
    for word in words {
        match word {
            "default" => addr.is_default_route = true,
            "temporary" => addr.is_temporary = true,
            "deprecated" => addr.is_deprecated = true,
            _ => panic!("{text:?}: what is {word:?}?"),
        }
    }
    addr
}

fn select(local: impl IntoIterator<Item = LocalAddr>, spaces: AddrSpaces) -> SelfAddrs {
    SelfAddrs::select(local, 1, spaces, &Interfaces::default()).expect("no interface is named")
}

#[test]
fn what_is_offered_lies_in_the_enabled_spaces() {
    let ips = ["127.0.0.1", "10.0.0.5", "::ffff:10.0.0.5", "fe80::1", "2001:db8::1", "0.0.0.0", "192.0.2.7"];
    let rows = [
        (AddrSpaces::DEFAULT, "10.0.0.5:1, 192.0.2.7:1, [2001:db8::1]:1"),
        (AddrSpaces::PUBLIC, "192.0.2.7:1, [2001:db8::1]:1"),
        (AddrSpaces::ALL, "10.0.0.5:1, 127.0.0.1:1, 192.0.2.7:1, [2001:db8::1]:1, [fe80::1]:1"),
        (AddrSpaces::NONE, ""),
    ];
    for (spaces, offered) in rows {
        assert_eq!(select(ips.map(ip).map(plain), spaces).to_string(), offered, "{spaces}");
    }
}

#[test]
fn a_port_is_that_of_every_address() {
    let offered = SelfAddrs::select([plain(ip("10.0.0.1"))], 77, AddrSpaces::ALL, &Interfaces::default());
    assert!(offered.expect("no interface is named").contains(&socket("10.0.0.1:77")));
}

/// Each of them is better than all below it.
#[test]
fn the_best_are_offered_first() {
    let ranked = [
        "2001:db8:7::1 eth7 default",
        "2001:db8:0::1 eth0",
        "10.9.0.1 wlan0 default",
        "198.51.100.1 eth1",
        "203.0.113.1 eth1",
        "10.0.0.1 eth2",
        "192.168.1.1 docker0",
        "fd00:0:0:9::1 eth9 default",
        "fd00::1 eth0",
        "127.0.0.1 lo",
        "::1 lo",
        "169.254.0.1 eth0",
        "fe80::1 eth0",
    ];
    for (place, text) in ranked.iter().enumerate() {
        // Eight that are always better, and then those that are left: this one must be the first of them.
        let better = (0..8).map(|i| local(&format!("2001:db8:ffff:{i}::1 eth8 default")));
        let rest = ranked[place..].iter().rev().map(|text| local(text));
        let offered = select(better.chain(rest), AddrSpaces::ALL);
        let expected = ip(text.split(' ').next().expect("an address"));
        assert_eq!(offered.len(), 9, "{text}: {offered}");
        assert!(offered.iter().any(|addr| addr.ip() == expected), "{text} is missing from {offered}");
    }
}

#[test]
fn temporary_and_deprecated_addresses_are_not_offered() {
    let addrs = [
        "2001:db8::a eth0",
        "2001:db8::b eth0 temporary",
        "2001:db8::c eth0 temporary default",
        "2001:db8::d eth0 temporary deprecated",
        "2001:db8:1::e eth0 deprecated",
        "fd00::f eth0 temporary",
        "10.0.0.1 eth0 default",
    ];
    let offered = select(addrs.map(local), AddrSpaces::ALL).to_string();
    assert_eq!(offered, "10.0.0.1:1, [2001:db8::a]:1");
}

/// As where the system does not say what is temporary.
#[test]
fn one_subnet_does_not_crowd_out_the_rest() {
    let many = (1..=20).map(|i| plain(ip(&format!("2001:db8:0:1::{i:x}"))));
    let others =
        ["2001:db8:0:1::ff eth0 default", "2001:db8:0:2::1 eth1", "192.0.2.1 eth2", "192.168.1.2 eth0"];
    assert_eq!(
        select(many.chain(others.map(local)), AddrSpaces::DEFAULT).to_string(),
        "192.0.2.1:1, 192.168.1.2:1, [2001:db8:0:1::1]:1, [2001:db8:0:1::ff]:1, [2001:db8:0:2::1]:1"
    );
}

#[test]
fn an_address_of_two_interfaces_is_offered_once_unless_both_are_denied() {
    let addrs = ["10.0.0.1 eth0", "10.0.0.1 eth1 default", "::ffff:10.0.0.1 eth0"].map(local);
    let offered = |denied: &[&str]| {
        let mut interfaces = Interfaces::default();
        for name in denied {
            interfaces.deny(*name);
        }
        SelfAddrs::select(addrs.clone(), 1, AddrSpaces::ALL, &interfaces).expect("none is allowed by name")
    };
    for denied in [&[][..], &["eth0"], &["eth1"]] {
        assert_eq!(offered(denied).to_string(), "10.0.0.1:1", "without {denied:?}");
    }
    assert_eq!(offered(&["eth*"]).to_string(), "");
}

#[test]
fn interfaces_are_chosen_by_name() {
    let addrs =
        ["10.0.0.1 eth0 default", "10.1.0.1 wlan0", "2001:db8::1 wlan0", "10.2.0.1 docker0"].map(local);
    let select = |interfaces: &Interfaces| SelfAddrs::select(addrs.clone(), 1, AddrSpaces::ALL, interfaces);
    let mut interfaces = Interfaces::default();
    interfaces.deny("docker*");
    let offered = select(&interfaces).expect("no interface is allowed by name");
    assert_eq!(offered.to_string(), "10.0.0.1:1, 10.1.0.1:1, [2001:db8::1]:1");
    interfaces.allow("wlan0");
    assert_eq!(select(&interfaces).expect("wlan0 is there").to_string(), "10.1.0.1:1, [2001:db8::1]:1");

    interfaces.allow("wlan1");
    let error = select(&interfaces).expect_err("wlan1 is not there").to_string();
    assert!(error.ends_with("\"wlan1\"; there are: docker0, eth0, wlan0"), "{error}");
}

fn any_local() -> impl Strategy<Value = LocalAddr> {
    let net = prop_oneof![
        Just("10.0.0."),
        Just("192.0.2."),
        Just("127.0.0."),
        Just("169.254.0."),
        Just("2001:db8::"),
        Just("2001:db8:1::"),
        Just("2001:db8:2::"),
        Just("fd00::"),
        Just("fd00:0:0:1::"),
        Just("fe80::"),
        Just("ff02::"),
    ];
    (net, 1..9u8, 0..4u8, any::<bool>(), prop::bool::weighted(0.2), prop::bool::weighted(0.2)).prop_map(
        |(net, host, interface, is_default_route, is_temporary, is_deprecated)| LocalAddr {
            ip: ip(&format!("{net}{host}")),
            interface: format!("eth{interface}"),
            is_default_route,
            is_temporary,
            is_deprecated,
        },
    )
}

proptest! {
    #![proptest_config(fixed_cases())]

    #[test]
    fn whatever_is_offered_may_be(
        local in prop::collection::vec(any_local(), 0..40),
        spaces in prop::collection::vec(prop::sample::select(&AddrSpace::EACH[..]), 0..8),
        denied in 0..4u8,
        shift in 0..40usize,
    ) {
        let spaces: AddrSpaces = spaces.into_iter().collect();
        let mut interfaces = Interfaces::default();
        interfaces.deny(format!("eth{denied}"));
        let select = |local: Vec<LocalAddr>| SelfAddrs::select(local, 7, spaces, &interfaces).unwrap();
        let offered = select(local.clone());

        let good: Vec<_> = local
            .iter()
            .filter(|it| spaces.includes(it.ip) && interfaces.includes(&it.interface))
            .filter(|it| !it.is_temporary && !it.is_deprecated)
            .collect();
        for addr in offered.iter() {
            prop_assert!(good.iter().any(|it| it.ip == addr.ip()), "{} is offered", addr);
            prop_assert_eq!(addr.port(), 7);
        }
        prop_assert!(offered.len() <= 9);
        let missing = good.iter().find(|it| it.ip.is_ipv4() && !offered.contains(&(it.ip, 7).into()));
        if let Some(missing) = missing {
            prop_assert_eq!(offered.len(), 9, "{} is missing from {}", missing.ip, offered);
        }
        if good.iter().any(|it| AddrSpace::of(it.ip) == Some(AddrSpace::Public6)) {
            let global = offered.iter().any(|addr| AddrSpace::of(addr.ip()) == Some(AddrSpace::Public6));
            prop_assert!(global, "no global IPv6 in {}", offered);
        }

        let mut turned = local.clone();
        turned.rotate_left(shift.min(local.len()));
        prop_assert_eq!(select(turned), offered, "the order of the interfaces matters");
    }
}
