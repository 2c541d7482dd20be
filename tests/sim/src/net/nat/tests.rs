//! Mappings and their ports. How hosts behind NATs meet is in `meeting`.

mod meeting;

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::{LOWEST_PORT, Nat};
use crate::net::kit::*;
use crate::net::policy::Dependence::{self, *};
use crate::net::policy::Ports::{self, *};
use crate::net::{NatPolicy, Time, Unexpected, Verdict};

/// A NAT with hairpinning that answers nothing.
fn policy(mapping: Dependence, filtering: Dependence, ports: Ports) -> NatPolicy {
    NatPolicy { mapping, ports, hairpin: true, filter: filter(filtering, Unexpected::Dropped, true) }
}

/// Every mapping with every filter.
fn pairs() -> impl Iterator<Item = (Dependence, Dependence)> {
    DEPENDENCES.into_iter().flat_map(|mapping| DEPENDENCES.map(|filtering| (mapping, filtering)))
}

/// Sends a SYN out that must get through, and says from where it appears outside.
fn dial(nat: &mut Nat, now: Time, from: SocketAddr, to: SocketAddr) -> SocketAddr {
    match nat.outbound(now, tcp(from, to, SYN)) {
        Verdict::Forward(packet) => {
            assert_eq!(
                packet,
                tcp(packet.src, to, SYN),
                "{:?}: more than the source is rewritten",
                nat.mappings.policy
            );
            packet.src
        }
        other @ (Verdict::Back(_) | Verdict::Dropped) => {
            panic!("{:?}: {other:?} for a SYN", nat.mappings.policy)
        }
    }
}

#[test]
fn mappings_depend_on_what_they_say() {
    // To one port, to another one of the same address, to another address.
    let remotes = ["198.51.100.1:80", "198.51.100.1:81", "198.51.100.2:80"].map(at);
    let cases: [(Dependence, [bool; 3]); 3] = [
        (Independent, [true, true, true]),
        (Address, [true, true, false]),
        (AddressAndPort, [true, false, false]),
    ];
    for (mapping, reused) in cases {
        for (filtering, ports) in
            DEPENDENCES.into_iter().flat_map(|filtering| PORTS.map(|ports| (filtering, ports)))
        {
            let policy = policy(mapping, filtering, ports);
            for (remote, reused) in remotes.into_iter().zip(reused) {
                let mut nat = nat(policy);
                let first = dial(&mut nat, Time::ZERO, at("10.0.0.2:5000"), remotes[0]);
                assert_eq!(first.ip(), nat.external(), "{policy:?}: the address");
                let second = dial(&mut nat, Time::ZERO, at("10.0.0.2:5000"), remote);
                let expected = reused || ports == Preserved;
                assert_eq!(second == first, expected, "{policy:?}: {first} is mapped again towards {remote}");
                let other = dial(&mut nat, Time::ZERO, at("10.0.0.2:5001"), remote);
                assert!(
                    other != first && other != second,
                    "{policy:?}: two endpoints appear as one, {other}"
                );
            }
        }
    }
}

#[test]
fn a_mapping_lives_as_long_as_any_of_its_sessions() {
    let (host, other) = (at("10.0.0.2:5000"), at("10.0.0.3:5000"));
    let (first, second) = (at("198.51.100.1:80"), at("198.51.100.2:80"));
    for filtering in DEPENDENCES {
        let policy = policy(Independent, filtering, Preserved);
        let mut nat = nat(policy);
        let external = dial(&mut nat, Time::ZERO, host, first);
        let _ = dial(&mut nat, TRANSITORY / 2, host, second);
        assert_eq!(
            dial(&mut nat, TRANSITORY, host, first),
            external,
            "{policy:?}: the second session holds it"
        );

        let _ = nat.outbound(TRANSITORY, tcp(host, first, RST));
        assert_ne!(
            dial(&mut nat, TRANSITORY, other, first),
            external,
            "{policy:?}: the second still holds it"
        );
        let _ = nat.outbound(TRANSITORY, tcp(host, second, RST));
        let third = at("10.0.0.4:5000");
        assert_eq!(
            dial(&mut nat, TRANSITORY, third, first),
            external,
            "{policy:?}: nothing holds it any more"
        );
    }
}

#[test]
fn preserved_ports_are_the_internal_ones_while_they_are_free() {
    for (mapping, filtering) in pairs() {
        let policy = policy(mapping, filtering, Preserved);
        let mut nat = nat(policy);
        let mut port = |host: &str, to: &str| dial(&mut nat, Time::ZERO, at(host), at(to)).port();
        let overloads = (mapping, filtering) == (AddressAndPort, AddressAndPort);

        assert_eq!(port("10.0.0.2:5000", "198.51.100.1:80"), 5000, "{policy:?}: nobody else has it");
        assert_eq!(
            port("10.0.0.3:5000", "198.51.100.1:80"),
            5001,
            "{policy:?}: the next one after a conflict"
        );
        assert_eq!(port("10.0.0.4:5001", "198.51.100.1:80"), 5002, "{policy:?}: that one is taken, too");
        let shared = port("10.0.0.5:5000", "198.51.100.2:80");
        assert_eq!(shared, if overloads { 5000 } else { 5003 }, "{policy:?}: another remote endpoint");
        assert_eq!(port("10.0.0.6:65535", "198.51.100.1:80"), 65535, "{policy:?}: the last port");
        assert_eq!(port("10.0.0.7:65535", "198.51.100.1:80"), LOWEST_PORT, "{policy:?}: past the last port");
    }
}

