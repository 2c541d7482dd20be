use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::Bytes;

use crate::net::tcp::{Notice, Read, SocketId};
use crate::net::{
    Dependence, FirewallPolicy, Gateway, Host, HostId, Interface, Internet, Lifetimes, Link, NatPolicy,
    Ports, Realm, Time, Topology, Unexpected,
};

const ANN: HostId = 0;
const BOB: HostId = 1;
/// At home, with both families.
const EVE: HostId = 2;
const PORT: u16 = 7;

#[test]
fn bytes_cross_the_internet_in_the_time_that_its_links_take() {
    let topology = topology();
    let mut net = Internet::new(&topology, 0, 0);
    net.listen(BOB, PORT);
    let socket = net.connect(ANN, 1000, addr(topology.hosts[BOB].interfaces[0].addr)).unwrap();
    let accepted = accepted(&mut net, BOB);
    assert_eq!(net.now(), ms(60), "SYN, SYN-ACK and ACK take 20 ms each");
    net.write(ANN, socket, Bytes::from_static(b"ping"));
    run(&mut net);
    assert_eq!(net.read(BOB, accepted, 100), Read::Data(b"ping".to_vec()));
}

#[test]
fn who_is_at_home_goes_out_by_the_nat() {
    let topology = topology();
    let mut net = Internet::new(&topology, 0, 0);
    net.listen(BOB, PORT);
    net.connect(EVE, 1000, addr(topology.hosts[BOB].interfaces[0].addr)).unwrap();
    let socket = accepted(&mut net, BOB);
    assert_eq!(net.stack(BOB).remote(socket), "198.51.100.1:1000".parse().unwrap());
}

#[test]
fn nobody_comes_in_by_a_nat_or_a_firewall_uninvited() {
    let topology = topology();
    for (remote, expected) in [
        ("198.51.100.1:7", io::ErrorKind::ConnectionRefused),
        ("[2001:db8:1::3]:7", io::ErrorKind::HostUnreachable),
    ] {
        assert_eq!(failure(&topology, ANN, remote.parse().unwrap()), (expected, ms(40)), "{remote}");
    }
}

#[test]
fn an_address_on_the_link_that_nobody_has_is_given_up_after_three_seconds() {
    let (kind, after) = failure(&topology(), EVE, "192.168.1.77:7".parse().unwrap());
    assert_eq!((kind, after), (io::ErrorKind::HostUnreachable, Time::from_secs(3) + ms(20)));
}

#[test]
fn a_private_address_elsewhere_is_unreachable() {
    let (kind, _) = failure(&topology(), ANN, "10.1.1.1:7".parse().unwrap());
    assert_eq!(kind, io::ErrorKind::HostUnreachable);
}

#[test]
fn without_a_route_there_is_no_connection() {
    let topology = topology();
    let mut net = Internet::new(&topology, 0, 0);
    let remote = "[2001:db8:1::3]:7".parse().unwrap();
    assert_eq!(net.connect(BOB, 1000, remote), Err(io::ErrorKind::NetworkUnreachable));
}

#[test]
fn a_host_reaches_itself_past_its_firewall() {
    let mut topology = topology();
    topology.hosts[ANN].firewall = Some(filter());
    let mut net = Internet::new(&topology, 0, 0);
    net.listen(ANN, PORT);
    net.connect(ANN, 1000, addr(topology.hosts[ANN].interfaces[0].addr)).unwrap();
    accepted(&mut net, ANN);
    assert!(net.now() < ms(1), "it took {:?}", net.now());
}

#[test]
fn a_link_loses_no_more_than_it_may_and_tcp_makes_up_for_it() {
    let mut topology = topology();
    topology.hosts[ANN].interfaces[0].link.lost = 1000;
    let mut net = Internet::new(&topology, 0, 2);
    net.listen(BOB, PORT);
    net.connect(ANN, 1000, addr(topology.hosts[BOB].interfaces[0].addr)).unwrap();
    accepted(&mut net, BOB);
    assert_eq!(
        (net.lost(), net.now()),
        (2, Time::from_secs(3) + ms(60)),
        "two SYNs are lost, the third is not"
    );
}

