use super::super::{AddrSpace, AddrSpaces, Interfaces, LocalAddr, MappedAddr, SelfAddrs};
use super::{ip, socket};

const INTERNAL: &str = "192.168.1.21";

fn home() -> LocalAddr {
    LocalAddr { is_default_route: true, ..LocalAddr::new(ip(INTERNAL), "eth0") }
}

fn select(local: Vec<LocalAddr>, spaces: AddrSpaces, interfaces: &Interfaces, external: &str) -> String {
    let mapped = MappedAddr { external: socket(external), internal: ip(INTERNAL) };
    let offered = SelfAddrs::select_with_mapped(local, 7, spaces, interfaces, Some(mapped));
    offered.expect("no interface is allowed by name").to_string()
}

#[test]
fn a_mapped_address_is_offered_with_its_own_port() {
    let offered = select(vec![home()], AddrSpaces::DEFAULT, &Interfaces::default(), "198.51.100.1:4711");
    assert_eq!(offered, "192.168.1.21:7, 198.51.100.1:4711");
}

#[test]
fn a_mapped_address_must_be_enabled_and_lead_to_an_interface_that_counts() {
    let any = Interfaces::default();
    let mut denied = Interfaces::default();
    denied.deny("eth0");
    let elsewhere = LocalAddr::new(ip("10.0.0.1"), "eth1");
    let private: AddrSpaces = AddrSpace::Private4.into();
    let rows = [
        ("its space is not enabled", vec![home()], private, &any, "198.51.100.1:9", "192.168.1.21:7"),
        ("no address at all", vec![home()], AddrSpaces::ALL, &any, "0.0.0.0:9", "192.168.1.21:7"),
        (
            "a denied interface",
            vec![home(), elsewhere.clone()],
            AddrSpaces::ALL,
            &denied,
            "198.51.100.1:9",
            "10.0.0.1:7",
        ),
        ("somebody else's", vec![elsewhere], AddrSpaces::ALL, &any, "198.51.100.1:9", "10.0.0.1:7"),
    ];
    for (what, local, spaces, interfaces, external, offered) in rows {
        assert_eq!(select(local, spaces, interfaces, external), offered, "{what}");
    }
}

/// Nine others: the worst of them makes way for a public address, and none for one between two NATs.
#[test]
fn a_mapped_address_has_a_place_if_it_is_public() {
    let mut local: Vec<_> = (1..9).map(|i| LocalAddr::new(ip(&format!("2001:db8:{i}::1")), "eth1")).collect();
    local.push(home());
    let offered = |local: &[LocalAddr], external| {
        select(local.to_vec(), AddrSpaces::DEFAULT, &Interfaces::default(), external)
    };
    let eight = offered(&local[..8], "198.51.100.1:9");
    assert!(!eight.contains("198.51.100.1:9"), "it leads to an address that is not there: {eight}");

    for public in ["198.51.100.1:9", "100.64.0.1:9"] {
        let offered = offered(&local, public);
        assert!(offered.contains(public) && !offered.contains(INTERNAL), "{offered}");
        assert_eq!(offered.matches("2001:db8:").count(), 8, "{offered}");
    }
    let between = offered(&local, "10.1.2.3:9");
    assert!(!between.contains("10.1.2.3") && between.contains(INTERNAL), "{between}");
    let between = offered(&local[1..], "10.1.2.3:9");
    assert!(between.contains("10.1.2.3:9") && between.contains(INTERNAL), "there is a place: {between}");
}

#[test]
fn a_mapped_address_that_is_our_own_takes_no_second_place() {
    let mut local: Vec<_> = (1..9).map(|i| LocalAddr::new(ip(&format!("2001:db8:{i}::1")), "eth1")).collect();
    local.push(home());
    let offered = select(local, AddrSpaces::DEFAULT, &Interfaces::default(), "192.168.1.21:7");
    assert_eq!(offered.split(", ").count(), 9, "{offered}");
}

#[test]
fn who_has_no_use_for_a_mapped_address_asks_for_none() {
    let spaces = |text: &str| text.parse::<AddrSpaces>().expect("address spaces");
    for (text, has_use) in [
        ("default", true),
        ("public", true),
        ("private4", true),
        ("none", false),
        ("public6,loopback4", false),
    ] {
        assert_eq!(SelfAddrs::has_use_for_mapped(spaces(text)), has_use, "{text}");
    }
}