#[test]
fn overloaded_ports_lead_to_the_host_that_has_dialled() {
    let policy = policy(AddressAndPort, AddressAndPort, Preserved);
    let mut nat = nat(policy);
    let cases = [("10.0.0.2:5000", "198.51.100.1:80"), ("10.0.0.3:5000", "198.51.100.2:80")];
    let cases = cases.map(|(host, remote)| (at(host), at(remote)));
    let externals = cases.map(|(host, remote)| dial(&mut nat, Time::ZERO, host, remote));
    assert_eq!(externals[0], externals[1], "{policy:?}: not overloaded");
    for (host, remote) in cases {
        let verdict = nat.inbound(Time::ZERO, tcp(remote, externals[0], SYN_ACK));
        assert_eq!(verdict, Verdict::Forward(tcp(remote, host, SYN_ACK)), "{policy:?}: from {remote}");
    }
}

#[test]
fn sequential_ports_go_round_without_the_internal_one() {
    for (mapping, filtering) in pairs() {
        let policy = policy(mapping, filtering, Sequential);
        let mut nat = nat(policy);
        let (host, remote) = (at("10.0.0.2:5000"), at("198.51.100.1:80"));
        let mut seen = BTreeSet::new();
        let mut last = None;
        for _ in LOWEST_PORT..u16::MAX {
            let port = dial(&mut nat, Time::ZERO, host, remote).port();
            let _ = nat.outbound(Time::ZERO, tcp(host, remote, RST));
            let next = last.map(|last| match last {
                4999 => 5001,
                u16::MAX => LOWEST_PORT,
                last => last + 1,
            });
            assert_eq!(port, next.unwrap_or(port), "{policy:?}: after {last:?}");
            last = Some(port);
            seen.insert(port);
        }
        assert_eq!(seen.len(), usize::from(u16::MAX - LOWEST_PORT), "{policy:?}: different ports");
        assert_eq!(seen.first(), Some(&LOWEST_PORT), "{policy:?}: the lowest port");
    }
}

#[test]
fn random_ports_come_from_the_seed_alone() {
    let policy = policy(AddressAndPort, AddressAndPort, Random);
    let ports = |seed, host: &str| {
        let mut nat = Nat::new(policy, "203.0.113.1".parse().expect("an address"), seed);
        let remotes = (1..=50).map(|port| SocketAddr::new(at("198.51.100.1:0").ip(), port));
        remotes.map(|remote| dial(&mut nat, Time::ZERO, at(host), remote).port()).collect::<Vec<_>>()
    };
    let drawn = ports(1, "10.0.0.2:80");
    assert_eq!(drawn, ports(1, "10.0.0.3:80"), "{policy:?}: the same seed");
    assert_ne!(drawn, ports(2, "10.0.0.2:80"), "{policy:?}: another seed");
    assert!(drawn.iter().all(|&port| port >= LOWEST_PORT), "{policy:?}: well-known ports in {drawn:?}");
    assert!(!drawn.is_sorted(), "{policy:?}: in a row: {drawn:?}");
    let host = format!("10.0.0.2:{}", drawn[0]);
    assert!(!ports(1, &host).contains(&drawn[0]), "{policy:?}: the internal port is given out");
}

#[test]
fn two_mappings_do_not_carry_the_same_two_endpoints() {
    let (host, server, peer) = (at("10.0.0.2:5000"), at("198.51.100.1:80"), at("198.51.100.2:5000"));
    for mapping in [Address, AddressAndPort] {
        let policy = policy(mapping, Independent, Sequential);
        let mut nat = nat(policy);
        let observed = dial(&mut nat, Time::ZERO, host, server);
        let dialled = dial(&mut nat, Time::ZERO, host, peer);
        assert_ne!(observed, dialled, "{policy:?}: one mapping");

        let verdict = nat.inbound(Time::ZERO, tcp(peer, observed, SYN));
        assert_eq!(
            verdict,
            Verdict::Dropped,
            "{policy:?}: the host would take it for the connection it has dialled"
        );
        let verdict = nat.inbound(Time::ZERO, tcp(peer, dialled, SYN));
        assert_eq!(
            verdict,
            Verdict::Forward(tcp(peer, host, SYN)),
            "{policy:?}: by the mapping that is dialled from"
        );
    }
}
