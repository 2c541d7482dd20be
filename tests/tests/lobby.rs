//! Where clients wait, and how they are paired (rdv/1 sections 1 and 2).

use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use rdv_tests::answer::{Told, expect_matched, expect_told, read_told, request, switching};
use rdv_tests::raw::RawConn;
use rdv_tests::script::play;
use rdv_tests::server::TestServer;

#[test]
fn the_dialogues_of_the_reference_go_the_same_way() {
    let server = TestServer::start();
    play("lobby.txt", include_str!("../fixtures/lobby.txt"), server.addr());
}

#[test]
fn a_client_without_a_peer_is_told_so_in_time() {
    let timeout = Duration::from_millis(200);
    let server = TestServer::with(|lobby| lobby.lobby_timeout = Some(timeout));
    let start = Instant::now();
    let mut client = server.connect();
    client.send(request("DIAL", "/alone", ""));
    expect_told(&mut client, &no_peer());
    assert!(start.elapsed() >= timeout, "told after {:?}, too early", start.elapsed());
}

#[test]
fn a_replacement_gets_a_fresh_timeout() {
    let timeout = Duration::from_millis(500);
    for method in ["DIAL", "ACCEPT"] {
        let server = TestServer::with(|lobby| lobby.lobby_timeout = Some(timeout));
        let mut old = server.connect();
        old.send(request(method, "/again", ""));
        server.settle();
        thread::sleep(timeout / 2);
        let start = Instant::now();
        let mut new = server.connect();
        new.send(request(method, "/again", ""));
        expect_told(&mut old, &Told::new(409, "replaced", "replaced by another conn"));
        expect_told(&mut new, &no_peer());
        assert!(start.elapsed() >= timeout, "{method}: told after {:?}, too early", start.elapsed());
    }
}

#[test]
fn the_lobbys_deadline_is_off_once_there_is_a_pair() {
    let timeout = Duration::from_millis(100);
    let server = TestServer::with(|lobby| lobby.lobby_timeout = Some(timeout));
    let (mut dialer, mut accepter) = server.pair("/slow");
    thread::sleep(timeout * 3);
    dialer.send("CONTINUE\n");
    accepter.expect("CONTINUE\n");
    accepter.send("still here");
    dialer.expect("still here");
}

/// The reference answers one in ten of these newcomers with a bare EOF.
#[test]
fn a_newcomer_is_never_paired_with_a_dead_client_nor_dropped() {
    let server = TestServer::start();
    for round in 0..200 {
        let token = format!("/dead{round}");
        let (first, second) = if round % 2 == 0 { ("DIAL", "ACCEPT") } else { ("ACCEPT", "DIAL") };
        let dead = server.connect();
        dead.send(request(first, &token, ""));
        server.settle();
        let mut newcomer = server.connect();
        if round % 4 < 2 {
            dead.reset();
        } else {
            drop(dead);
        }
        newcomer.send(request(second, &token, ""));
        server.settle();
        // It waits: a living peer gets it.
        let mut peer = server.connect();
        peer.send(request(first, &token, ""));
        expect_matched(&mut newcomer, &mut peer);
    }
}

/// Many at the same instant from threads of their own: whatever the order, each token makes one pair.
#[test]
fn all_pairs_find_each_other() {
    let server = TestServer::start();
    let (sender, receiver) = channel();
    for i in 0..64 {
        for method in ["DIAL", "ACCEPT"] {
            let (mut client, sender) = (server.connect(), sender.clone());
            thread::spawn(move || {
                client.send(request(method, &format!("/crowd{i}"), ""));
                let answer = client.read_until("\r\n\r\n");
                let addr = client.local_addr();
                sender.send((i, addr, String::from_utf8_lossy(&answer).into_owned(), client)).unwrap();
            });
        }
    }
    drop(sender);
    let mut all: Vec<_> = receiver.iter().collect();
    assert_eq!(all.len(), 128, "clients with an answer");
    all.sort_by_key(|(i, addr, ..)| (*i, *addr));
    for two in all.chunks(2) {
        let [(i, one, one_told, _), (_, other, other_told, _)] = two else { panic!("an odd count") };
        assert_eq!(one_told, &switching(one, other), "token {i}");
        assert_eq!(other_told, &switching(other, one), "token {i}");
    }
}

/// More than the server takes in at one go, and none of them is forgotten in the queue.
#[test]
fn a_burst_of_connections_is_served() {
    let server = TestServer::start();
    let burst: Vec<RawConn> = (0..800).map(|_| server.connect()).collect();
    burst.iter().for_each(|client| client.send("GET /x HTTP/1.1\r\nHost: rdv.test\r\n\r\n"));
    for mut client in burst {
        assert_eq!(read_told(&mut client).code, "not-an-upgrade");
        client.expect_eof();
    }
}

#[test]
fn a_full_server_takes_only_those_whose_peer_waits() {
    let server = TestServer::with(|lobby| lobby.max_waiting = 8);
    let mut waiting: Vec<RawConn> = (0..8).map(|i| server.ask("DIAL", &format!("/full{i}"))).collect();
    server.settle();
    let mut ninth = server.ask("DIAL", "/full8");
    expect_told(&mut ninth, &Told::new(503, "full", "rdv server is full, try again later"));
    drop(ninth);
    let mut peer = server.ask("ACCEPT", "/full1");
    peer.read_until("\r\n\r\n");
    waiting[1].read_until("\r\n\r\n");
    waiting[1].send("CONTINUE\n");
    peer.expect("CONTINUE\n");
}

#[test]
fn one_address_may_not_take_all_the_room() {
    let server = TestServer::with(|lobby| lobby.max_conns_per_addr = 4);
    let mut waiting: Vec<RawConn> = (0..4).map(|i| server.ask("DIAL", &format!("/mine{i}"))).collect();
    let mut fifth = server.connect();
    expect_told(&mut fifth, &Told::new(429, "full-for-addr", "too many conns from this address"));
    drop(fifth);
    // Loopback has more than one address to come from.
    let mut elsewhere = RawConn::connect_from([127, 0, 0, 2], server.addr());
    elsewhere.send(request("ACCEPT", "/mine2", ""));
    expect_matched(&mut waiting[2], &mut elsewhere);
}

/// A pair has left the lobby, and does not count as waiting.
#[test]
fn pairs_take_no_room_in_the_lobby() {
    let server = TestServer::with(|lobby| lobby.max_conns_per_addr = 3);
    let pairs: Vec<_> = (0..5)
        .map(|i| {
            let (mut dialer, mut accepter) =
                (server.ask("DIAL", &format!("/pairs{i}")), server.ask("ACCEPT", &format!("/pairs{i}")));
            expect_matched(&mut dialer, &mut accepter);
            (dialer, accepter)
        })
        .collect();
    for (dialer, mut accepter) in pairs {
        dialer.send("CONTINUE\n");
        accepter.expect("CONTINUE\n");
    }
}

fn no_peer() -> Told {
    Told::new(408, "no-peer", "no matching peer found")
}
