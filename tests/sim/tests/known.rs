//! Networks whose outcome everyone knows: the oracle must say it, and the machines must do it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use rdv_core::{AddrSpaces, Role, Route};
use rdv_sim::check;
use rdv_sim::net::{
    Dependence, FirewallPolicy, Gateway, Host, Interface, Lifetimes, Link, NatPolicy, Ports, Realm, Time,
    Topology, Unexpected,
};
use rdv_sim::oracle::Verdict;
use rdv_sim::scenario::{Choice, Peer, Rules, Scenario};
use rdv_sim::world::run;

/// The names that people have for NATs.
const FULL_CONE: NatPolicy = nat(Dependence::Independent, Dependence::Independent, Ports::Random);
const ADDRESS_RESTRICTED: NatPolicy = nat(Dependence::Independent, Dependence::Address, Ports::Random);
const PORT_RESTRICTED: NatPolicy = nat(Dependence::Independent, Dependence::AddressAndPort, Ports::Random);
const SYMMETRIC: NatPolicy = nat(Dependence::AddressAndPort, Dependence::AddressAndPort, Ports::Random);
/// Linux's masquerading: symmetric by its making, but the port stays the same.
const MASQUERADE: NatPolicy = nat(Dependence::AddressAndPort, Dependence::AddressAndPort, Ports::Preserved);

#[test]
fn two_hosts_on_the_internet_meet() {
    meets(&scenario(None, None), Route::Direct);
}

#[test]
fn a_relay_is_asked_for_by_enabling_nothing() {
    let mut scenario = scenario(None, None);
    scenario.peers[0].spaces = AddrSpaces::NONE;
    meets(&scenario, Route::Relay);
}

#[test]
fn one_side_behind_any_nat_dials_the_other() {
    for policy in [FULL_CONE, ADDRESS_RESTRICTED, PORT_RESTRICTED, SYMMETRIC, MASQUERADE] {
        meets(&scenario(Some(policy), None), Route::Direct);
        meets(&scenario(None, Some(policy)), Route::Direct);
    }
}

#[test]
fn nats_that_map_independently_let_themselves_be_punched() {
    let cones = [FULL_CONE, ADDRESS_RESTRICTED, PORT_RESTRICTED, MASQUERADE];
    for (one, two) in cones.iter().flat_map(|one| cones.iter().map(move |two| (*one, *two))) {
        meets(&scenario(Some(one), Some(two)), Route::Direct);
    }
}

#[test]
fn a_symmetric_nat_meets_who_does_not_filter_by_port() {
    meets(&scenario(Some(SYMMETRIC), Some(FULL_CONE)), Route::Direct);
    meets(&scenario(Some(FULL_CONE), Some(SYMMETRIC)), Route::Direct);
    for other in [PORT_RESTRICTED, MASQUERADE, SYMMETRIC] {
        meets(&scenario(Some(SYMMETRIC), Some(other)), Route::Relay);
        meets(&scenario(Some(other), Some(SYMMETRIC)), Route::Relay);
    }
}

#[test]
fn nats_that_answer_by_rst_are_punched_where_both_syns_cross() {
    let mut policy = PORT_RESTRICTED;
    policy.filter.unexpected = Unexpected::Reset;
    policy.filter.forgets_on_reset = true;
    meets(&scenario(Some(policy), Some(policy)), Route::Direct);
}

#[test]
fn two_at_home_behind_one_nat_meet_on_their_lan() {
    let mut scenario = scenario(Some(SYMMETRIC), None);
    scenario.topology.hosts[2].interfaces[0] = interface(1, [192, 168, 1, 21]);
    meets(&scenario, Route::Direct);
}

