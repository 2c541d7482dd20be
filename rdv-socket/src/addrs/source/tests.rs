use super::super::state::parsed;
use super::*;

const STATES: &str = "\
20010db8000000010000000000000001 02 40 00 01     eth0
20010db8000000010000000000000002 02 40 00 21     eth0
20010db8000000010000000000000003 02 40 00 20     eth0
20010db8000000010000000000000004 02 40 00 40     eth0
20010db8000000010000000000000005 02 40 00 00     eth0
20010db8000000020000000000000001 03 40 00 01     eth1
20010db8000000010000000000000006 03 40 00 00     eth1
20010db8000000030000000000000001 03 40 00 00     eth1
";

#[test]
fn a_temporary_source_makes_way_for_the_lasting_one_of_its_network() {
    let rows = [
        ("2001:db8:0:1::1", Some("2001:db8:0:1::5")),
        ("2001:db8:0:1::2", Some("2001:db8:0:1::5")),
        ("2001:db8:0:1::5", None),
        ("2001:db8:0:1::3", None),
        ("2001:db8:0:2::1", None),
        ("2001:db8:0:3::1", None),
        ("2001:db8:0:9::1", None),
        ("10.0.0.1", None),
    ];
    for (source, expected) in rows {
        let got = lasting(source.parse().unwrap(), &parsed(STATES));
        assert_eq!(got, expected.map(|ip| ip.parse().unwrap()), "instead of {source}");
    }
}

#[test]
fn loopback_is_reached_from_itself() {
    for ip in crate::test_util::loopbacks() {
        assert_eq!(source((ip, 9).into()), Some(ip));
    }
}

#[test]
fn the_default_route_has_one_address_of_each_family_at_most() {
    let sources = of_default_routes(&[]);
    assert!(sources.iter().filter(|ip| ip.is_ipv4()).count() <= 1, "{sources:?}");
    assert!(sources.iter().filter(|ip| ip.is_ipv6()).count() <= 1, "{sources:?}");
}
