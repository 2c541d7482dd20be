//! What the connection is good for.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use rdv_blocking::Conn;
use rdv_core::Role;
use rdv_tests::attempt::raw;
use rdv_tests::server::TestServer;
use rdv_tests::{QUIET, assert_same, pattern, soon};

use crate::{direct, meet, relayed, talk};

#[test]
fn large_transfers_both_ways() {
    let server = TestServer::start();
    for client in [direct("loopback4"), relayed()] {
        let (dialer, accepter) = meet(&server, &client, &client, "large", Role::Accept);
        let route = if dialer.is_relay() { "relayed" } else { "direct" };
        let sent = [pattern(24 << 20, 11), pattern(24 << 20, 12)];
        let [at_dialer, at_accepter] = exchange([dialer, accepter], sent.clone());
        assert_same(&format!("at the accepter, {route}"), &at_accepter, &sent[0]);
        assert_same(&format!("at the dialer, {route}"), &at_dialer, &sent[1]);
    }
}

#[test]
fn a_request_is_answered_after_its_end() {
    let server = TestServer::start();
    for client in [direct("loopback4"), relayed()] {
        let (mut dialer, mut accepter) = meet(&server, &client, &client, "ask", Role::Accept);
        dialer.write_all(b"ping").unwrap();
        dialer.shutdown(Shutdown::Write).unwrap();
        let answer = soon("an answer after the end", move || {
            let mut asked = String::new();
            accepter.read_to_string(&mut asked).unwrap();
            accepter.write_all(format!("{asked} and pong").as_bytes()).unwrap();
            drop(accepter);
            let mut answer = String::new();
            dialer.read_to_string(&mut answer).unwrap();
            answer
        });
        assert_eq!(answer, "ping and pong");
    }
}

/// A stream cut short must not look complete.
#[test]
fn a_reset_is_a_reset_at_the_peer() {
    let server = TestServer::start();
    for client in [direct("loopback4"), relayed()] {
        let (dialer, accepter) = meet(&server, &client, &client, "reset", Role::Accept);
        let route = if dialer.is_relay() { "relayed" } else { "direct" };
        let (dialer, mut accepter) = (dialer, raw(accepter));
        dialer.reset().unwrap();
        drop(dialer);
        eprintln!("{route}");
        accepter.expect_reset();
    }
}

#[test]
fn what_comes_out_is_a_plain_blocking_stream() {
    let server = TestServer::start();
    for client in [direct("loopback4"), relayed()] {
        let (dialer, accepter) = meet(&server, &client, &client, "plain", Role::Dial);
        let addr = dialer.peer_addr();
        let mut dialer: TcpStream = dialer.into_tcp().expect("a plain stream");
        let mut accepter: TcpStream = accepter.into_tcp().expect("a plain stream");
        assert_eq!(dialer.peer_addr().unwrap(), addr);
        assert!(dialer.nodelay().unwrap() && accepter.nodelay().unwrap());
        let reader = thread::spawn(move || {
            let mut got = [0; 5];
            // Blocks: a non-blocking stream would fail at once.
            accepter.read_exact(&mut got).map(|()| got)
        });
        thread::sleep(QUIET);
        dialer.write_all(b"hello").unwrap();
        let got = soon("a read that blocks", move || reader.join().unwrap());
        assert_eq!(got.unwrap(), *b"hello");
    }
}

/// The connection that is handed over outlives the attempt's port, and nobody listens there any more.
#[test]
fn nobody_listens_after_an_attempt() {
    let server = TestServer::start();
    let (dialer, accepter) = meet(&server, &direct("loopback4"), &direct("loopback4"), "after", Role::Dial);
    let ports = [dialer.peer_addr(), accepter.peer_addr()];
    for addr in ports {
        assert!(TcpStream::connect(addr).is_err(), "somebody still listens on {addr}");
    }
    talk(dialer, accepter);
}

/// Both send and read all at once. What came, in the same order.
fn exchange(conns: [Conn; 2], sent: [Vec<u8>; 2]) -> [Vec<u8>; 2] {
    soon("a transfer in both directions", move || {
        thread::scope(|scope| {
            let readers = conns.each_ref().map(|conn| {
                scope.spawn(move || {
                    let mut got = Vec::new();
                    (&mut &*conn).read_to_end(&mut got).unwrap();
                    got
                })
            });
            for (conn, data) in conns.iter().zip(sent) {
                scope.spawn(move || {
                    (&mut &*conn).write_all(&data).unwrap();
                    conn.shutdown(Shutdown::Write).unwrap();
                });
            }
            readers.map(|reader| reader.join().unwrap())
        })
    })
}