#[test]
fn two_homes_behind_one_carrier_need_it_to_hairpin() {
    for (hairpin, route) in [(true, Route::Direct), (false, Route::Relay)] {
        let mut scenario = scenario(Some(PORT_RESTRICTED), Some(PORT_RESTRICTED));
        let carrier = realm(0, NatPolicy { hairpin, ..FULL_CONE }, [192, 0, 2, 1], [100, 64, 0, 0], 10);
        for (home, last) in [(1, 11), (2, 12)] {
            let gateway = scenario.topology.realms[home].gateway.as_mut().expect("a home has a gateway");
            (gateway.parent, gateway.external) = (3, Ipv4Addr::new(100, 64, 0, last));
        }
        scenario.topology.realms.push(carrier);
        meets(&scenario, route);
    }
}

/// Its request goes out over IPv6, since IPv4 to the server is slow. But its peer has IPv4 alone, and a NAT that lets
/// nobody in whom it has not heard of: it has to be told of the address that the server sees on IPv4.
#[test]
fn a_second_opinion_opens_the_nat_of_a_peer_with_ipv4_alone() {
    for (second_opinion, route) in [(true, Route::Direct), (false, Route::Relay)] {
        for (dual, role) in [(1, Role::Dial), (2, Role::Accept)] {
            let mut scenario = scenario(Some(PORT_RESTRICTED), Some(PORT_RESTRICTED));
            add_ipv6(&mut scenario, 0);
            add_ipv6(&mut scenario, dual);
            scenario.topology.hosts[0].interfaces[0].link.delay = Time::from_millis(200);
            let first = &mut scenario.peers[role as usize];
            first.second_opinion = second_opinion;
            let mut comes = [Time::from_secs(4); 2];
            comes[role as usize] = Time::ZERO;
            meets_if(&scenario, comes, route);
        }
    }
}

#[test]
fn ipv6_alone_meets_ipv6_alone_and_both() {
    for with_ipv4 in [None, Some(1), Some(2)] {
        let mut scenario = scenario(Some(PORT_RESTRICTED), Some(PORT_RESTRICTED));
        for host in 0..3 {
            add_ipv6(&mut scenario, host);
        }
        for host in [1, 2].into_iter().filter(|host| Some(*host) != with_ipv4) {
            scenario.topology.hosts[host].interfaces.remove(0);
        }
        meets(&scenario, Route::Direct);
    }
}

#[test]
fn a_lost_syn_does_not_matter_to_who_has_patience() {
    let mut scenario = scenario(Some(PORT_RESTRICTED), Some(PORT_RESTRICTED));
    scenario.peers[0].choice = Choice::WaitForP2p(Duration::from_secs(40));
    scenario.topology.hosts[1].interfaces[0].link.lost = 300;
    scenario.losable = 3;
    let mut lost = 0;
    for seed in 0..50 {
        scenario.seed = seed;
        let (foretold, outcome) = check(&scenario).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        assert_eq!(foretold.if_lossy, Verdict::Direct);
        lost += outcome.lost;
    }
    assert!(lost > 50, "only {lost} packets were lost");
}

#[test]
fn the_references_rules_cost_a_round_trip_and_ipv6() {
    let by = |rules: Rules, scenario: &Scenario| {
        let mut scenario = scenario.clone();
        // The accepter waits.
        scenario.peers[0].comes = Time::from_millis(500);
        scenario.peers.iter_mut().for_each(|peer| peer.rules = rules);
        let [dialer, _] = run(&scenario).courses;
        (dialer.duration(), dialer.outcome.and_then(Result::ok))
    };
    // Two links each way make a round trip of 40 ms.
    let both = scenario(None, None);
    for (rules, took) in [(Rules::Ours, 140), (Rules::Reference, 180)] {
        assert_eq!(by(rules, &both), (Some(Time::from_millis(took)), Some(Route::Direct)), "{rules:?}");
    }

    let mut v6 = both;
    for (host, last) in v6.topology.hosts.iter_mut().zip(1..) {
        host.interfaces[0].addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last).into();
    }
    assert_eq!(by(Rules::Ours, &v6).1, Some(Route::Direct));
    assert_eq!(by(Rules::Reference, &v6), (Some(Time::ZERO), None), "no server without IPv4");
}

