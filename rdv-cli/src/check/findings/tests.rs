use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::*;

const HOME: &str = "192.168.1.16";
const PUBLIC: &str = "203.0.113.9";
const V6: &str = "2001:db8:5::16";
const SERVER: &str = "198.51.100.1:8080";
const OTHER: &str = "198.51.100.2:8080";
const SERVER6: &str = "[2001:db8:9::1]:8080";
const NEIGHBOUR: &str = "192.168.1.2:8080";

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

/// A machine with these addresses, and for each server which ports of which address it saw as what.
fn facts(ours: &[&str], seen: &[(&str, &[(&str, &str)])]) -> Facts {
    let endpoints = seen.iter().map(|(server, sightings)| Endpoint {
        url: format!("http://{server}"),
        is_also: false,
        addr: addr(server),
        connects: Ok(vec![Duration::from_millis(10)]),
        source: sightings.first().map(|(local, _)| addr(local).ip()),
        sightings: sightings
            .iter()
            .map(|(local, observed)| Sighting { local: addr(local), observed: observed.parse().ok() })
            .collect(),
        failure: None,
    });
    Facts {
        interfaces: ours.iter().map(|ours| ("eth0".to_owned(), ip(ours))).collect(),
        endpoints: endpoints.collect(),
        ..Facts::default()
    }
}

fn meeting(observed: [&str; 2], candidates: &[(&str, bool)]) -> Meeting {
    Meeting {
        observed: observed.map(addr).to_vec(),
        candidates: candidates.iter().map(|(candidate, stood)| (addr(candidate), *stood)).collect(),
    }
}

