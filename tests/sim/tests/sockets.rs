//! How many sockets an attempt takes where there are as many addresses as there can be.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use rdv_core::{AddrSpaces, Role};
use rdv_sim::net::{Host, Interface, Link, Realm, Time, Topology, Unexpected};
use rdv_sim::scenario::{Choice, Peer, Rules, Scenario};
use rdv_sim::{SOCKETS_MAX, check};

#[test]
fn a_peer_with_nine_networks_is_dialled_with_few_sockets() {
    let mut scenario = scenario();
    for net in 0..8 {
        let subnet = (Ipv4Addr::new(172, 16, net, 0), 24);
        scenario.topology.realms.push(Realm { gateway: None, subnet: Some(subnet) });
        let realm = scenario.topology.realms.len() - 1;
        let dead = Interface { default_route: false, ..interface(realm, [172, 16, net, 2]) };
        scenario.topology.hosts[2].interfaces.push(dead);
    }
    check_sockets(&scenario);
}

#[test]
fn a_server_with_a_dozen_addresses_is_dialled_with_few_sockets() {
    let mut scenario = scenario();
    let server = &mut scenario.topology.hosts[0].interfaces;
    let alive = server.remove(0);
    // In a realm that nobody has a way to.
    let dead = |last| Interface { default_route: false, ..interface(1, [192, 0, 2, last]) };
    server.extend((0..12).map(dead));
    server.push(alive);
    scenario.topology.realms.push(Realm { gateway: None, subnet: None });
    check_sockets(&scenario);
}

fn check_sockets(scenario: &Scenario) {
    let (_, outcome) = check(scenario).unwrap_or_else(|why| panic!("{why}"));
    let most = outcome.courses.iter().map(|course| course.sockets.dialed[0]).max();
    // Else there are fewer candidates than this is about.
    assert!(most.is_some_and(|most| most + 1 > SOCKETS_MAX / 2), "only {most:?} sockets at a time");
}

/// A server, a dialer and an accepter on the internet, where packets for nowhere vanish.
fn scenario() -> Scenario {
    let host = |last| Host { interfaces: vec![interface(0, [203, 0, 113, last])], firewall: None };
    let peer = |role: Role, host, port| Peer {
        role,
        host,
        port,
        spaces: AddrSpaces::DEFAULT,
        comes: Time::ZERO,
        choice: Choice::WaitConstant(Duration::from_secs(1)),
        timeout: None,
        second_opinion: true,
        rules: Rules::Ours,
    };
    Scenario {
        topology: Topology {
            realms: vec![Realm { gateway: None, subnet: None }],
            hosts: [1, 11, 12].map(host).to_vec(),
            unroutable: Unexpected::Dropped,
        },
        server: 0,
        proxy: None,
        peers: [peer(Role::Dial, 1, 40_001), peer(Role::Accept, 2, 50_002)],
        strangers: Vec::new(),
        mishap: None,
        slow: false,
        losable: 0,
        seed: 1,
    }
}

fn interface(realm: usize, addr: [u8; 4]) -> Interface {
    let link = Link { delay: Time::from_millis(10), jitter: Time::ZERO, lost: 0 };
    Interface { realm, addr: IpAddr::from(addr), link, default_route: true }
}