#[test]
fn an_unplugged_host_is_silent() {
    let topology = topology();
    let mut net = Internet::new(&topology, 0, 0);
    net.listen(BOB, PORT);
    net.unplug(BOB);
    let socket = net.connect(ANN, 1000, addr(topology.hosts[BOB].interfaces[0].addr)).unwrap();
    assert_eq!(run(&mut net), [(ANN, Notice::Failed(socket, io::ErrorKind::TimedOut))]);
}

#[test]
fn the_same_seed_takes_the_same_course() {
    let mut topology = topology();
    topology.hosts[ANN].interfaces[0].link.jitter = ms(5);
    let course = |seed| {
        let mut net = Internet::new(&topology, seed, 0);
        net.listen(BOB, PORT);
        net.connect(ANN, 1000, addr(topology.hosts[BOB].interfaces[0].addr)).unwrap();
        accepted(&mut net, BOB);
        net.now()
    };
    assert_eq!(course(1), course(1));
    assert_ne!(course(1), course(2), "the jitter is always the same");
}

/// How a connect fails, and after which time.
fn failure(topology: &Topology, host: HostId, remote: SocketAddr) -> (io::ErrorKind, Time) {
    let mut net = Internet::new(topology, 0, 0);
    net.connect(host, 1000, remote).unwrap();
    while net.next_at().is_some() {
        net.step();
        if let Some((_, notice)) = net.notice() {
            let Notice::Failed(_, kind) = notice else {
                panic!("{remote}: {notice:?}");
            };
            return (kind, net.now());
        }
    }
    panic!("nothing came of the connect to {remote}");
}

/// Waits for a connection to come in.
fn accepted(net: &mut Internet<'_>, host: HostId) -> SocketId {
    while net.next_at().is_some() {
        net.step();
        while let Some((at, notice)) = net.notice() {
            if let Notice::Accepted { socket, .. } = notice {
                assert_eq!(at, host);
                return socket;
            }
        }
    }
    panic!("nobody came");
}

/// Lets everything happen that does for a while.
fn run(net: &mut Internet<'_>) -> Vec<(HostId, Notice)> {
    let end = net.now() + Time::from_secs(200);
    while net.next_at().is_some_and(|at| at < end) {
        net.step();
    }
    std::iter::from_fn(|| net.notice()).collect()
}

fn topology() -> Topology {
    let nat = NatPolicy {
        mapping: Dependence::Independent,
        ports: Ports::Preserved,
        hairpin: false,
        filter: FirewallPolicy { unexpected: Unexpected::Reset, ..filter() },
    };
    let gateway = Gateway {
        parent: 0,
        link: link(),
        nat,
        external: Ipv4Addr::new(198, 51, 100, 1),
        firewall: Some(filter()),
    };
    let home = Realm { gateway: Some(gateway), subnet: Some((Ipv4Addr::new(192, 168, 1, 0), 24)) };
    let interface = |realm, addr: IpAddr| Interface { realm, addr, link: link(), default_route: true };
    let host = |interfaces| Host { interfaces, firewall: None };
    let sixth = |last| Ipv6Addr::new(0x2001, 0xdb8, last, 0, 0, 0, 0, 3).into();
    Topology {
        realms: vec![Realm { gateway: None, subnet: None }, home],
        hosts: vec![
            host(vec![interface(0, [203, 0, 113, 1].into()), interface(0, sixth(0))]),
            host(vec![interface(0, [203, 0, 113, 2].into())]),
            host(vec![interface(1, [192, 168, 1, 3].into()), interface(1, sixth(1))]),
        ],
        unroutable: Unexpected::Unreachable,
    }
}

fn filter() -> FirewallPolicy {
    FirewallPolicy {
        filtering: Dependence::AddressAndPort,
        unexpected: Unexpected::Unreachable,
        forgets_on_reset: false,
        lifetimes: Lifetimes { transitory: Time::from_secs(240), established: Time::from_secs(7440) },
    }
}

fn addr(ip: IpAddr) -> SocketAddr {
    SocketAddr::new(ip, PORT)
}

fn link() -> Link {
    Link { delay: ms(10), jitter: Time::ZERO, lost: 0 }
}

fn ms(millis: u64) -> Time {
    Time::from_millis(millis)
}
