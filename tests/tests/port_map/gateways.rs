//! By each protocol: a port is mapped, an outside host connects through it, and it is released at the end.

use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream};
use std::time::{Duration, Instant};

use rdv_portmap::{Order, PortMapper, Protocol, settle};
use rdv_socket::SharedPort;
use rdv_tests::lab::{Nat, Network, Node, Side, Speaks};
use rdv_tests::{SOON, soon, until};

use crate::is_missing;

#[test]
fn by_pcp() {
    a_port_is_mapped_used_and_released(Speaks::PcpAndNatPmp, Protocol::Pcp);
}

#[test]
fn by_natpmp() {
    a_port_is_mapped_used_and_released(Speaks::PcpAndNatPmp, Protocol::NatPmp);
}

#[test]
fn by_upnp() {
    a_port_is_mapped_used_and_released(Speaks::Upnp, Protocol::Upnp);
}

fn a_port_is_mapped_used_and_released(speaks: Speaks, protocol: Protocol) {
    if is_missing(true) {
        return;
    }
    let network = Network::new(&[Side::behind(&[Nat::SYMMETRIC]).mapping(speaks), Side::behind(&[])], 0);
    let [inside, outside] = &network.peers;
    let gateway = &network.mappers[0];
    let port = inside.namespace.enter(SharedPort::bind).expect("a port");

    let started = Instant::now();
    let mapper = start(&network, &port, Some(protocol));
    let mapping = mapper.wait().expect("a mapping");
    println!("{protocol}: mapped after {:?}", started.elapsed());
    assert_eq!(mapping.protocol, protocol);
    assert_eq!(mapping.external.ip().to_string(), "192.88.98.11", "the gateway's address on the internet");
    assert!(gateway.maps(mapping.external.port()), "{}", gateway.rules());

    let connect =
        |patience| outside.namespace.enter(|| TcpStream::connect_timeout(&mapping.external, patience));
    let mut there = connect(SOON).expect("a connection from outside");
    let here = port.listeners().next().expect("IPv4").try_clone().expect("the same");
    here.set_nonblocking(false).expect("it blocks");
    let (mut here, from) = soon("it comes in", move || here.accept()).expect("a connection");
    assert_eq!(from.ip(), outside_ip(&network));
    exchange(&mut there, &mut here);

    drop(mapper);
    assert!(settle(SOON), "it is released");
    assert!(!gateway.maps(mapping.external.port()), "{}", gateway.rules());
    connect(Duration::from_millis(300)).expect_err("the port leads nowhere any more");
    // What has been connected by then stays so: the gateway's connection tracking knows it.
    exchange(&mut there, &mut here);
}

/// A gateway that speaks all: PCP, which takes one round trip, is first.
#[test]
fn the_fastest_protocol_is_taken() {
    if is_missing(true) {
        return;
    }
    let network = Network::new(&[Side::behind(&[Nat::HOME]).mapping(Speaks::All), Side::behind(&[])], 0);
    let port = network.peers[0].namespace.enter(SharedPort::bind).expect("a port");
    let mapping = start(&network, &port, None).wait().expect("a mapping");
    assert_eq!((mapping.protocol, mapping.external.port()), (Protocol::Pcp, port.port()));
    until("it is released without anybody waiting", || !network.mappers[0].maps(port.port()));
}

/// Another host has the port: another one is mapped. By UPnP, we have to choose it.
#[test]
fn a_port_that_is_taken_is_not_taken_away() {
    if is_missing(true) {
        return;
    }
    let home = || Side::behind(&[Nat::HOME]);
    let network = Network::new(&[home(), home().mapping(Speaks::All)], 1);
    let [first, second] = &network.peers;
    let port = first.namespace.enter(SharedPort::bind).expect("a port");
    let map = |protocol, peer: &Node| {
        let mut order = order(&port);
        order.only = Some(protocol);
        let mapper = peer.namespace.enter(|| PortMapper::start(order)).expect("a thread");
        let external = mapper.wait().expect("a mapping").external;
        (mapper, external.port())
    };
    let (_mapper, theirs) = map(Protocol::Pcp, first);
    for protocol in [Protocol::Pcp, Protocol::NatPmp, Protocol::Upnp] {
        let (_mapper, ours) = map(protocol, second);
        assert_ne!(ours, theirs, "{protocol}");
        assert!(network.mappers[0].maps(theirs) && network.mappers[0].maps(ours), "{protocol}");
    }
}

/// A gateway that maps no ports: it takes no longer than was said, and says what was tried.
#[test]
fn where_nobody_answers_it_ends_in_time() {
    if is_missing(false) {
        return;
    }
    let network = Network::new(&[Side::behind(&[Nat::HOME]), Side::behind(&[])], 0);
    let port = network.peers[0].namespace.enter(SharedPort::bind).expect("a port");
    let mut order = order(&port);
    order.patience = Duration::from_secs(3);
    let started = Instant::now();
    let mapper = network.peers[0].namespace.enter(|| PortMapper::start(order.clone())).expect("a thread");
    let error = mapper.wait().expect_err("no mapping");
    let took = started.elapsed();
    println!("nobody answers: {error}, after {took:?}");
    // The gateway has no such port, and says so: there is no waiting for PCP and NAT-PMP, only for UPnP.
    assert_eq!(error.to_string(), "PCP: connection refused; UPnP-IGD: no answer");
    assert!(took >= Duration::from_millis(2900) && took < SOON, "{took:?}");

    let alone = Node::new();
    let error = alone.namespace.enter(|| PortMapper::start(order)).expect("a thread").wait();
    let text = error.expect_err("no network").to_string();
    assert!(text.starts_with("PCP: no default gateway; NAT-PMP: no default gateway; UPnP-IGD: "), "{text}");
}

fn order(port: &SharedPort) -> Order {
    let mut order = Order::new(port.port(), 4711);
    // Whatever else the machine has to do.
    order.patience = SOON / 2;
    order
}

fn start(network: &Network, port: &SharedPort, only: Option<Protocol>) -> PortMapper {
    let mut order = order(port);
    order.only = only;
    network.peers[0].namespace.enter(|| PortMapper::start(order)).expect("a thread")
}

fn outside_ip(network: &Network) -> IpAddr {
    let addrs = network.peers[1].namespace.enter(rdv_socket::local_addrs).expect("addresses");
    addrs.into_iter().map(|addr| addr.ip).find(|ip| !ip.is_loopback()).expect("an address")
}

fn exchange(one: &mut TcpStream, other: &mut TcpStream) {
    for stream in [&*one, &*other] {
        stream.set_read_timeout(Some(SOON)).expect("a timeout");
    }
    let mut buf = [0; 5];
    one.write_all(b"hello").expect("it is sent");
    other.read_exact(&mut buf).expect("it comes");
    other.write_all(&buf).expect("it is sent back");
    one.read_exact(&mut buf).expect("it comes back");
    assert_eq!(&buf, b"hello");
}