/// What each server sees of us over IPv4: between, ports, mapping, and what it comes to.
#[test]
fn what_a_server_sees() {
    let [p, q, r] = ["192.168.1.16:4001", "192.168.1.16:4002", "192.168.1.16:4003"];
    let cases: &[(&str, Facts, Between, Ports, Mapping, Direct)] = &[
        (
            "a public address of our own",
            facts(&[PUBLIC], &[(SERVER, &[("203.0.113.9:4001", "203.0.113.9:4001")])]),
            Between::Nothing,
            Ports::Kept,
            Mapping::NoNat,
            Direct::Likely(Because::NoNat),
        ),
        (
            "a server at our own public address",
            facts(&[PUBLIC], &[("203.0.113.9:8080", &[("203.0.113.9:4001", "203.0.113.9:4001")])]),
            Between::SameNetwork,
            Ports::Kept,
            Mapping::NoNat,
            Direct::Possible(Because::SameNetwork),
        ),
        (
            "a server in our network",
            facts(&[HOME], &[(NEIGHBOUR, &[(p, p), (q, q)])]),
            Between::SameNetwork,
            Ports::Kept,
            Mapping::NoNat,
            Direct::Possible(Because::SameNetwork),
        ),
        (
            "a NAT that keeps ports, and one server",
            facts(&[HOME], &[(SERVER, &[(p, "203.0.113.9:4001"), (q, "203.0.113.9:4002")])]),
            Between::Nat,
            Ports::Kept,
            Mapping::OneAddress,
            Direct::Likely(Because::KeptPorts),
        ),
        (
            "a NAT that keeps ports for one destination alone",
            facts(&[HOME], &[(SERVER, &[(p, "203.0.113.9:4001")]), (OTHER, &[(p, "203.0.113.9:9876")])]),
            Between::Nat,
            Ports::Changed,
            Mapping::Dependent,
            Direct::Unlikely(Because::DependentMapping),
        ),
        (
            "a NAT that changes ports, and one server",
            facts(&[HOME], &[(SERVER, &[(p, "203.0.113.9:9001"), (q, "203.0.113.9:9002")])]),
            Between::Nat,
            Ports::Changed,
            Mapping::OneAddress,
            Direct::Possible(Because::UnknownMapping),
        ),
        (
            "a NAT that changes ports, the same for both servers",
            facts(&[HOME], &[(SERVER, &[(p, "203.0.113.9:9001")]), (OTHER, &[(p, "203.0.113.9:9001")])]),
            Between::Nat,
            Ports::Changed,
            Mapping::Independent,
            Direct::Likely(Because::IndependentMapping),
        ),
        (
            "a NAT that keeps ports, but has two addresses",
            facts(&[HOME], &[(SERVER, &[(p, "203.0.113.9:4001")]), (OTHER, &[(p, "203.0.113.8:4001")])]),
            Between::Nat,
            Ports::Kept,
            Mapping::Dependent,
            Direct::Unlikely(Because::DependentMapping),
        ),
        (
            "different ports of ours at two servers can't be compared",
            facts(&[HOME], &[(SERVER, &[(p, "203.0.113.9:9001")]), (OTHER, &[(q, "203.0.113.9:9002")])]),
            Between::Nat,
            Ports::Changed,
            Mapping::OneAddress,
            Direct::Possible(Because::UnknownMapping),
        ),
        (
            "a NAT whose own address is private",
            facts(&[HOME], &[("10.0.0.1:80", &[(p, "10.0.0.7:4001")])]),
            Between::PrivateNat,
            Ports::Kept,
            Mapping::OneAddress,
            Direct::Possible(Because::SameNetwork),
        ),
        (
            "a public server that sees its proxy",
            facts(&[HOME], &[(SERVER, &[(p, "10.0.0.7:51000"), (q, "10.0.0.7:51002")])]),
            Between::Proxy,
            Ports::Changed,
            Mapping::Unseen,
            Direct::Unlikely(Because::NotSeen),
        ),
        (
            "a public server that sees a proxy on its own machine, as we have loopback too",
            facts(&[HOME, "127.0.0.1"], &[(SERVER, &[(p, "127.0.0.1:51000")])]),
            Between::Proxy,
            Ports::Changed,
            Mapping::Unseen,
            Direct::Unlikely(Because::NotSeen),
        ),
        (
            "a proxy that passes on the address without its port",
            facts(&[HOME], &[(SERVER, &[(p, "203.0.113.9:80"), (q, "203.0.113.9:80")])]),
            Between::Nat,
            Ports::Hidden,
            Mapping::Unseen,
            Direct::Unlikely(Because::NotSeen),
        ),
        (
            "a NAT that has used a port again",
            facts(
                &[HOME],
                &[(SERVER, &[(p, "203.0.113.9:81"), (q, "203.0.113.9:80"), (r, "203.0.113.9:80")])],
            ),
            Between::Nat,
            Ports::Changed,
            Mapping::OneAddress,
            Direct::Possible(Because::UnknownMapping),
        ),
        (
            "a port of 0",
            facts(&[HOME], &[(SERVER, &[(p, "203.0.113.9:0")])]),
            Between::Nat,
            Ports::Hidden,
            Mapping::Unseen,
            Direct::Unlikely(Because::NotSeen),
        ),
        (
            "a proxy that hides the port of a machine without NAT",
            facts(
                &[PUBLIC],
                &[(
                    SERVER,
                    &[("203.0.113.9:4001", "203.0.113.9:80"), ("203.0.113.9:4002", "203.0.113.9:80")],
                )],
            ),
            Between::Nat,
            Ports::Hidden,
            Mapping::Unseen,
            Direct::Unlikely(Because::NotSeen),
        ),
        (
            "a server that does not say",
            facts(&[HOME], &[(SERVER, &[(p, "")])]),
            Between::Untold,
            Ports::Untold,
            Mapping::Unseen,
            Direct::Unlikely(Because::NotSeen),
        ),
    ];
    for (name, facts, between, ports, mapping, direct) in cases {
        let findings = Findings::of(facts);
        let family = findings.ipv4.unwrap_or_else(|| panic!("{name}: nothing is known of IPv4"));
        let found = (family.between, family.ports, family.mapping, findings.direct);
        assert_eq!(found, (*between, *ports, *mapping, *direct), "{name}");
        assert_eq!(findings.ipv6, None, "{name}");
        let is_us = direct.because() != Some(Because::NotSeen);
        assert_eq!(family.is_us(), is_us, "{name}: whom would we dial?");
    }
}

