use std::net::TcpListener;

use super::*;

#[test]
fn tries_other_ports_while_one_is_taken_for_the_second_address() {
    let mut calls = Vec::new();
    let listeners = bind_all(&two(), 0, |addr| {
        calls.push(addr.port());
        // Every second bind fails, until the third round.
        if calls.len() % 2 == 0 && calls.len() < 6 { Err(taken()) } else { free() }
    });
    assert_eq!(listeners.unwrap().len(), 2);
    assert_eq!(calls.len(), 6);
    let (firsts, seconds): (Vec<_>, Vec<_>) = calls.chunks(2).map(|round| (round[0], round[1])).unzip();
    assert_eq!(firsts, [0, 0, 0]);
    assert!(!seconds.contains(&0));
}

#[test]
fn gives_up_in_the_end() {
    let mut calls = 0;
    let outcome = bind_all(&two(), 0, |_| {
        calls += 1;
        Err(taken())
    });
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::AddrInUse);
    assert_eq!(calls, FREE_PORT_ATTEMPTS);
}

#[test]
fn a_given_port_is_tried_once() {
    let mut calls = Vec::new();
    let outcome = bind_all(&two(), 7, |addr| {
        calls.push(addr.port());
        Err(taken())
    });
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::AddrInUse);
    assert_eq!(calls, [7]);
}

#[test]
fn does_without_a_missing_family() {
    for missing in [no_such_family(), ErrorKind::AddrNotAvailable.into(), ErrorKind::Unsupported.into()] {
        let kind = missing.kind();
        for lacks_ipv4 in [false, true] {
            let mut error = no_such_family();
            let listeners = bind_all(&two(), 0, |addr| {
                if addr.is_ipv4() == lacks_ipv4 {
                    Err(std::mem::replace(&mut error, kind.into()))
                } else {
                    free()
                }
            });
            assert_eq!(listeners.unwrap().len(), 1);
        }
    }
}

#[test]
fn without_any_family_it_is_the_systems_error() {
    let outcome = bind_all(&two(), 0, |_| Err(no_such_family()));
    assert_eq!(outcome.unwrap_err().raw_os_error(), no_such_family().raw_os_error());
    assert_eq!(bind_all(&[], 0, |_| free()).unwrap_err().kind(), ErrorKind::AddrNotAvailable);
}

#[test]
fn other_errors_are_not_taken_for_a_missing_family() {
    let outcome =
        bind_all(&two(), 0, |addr| if addr.is_ipv6() { Err(ErrorKind::OutOfMemory.into()) } else { free() });
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::OutOfMemory);
}

#[test]
fn unmapping_keeps_the_scope() {
    for (addr, unmapped_addr) in [
        ("[::ffff:10.0.0.1]:80", "10.0.0.1:80"),
        ("10.0.0.1:80", "10.0.0.1:80"),
        ("[fe80::1%3]:80", "[fe80::1%3]:80"),
        ("[::1]:80", "[::1]:80"),
    ] {
        assert_eq!(unmapped(addr.parse().unwrap()), unmapped_addr.parse().unwrap());
    }
}

fn two() -> [SocketAddr; 2] {
    wildcards()
}

fn free() -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
}

fn taken() -> io::Error {
    ErrorKind::AddrInUse.into()
}

/// What the kernel says when it is asked for a family that it does not have, from the kernel
/// itself.
fn no_such_family() -> io::Error {
    let error = Socket::new(Domain::from(12345), Type::STREAM, None).unwrap_err();
    assert!(errno::is_no_such_family(&error), "{error}");
    error
}
