use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::thread;

use super::*;
use crate::connect_finished;
use crate::test_util::{
    have_ipv6, listener_for, loopbacks, refusing, wait_for, wait_for_accept, wait_for_connect,
};

#[test]
fn has_a_listener_per_family_on_one_port() {
    let port = SharedPort::bind().unwrap();
    assert_ne!(port.port(), 0);
    assert!(port.has_ipv4());
    assert_eq!(port.has_ipv6(), have_ipv6());

    let addrs: Vec<SocketAddr> = port.listeners().map(|l| l.local_addr().unwrap()).collect();
    assert_eq!(addrs.len(), 1 + usize::from(port.has_ipv6()));
    assert!(addrs.is_sorted(), "IPv4 first");
    assert!(addrs.iter().all(|addr| addr.port() == port.port() && addr.ip().is_unspecified()));
}

#[test]
fn listens_and_dials_at_once() {
    for ip in loopbacks() {
        let (alice, bob, carol) =
            (SharedPort::bind().unwrap(), SharedPort::bind().unwrap(), SharedPort::bind().unwrap());

        // Alice dials two peers and is dialled by a third one: all from and to one port.
        let to_bob = alice.connect((ip, bob.port()).into()).unwrap();
        let to_carol = alice.connect((ip, carol.port()).into()).unwrap();
        let dave = TcpStream::connect((ip, alice.port())).unwrap();
        let (mut from_dave, dave_addr) = wait_for_accept(listener_for(&alice, ip));
        assert_eq!(dave_addr, dave.local_addr().unwrap());
        assert_eq!(from_dave.local_addr().unwrap(), (ip, alice.port()).into());

        for (mut outbound, peer) in [(to_bob, &bob), (to_carol, &carol)] {
            wait_for_connect(&outbound).unwrap();
            let (mut inbound, from) = wait_for_accept(listener_for(peer, ip));
            assert_eq!(from, (ip, alice.port()).into());
            outbound.write_all(b"hello").unwrap();
            assert_eq!(read_some(&mut inbound), b"hello");
        }
        (&dave).write_all(b"hi").unwrap();
        assert_eq!(read_some(&mut from_dave), b"hi");
    }
}

#[test]
fn the_second_connection_with_the_same_endpoints_is_refused_by_the_system() {
    for ip in loopbacks() {
        let (alice, bob) = (SharedPort::bind().unwrap(), SharedPort::bind().unwrap());
        let first = alice.connect((ip, bob.port()).into()).unwrap();
        wait_for_connect(&first).unwrap();

        // Again from the same side, and from the other one, before and after it has accepted.
        assert_eq!(connect_error(&alice, (ip, bob.port()).into()), ErrorKind::AddrNotAvailable);
        assert_eq!(connect_error(&bob, (ip, alice.port()).into()), ErrorKind::AddrNotAvailable);
        let _accepted = wait_for_accept(listener_for(&bob, ip));
        assert_eq!(connect_error(&bob, (ip, alice.port()).into()), ErrorKind::AddrNotAvailable);
    }
}

