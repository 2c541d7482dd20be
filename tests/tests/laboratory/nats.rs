//! That the laboratory's NATs are what they are called: seen from outside, by plain sockets.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use rdv_socket::SharedPort;
use rdv_tests::lab::{self, Filtering, Mapping, Nat, Network, Node, Side, Unexpected};
use rdv_tests::soon;

#[test]
fn nats_are_what_they_are_called() {
    if let Some(missing) = lab::missing() {
        eprintln!("skipped: {missing}");
        return;
    }
    let all = [
        Nat::HOME,
        Nat::RESETTING,
        Nat::PROHIBITING,
        Nat::BARE,
        Nat::SYMMETRIC,
        Nat::ADDRESS_RESTRICTED,
        Nat::FULL_CONE,
        Nat::HAIRPINNING,
    ];
    for nat in all {
        check(nat);
    }
}

fn check(nat: Nat) {
    let network = Network::new(&[Side::behind(&[nat]), Side::behind(&[])], 0);
    let [inside, outside] = &network.peers;
    let port = inside.namespace.enter(SharedPort::bind).expect("a port to share");

    let first = observed(inside, &port, &network.server);
    let unheard = answer(outside, first);
    let second = observed(inside, &port, outside);
    let heard = answer(outside, first);
    let hairpin = answer(inside, first);

    let mapped = [first, second].map(|addr| addr.port());
    match nat.mapping {
        Mapping::Preserved => assert_eq!(mapped, [port.port(); 2], "{nat:?}: the ports outside"),
        Mapping::Random => assert_ne!(mapped[0], mapped[1], "{nat:?}: the ports outside are equal"),
    }
    let refusal = match nat.unexpected {
        Unexpected::Dropped => Answer::Silence,
        Unexpected::Reset | Unexpected::Answered => Answer::Refusal,
        Unexpected::Prohibited => Answer::Error(ErrorKind::HostUnreachable),
    };
    let if_open = |is_open: bool| if is_open { Answer::Connection } else { refusal };
    assert_eq!(unheard, if_open(nat.filtering == Filtering::Independent), "{nat:?}: who is not known");
    assert_eq!(
        heard,
        if_open(nat.filtering != Filtering::AddressAndPort),
        "{nat:?}: who is known, by another port"
    );
    assert_eq!(hairpin, if_open(nat.hairpin), "{nat:?}: who is inside as well");
}

/// Where a connection from the port of one machine comes from, as the other sees it.
fn observed(inside: &Node, port: &SharedPort, outside: &Node) -> SocketAddr {
    let bind = || TcpListener::bind((outside_addr(outside), 0));
    let listener = outside.namespace.enter(bind).expect("a port outside");
    let target = listener.local_addr().expect("it is bound");
    let stream = inside.namespace.enter(|| port.connect(target)).expect("a connection begins");
    let (_, from) = soon("a connection from inside", move || listener.accept()).expect("it comes in");
    drop(stream);
    from
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Connection,
    Refusal,
    Silence,
    Error(ErrorKind),
}

/// What becomes of a connection from this machine to the address.
fn answer(from: &Node, to: SocketAddr) -> Answer {
    let connected: io::Result<TcpStream> = from.namespace.enter(|| TcpStream::connect_timeout(&to, SILENCE));
    match connected.map_err(|err| err.kind()) {
        Ok(_) => Answer::Connection,
        Err(ErrorKind::ConnectionRefused) => Answer::Refusal,
        Err(ErrorKind::TimedOut) => Answer::Silence,
        Err(kind) => Answer::Error(kind),
    }
}

/// Its first public address.
fn outside_addr(node: &Node) -> IpAddr {
    let addrs = node.namespace.enter(rdv_socket::local_addrs).expect("addresses");
    let mut ips = addrs.into_iter().map(|addr| addr.ip);
    ips.find(|ip| ip.is_ipv4() && !ip.is_loopback()).expect("an IPv4 address")
}

/// After which nothing comes any more on a network that answers within a millisecond.
const SILENCE: Duration = Duration::from_millis(300);