/// Runs it, and compares its route with what everyone knows; by either order of coming.
fn meets(scenario: &Scenario, route: Route) {
    for comes in [[0, 500], [500, 0], [0, 0]] {
        meets_if(scenario, comes.map(Time::from_millis), route);
    }
}

/// The same if they come at these times.
fn meets_if(scenario: &Scenario, comes: [Time; 2], route: Route) {
    let mut scenario = scenario.clone();
    for (peer, comes) in scenario.peers.iter_mut().zip(comes) {
        peer.comes = comes;
    }
    let told = format!("{comes:?}: {:#?}", scenario.topology);
    let (foretold, outcome) = check(&scenario).unwrap_or_else(|why| panic!("{why}; {told}"));
    let expected = if route == Route::Direct { Verdict::Direct } else { Verdict::Relay };
    assert_eq!(foretold.verdict, expected, "the oracle is wrong; {told}");
    assert!(matches!(outcome.courses[0].outcome, Some(Ok(it)) if it == route), "not {route}; {told}");
}

fn add_ipv6(scenario: &mut Scenario, host: usize) {
    let first = scenario.topology.hosts[host].interfaces[0];
    let addr = Ipv6Addr::new(0x2001, 0xdb8, 0x100, first.realm as u16, 0, 0, 0, 1 + host as u16);
    scenario.topology.hosts[host].interfaces.push(Interface { addr: addr.into(), ..first });
}

/// A server, a dialer and an accepter, each behind its own NAT or on the internet.
fn scenario(dialers: Option<NatPolicy>, accepters: Option<NatPolicy>) -> Scenario {
    let mut realms = vec![Realm { gateway: None, subnet: None }];
    let mut hosts = vec![host(interface(0, [203, 0, 113, 1]))];
    for (policy, last) in [(dialers, 11), (accepters, 12)] {
        hosts.push(host(match policy {
            Some(policy) => {
                realms.push(realm(0, policy, [198, 51, 100, last], [192, 168, last, 0], 24));
                interface(realms.len() - 1, [192, 168, last, 20])
            }
            None => interface(0, [203, 0, 113, last]),
        }));
    }
    let peer = |role: Role, host, port| Peer {
        role,
        host,
        port,
        spaces: AddrSpaces::DEFAULT,
        comes: Time::ZERO,
        choice: Choice::WaitForP2p(Duration::from_secs(1)),
        timeout: None,
        second_opinion: true,
        rules: Rules::Ours,
    };
    let peers = [peer(Role::Dial, 1, 40_001), peer(Role::Accept, 2, 50_002)];
    let topology = Topology { realms, hosts, unroutable: Unexpected::Unreachable };
    Scenario {
        topology,
        server: 0,
        proxy: None,
        peers,
        strangers: Vec::new(),
        mishap: None,
        slow: false,
        losable: 0,
        seed: 1,
    }
}

fn realm(parent: usize, nat: NatPolicy, external: [u8; 4], net: [u8; 4], bits: u32) -> Realm {
    let gateway = Gateway { parent, link: link(), nat, external: external.into(), firewall: None };
    Realm { gateway: Some(gateway), subnet: Some((net.into(), bits)) }
}

fn host(interface: Interface) -> Host {
    Host { interfaces: vec![interface], firewall: None }
}

fn interface(realm: usize, addr: [u8; 4]) -> Interface {
    Interface { realm, addr: IpAddr::from(addr), link: link(), default_route: true }
}

fn link() -> Link {
    Link { delay: Time::from_millis(10), jitter: Time::ZERO, lost: 0 }
}

const fn nat(mapping: Dependence, filtering: Dependence, ports: Ports) -> NatPolicy {
    let lifetimes = Lifetimes { transitory: Time::from_secs(240), established: Time::from_secs(7440) };
    let unexpected = Unexpected::Dropped;
    let filter = FirewallPolicy { filtering, unexpected, forgets_on_reset: false, lifetimes };
    NatPolicy { mapping, ports, hairpin: false, filter }
}