#[test]
fn without_a_server_nothing_is_known() {
    let mut facts = facts(&[HOME], &[(SERVER, &[])]);
    assert_eq!(Findings::of(&facts).direct, Direct::Unknown);
    facts.endpoints[0].connects = Err(ErrorKind::PermissionDenied);
    let findings = Findings::of(&facts);
    assert_eq!((findings.direct, findings.firewall), (Direct::Unknown, Firewall::ForbidsOutgoing));
}

#[test]
fn the_better_family_counts() {
    let over_ipv4: (&str, &[_]) =
        (SERVER, &[("192.168.1.16:4001", "203.0.113.9:80"), ("192.168.1.16:4002", "203.0.113.9:80")]);
    let over_ipv6: (&str, &[_]) = (SERVER6, &[("[2001:db8:5::16]:4001", "[2001:db8:5::16]:4001")]);
    for (ours, seen, direct) in [
        (&[HOME][..], &[over_ipv4][..], Direct::Unlikely(Because::NotSeen)),
        (&[HOME, V6], &[over_ipv4, over_ipv6], Direct::Likely(Because::NoNat)),
        (&[V6], &[over_ipv6], Direct::Likely(Because::NoNat)),
        // The server has IPv4 only, but we tell our own address ourselves.
        (&[HOME, V6], &[over_ipv4], Direct::Possible(Because::PublicIpv6)),
        (&[HOME, "fd00::16"], &[over_ipv4], Direct::Unlikely(Because::NotSeen)),
    ] {
        assert_eq!(Findings::of(&facts(ours, seen)).direct, direct, "{ours:?}");
    }
}

#[test]
fn hairpinning_is_for_two_behind_one_nat() {
    let [a, b, c] = ["203.0.113.9:4001", "203.0.113.9:4002", "203.0.113.8:4002"];
    let inner = "192.168.1.16:4002";
    for (name, ours, meeting, hairpin) in [
        ("it works", HOME, meeting([a, b], &[(inner, true), (b, true), (a, false)]), Hairpin::Works),
        ("it does not", HOME, meeting([a, b], &[(inner, true), (b, false), (a, false)]), Hairpin::Fails),
        ("two NATs, or two addresses of one", HOME, meeting([a, c], &[(c, true)]), Hairpin::NotApplicable),
        ("no NAT", PUBLIC, meeting([a, b], &[(b, true)]), Hairpin::NotApplicable),
        ("not tried", HOME, meeting([a, b], &[(inner, true)]), Hairpin::NotApplicable),
    ] {
        let mut facts = facts(&[ours], &[]);
        facts.meeting = Some(meeting);
        assert_eq!(Findings::of(&facts).hairpin, hairpin, "{name}");
    }
    assert_eq!(Findings::of(&facts(&[HOME], &[])).hairpin, Hairpin::NotApplicable);
}

#[test]
fn a_firewall_shows_only_if_nothing_comes_in() {
    let [own, other, outer] = ["192.168.1.16:4002", "10.8.0.2:4002", "203.0.113.9:4002"];
    for (candidates, expected) in [
        (&[(own, false), (other, false), (outer, false)][..], Firewall::BlocksIncoming),
        // A tunnel that is down is no firewall.
        (&[(own, true), (other, false)], Firewall::NothingSeen),
        (&[(outer, false)], Firewall::NothingSeen),
        (&[], Firewall::NothingSeen),
    ] {
        let seen: (&str, &[_]) = (SERVER, &[("192.168.1.16:4001", "203.0.113.9:4001")]);
        let mut facts = facts(&[HOME, "10.8.0.2"], &[seen]);
        facts.meeting = Some(meeting([outer, outer], candidates));
        let findings = Findings::of(&facts);
        assert_eq!(findings.firewall, expected, "{candidates:?}");
        let direct = match expected {
            Firewall::BlocksIncoming => Direct::Possible(Because::Firewall),
            Firewall::NothingSeen | Firewall::ForbidsOutgoing => Direct::Likely(Because::KeptPorts),
        };
        assert_eq!(findings.direct, direct, "{candidates:?}");
    }
}