#[test]
fn a_port_survives_its_failed_connections() {
    for ip in loopbacks() {
        let alice = SharedPort::bind().unwrap();
        let (_refusing, addr) = refusing(ip);
        for _ in 0..3 {
            let outcome = alice.connect(addr).and_then(|s| wait_for_connect(&s));
            assert_eq!(outcome.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        }
        let _dialled = TcpStream::connect((ip, alice.port())).unwrap();
        wait_for_accept(listener_for(&alice, ip));
    }
}

#[test]
fn dials_the_ipv4_address_that_a_mapped_one_stands_for() {
    let (alice, bob) = (SharedPort::bind().unwrap(), SharedPort::bind().unwrap());
    let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
    let stream = alice.connect((mapped, bob.port()).into()).unwrap();
    wait_for_connect(&stream).unwrap();
    assert!(stream.peer_addr().unwrap().is_ipv4());
}

#[test]
fn a_missing_family_is_an_error_not_a_panic() {
    let SharedPort { port, ipv4, ipv6 } = SharedPort::bind().unwrap();
    let only_v6 = SharedPort { port, ipv4: None, ipv6 };
    assert_eq!(connect_error(&only_v6, (Ipv4Addr::LOCALHOST, 9).into()), ErrorKind::Unsupported);
    let only_v4 = SharedPort { port, ipv4, ipv6: None };
    assert_eq!(connect_error(&only_v4, (Ipv6Addr::LOCALHOST, 9).into()), ErrorKind::Unsupported);
    assert!(only_v4.has_ipv4() && !only_v4.has_ipv6() && only_v4.listeners().count() == 1);
}

#[test]
fn a_given_port_is_the_one_that_is_bound() {
    let first = SharedPort::bind().unwrap();
    let port = first.port();
    assert_eq!(SharedPort::bind_to(port).unwrap_err().kind(), ErrorKind::AddrInUse);
    drop(first);
    assert_eq!(SharedPort::bind_to(port).unwrap().port(), port);
}

#[test]
fn a_given_port_is_not_barred_by_its_past_connections() {
    for ip in loopbacks() {
        let (alice, bob) = (SharedPort::bind().unwrap(), SharedPort::bind().unwrap());
        let _still_open = TcpStream::connect((ip, alice.port())).unwrap();
        let _accepted = wait_for_accept(listener_for(&alice, ip));
        let outbound = alice.connect((ip, bob.port()).into()).unwrap();
        wait_for_connect(&outbound).unwrap();
        let (mut inbound, _) = wait_for_accept(listener_for(&bob, ip));

        drop(outbound); // closes first, so alice's end goes to TIME_WAIT
        assert_eq!(wait_for("EOF", || inbound.read(&mut [0]).map(Some)), 0);
        drop(inbound);

        let port = alice.port();
        drop(alice);
        assert_eq!(SharedPort::bind_to(port).unwrap().port(), port);
    }
}

#[test]
fn a_clone_keeps_the_port() {
    let first = SharedPort::bind().unwrap();
    let second = first.try_clone().unwrap();
    let port = first.port();
    drop(first);
    assert_eq!(second.port(), port);
    let _dialled = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    wait_for_accept(listener_for(&second, Ipv4Addr::LOCALHOST.into()));
}

#[test]
fn ports_of_concurrent_attempts_are_different() {
    let bind_many = || (0..32).map(|_| SharedPort::bind().unwrap()).collect::<Vec<_>>();
    let threads: Vec<_> = (0..4).map(|_| thread::spawn(bind_many)).collect();
    let ports: Vec<_> = threads.into_iter().flat_map(|t| t.join().unwrap()).collect();
    let numbers: BTreeSet<u16> = ports.iter().map(SharedPort::port).collect();
    assert_eq!(numbers.len(), ports.len());
}

/// The reason why SO_REUSEPORT is set after bind: a listener that shares its port gets no company
/// from us.
#[cfg(unix)]
#[test]
fn never_joins_a_foreign_listener() {
    use crate::bind::{new_socket, wildcards};
    use crate::test_util::foreign_shared_listener;

    for wildcard in wildcards() {
        if wildcard.is_ipv6() && !have_ipv6() {
            continue;
        }
        let foreign = foreign_shared_listener(wildcard).unwrap();
        let taken = foreign.local_addr().unwrap();

        // The danger is real: whoever sets the option before bind is in.
        foreign_shared_listener(taken).expect("joins");

        // One family is free there, the other one is not.
        assert_eq!(SharedPort::bind_to(taken.port()).unwrap_err().kind(), ErrorKind::AddrInUse);
        assert_eq!(listen_shared(taken, false).unwrap_err().kind(), ErrorKind::AddrInUse);

        // Nor where the first family has happened to get the number that the foreign listener has in the
        // other one.
        let mut first = true;
        let listeners = bind_all(&wildcards(), 0, |mut addr| {
            if std::mem::take(&mut first) && taken.is_ipv6() {
                addr.set_port(taken.port());
            }
            listen_shared(addr, false)
        });
        for listener in listeners.unwrap() {
            assert_ne!(listener.local_addr().unwrap().port(), taken.port());
        }

        // A bound socket counts as well, even if it does not listen yet.
        drop(foreign);
        let bound = new_socket(taken).unwrap();
        bound.set_reuse_port(true).unwrap();
        bound.bind(&taken.into()).unwrap();
        assert_eq!(SharedPort::bind_to(taken.port()).unwrap_err().kind(), ErrorKind::AddrInUse);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn sockets_are_nonblocking_and_close_on_exec() {
    use crate::test_util::is_nonblocking_and_cloexec;

    for ip in loopbacks() {
        let port = SharedPort::bind().unwrap();
        assert!(port.listeners().all(is_nonblocking_and_cloexec));
        let outbound = port.connect((ip, SharedPort::bind().unwrap().port()).into()).unwrap();
        assert!(is_nonblocking_and_cloexec(&outbound));
        let _dialled = TcpStream::connect((ip, port.port())).unwrap();
        let (inbound, _) = wait_for_accept(listener_for(&port, ip));
        assert!(is_nonblocking_and_cloexec(&inbound));
    }
}

#[test]
fn dialled_streams_have_their_options() {
    let (alice, bob) = (SharedPort::bind().unwrap(), SharedPort::bind().unwrap());
    let stream = alice.connect((Ipv4Addr::LOCALHOST, bob.port()).into()).unwrap();
    assert!(stream.nodelay().unwrap());
    assert!(socket2::SockRef::from(&stream).keepalive().unwrap());
}

fn connect_error(from: &SharedPort, to: SocketAddr) -> ErrorKind {
    let outcome = from.connect(to).and_then(|stream| connect_finished(&stream).map(|_| ()));
    outcome.expect_err("no connection").kind()
}

fn read_some(stream: &mut TcpStream) -> Vec<u8> {
    let mut buf = [0; 64];
    let len = wait_for("bytes", || stream.read(&mut buf).map(Some));
    buf[..len].to_vec()
}
