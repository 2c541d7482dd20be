use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpStream};

use super::*;
use crate::test_util::{have_ipv6, loopbacks, wait_for_accept};

#[test]
fn no_host_is_both_families_on_one_port() {
    let listeners = listen_to(":0").unwrap();
    assert_eq!(listeners.len(), 1 + usize::from(have_ipv6()));
    let addrs: Vec<SocketAddr> = listeners.iter().map(|l| l.local_addr().unwrap()).collect();
    assert!(addrs.is_sorted(), "IPv4 first");
    assert!(addrs.iter().all(|addr| addr.port() == addrs[0].port() && addr.port() != 0));

    for (ip, listener) in loopbacks().into_iter().zip(&listeners) {
        let dialled = TcpStream::connect((ip, addrs[0].port())).unwrap();
        let (_stream, from) = wait_for_accept(listener);
        assert_eq!(from, dialled.local_addr().unwrap());
    }
}

#[test]
fn an_address_is_that_address_alone() {
    for ip in loopbacks() {
        let listeners = listen(&SocketAddr::new(ip, 0).into(), 8).unwrap();
        assert_eq!(listeners.len(), 1);
        assert_eq!(listeners[0].local_addr().unwrap().ip(), ip);
    }
    let all_of_one_family = listen_to("0.0.0.0:0").unwrap();
    assert_eq!(all_of_one_family.len(), 1);
}

#[test]
fn a_name_is_looked_up() {
    let listeners = listen_to("localhost:0").unwrap();
    let addrs: Vec<SocketAddr> = listeners.iter().map(|l| l.local_addr().unwrap()).collect();
    assert!(!addrs.is_empty());
    assert!(addrs.iter().all(|addr| addr.ip().is_loopback() && addr.port() == addrs[0].port()), "{addrs:?}");
}

#[test]
fn a_port_in_use_is_an_error_that_names_the_address() {
    let first = listen_to("127.0.0.1:0").unwrap();
    let taken = first[0].local_addr().unwrap();
    let error = listen(&taken.into(), 8).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(error.to_string().starts_with(&format!("cannot listen on {taken}: ")), "{error}");

    let error = listen_to(&format!(":{}", taken.port())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}

#[test]
fn an_address_of_another_machine_is_an_error() {
    // TEST-NET-3, RFC 5737.
    assert_eq!(listen_to("203.0.113.77:0").unwrap_err().kind(), ErrorKind::AddrNotAvailable);
}

#[test]
fn a_restarted_server_gets_its_port_back() {
    let first = listen_to("127.0.0.1:0").unwrap();
    let addr = first[0].local_addr().unwrap();
    let mut dialled = TcpStream::connect(addr).unwrap();
    let (accepted, _) = wait_for_accept(&first[0]);
    drop(accepted); // closes first, so the server's end goes to TIME_WAIT
    assert_eq!(io::Read::read(&mut dialled, &mut [0]).unwrap(), 0);
    drop(dialled);
    drop(first);
    listen(&addr.into(), 8).unwrap();
}

/// A port that somebody shares is no server's, and nobody who would share it gets in.
#[cfg(unix)]
#[test]
fn the_port_is_not_shared() {
    use crate::test_util::foreign_shared_listener;

    let localhost = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let foreign = foreign_shared_listener(localhost).unwrap();
    let taken = foreign.local_addr().unwrap();
    assert_eq!(listen(&taken.into(), 8).unwrap_err().kind(), ErrorKind::AddrInUse);

    let ours = listen(&localhost.into(), 8).unwrap();
    let late = foreign_shared_listener(ours[0].local_addr().unwrap());
    assert_eq!(late.unwrap_err().kind(), ErrorKind::AddrInUse);
}

#[cfg(target_os = "linux")]
#[test]
fn listeners_are_nonblocking_and_close_on_exec() {
    use crate::test_util::is_nonblocking_and_cloexec;

    assert!(listen_to(":0").unwrap().iter().all(is_nonblocking_and_cloexec));
}

fn listen_to(addr: &str) -> io::Result<Vec<TcpListener>> {
    listen(&addr.parse().unwrap(), 8)
}
