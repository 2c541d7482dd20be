//! A server's end: what its clients hear of it.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use rdv_blocking::{Server, ServerConfig};
use rdv_tests::answer::{Told, expect_told, read_told, request};
use rdv_tests::raw::RawConn;
use rdv_tests::server::TestServer;
use rdv_tests::soon;

/// One client of each kind at once, as in the reference's transcript.
#[test]
fn everybody_hears_of_it() {
    let server = TestServer::start();
    let (mut waits, mut waits_too) = (server.connect(), server.connect());
    waits.send(request("DIAL", "/lob", ""));
    waits_too.send(request("ACCEPT", "/by", ""));
    let (mut undecided, mut undecided_peer) = server.pair("/wait");
    let (mut relayed, mut relayed_peer) = server.pair("/rel");
    relayed.send("CONTINUE\n");
    relayed_peer.expect("CONTINUE\n");
    let mut silent = server.connect();
    let mut partial = server.connect();
    partial.send("DIAL /par");
    server.settle();

    server.handle().shutdown();
    for client in [&mut waits, &mut waits_too] {
        expect_told(client, &Told::new(503, "shutting-down", "rdv server shutting down, try again"));
    }
    undecided.expect_eof();
    undecided_peer.expect_eof();
    // Ours: an RST, since the streams have not come to their end. The reference says FIN.
    relayed.expect_reset();
    relayed_peer.expect_reset();
    // These have said nothing that could be answered yet.
    silent.expect_closed();
    partial.expect_closed();

    let addr = server.addr();
    drop((waits, waits_too));
    server.stop().expect("run returns without an error");
    let err = TcpStream::connect(addr).expect_err("nobody listens any more");
    assert_eq!(err.kind(), ErrorKind::ConnectionRefused);
}

/// Whoever is connected already and asks only then is told that it is too late; new connections are refused.
#[test]
fn who_comes_too_late_is_told_so() {
    let server = TestServer::start();
    let mut late = server.connect();
    late.send("DIAL /late HTTP/1.1\r\nHost: rdv.test\r\n");
    // Reads nothing, so that the server stays until its answer has been given time.
    let waits = server.connect();
    waits.send(request("DIAL", "/waits", ""));
    server.settle();
    let addr = server.addr();
    server.handle().shutdown();
    let deadline = Instant::now() + rdv_tests::SOON;
    while TcpStream::connect(addr).is_ok() {
        assert!(Instant::now() < deadline, "the server still listens");
        thread::sleep(Duration::from_millis(1));
    }
    late.send("Connection: upgrade\r\nUpgrade: rdv/1\r\n\r\n");
    expect_told(&mut late, &Told::new(503, "closed", "rdv is closed"));
}

#[test]
fn an_idle_server_ends_at_once() {
    let server = TestServer::start();
    server.settle();
    let start = Instant::now();
    server.stop().expect("run returns without an error");
    assert!(start.elapsed() < Duration::from_secs(1), "took {:?}", start.elapsed());
}

/// The handle may be used before the server runs, by many, and after its end.
#[test]
fn shutting_down_is_allowed_at_any_time() {
    let server = Server::bind(&"127.0.0.1:0".parse().unwrap(), ServerConfig::default()).unwrap();
    let handle = server.handle();
    handle.shutdown();
    server.handle().shutdown();
    soon("a server that is shut down before it runs", move || server.run()).unwrap();
    handle.shutdown();
}

#[test]
fn a_client_that_reads_nothing_does_not_hold_the_server() {
    let server = TestServer::start();
    let stubborn: Vec<RawConn> = (0..20)
        .map(|i| {
            let client = server.connect();
            client.send(request("DIAL", &format!("/stubborn{i}"), ""));
            client
        })
        .collect();
    server.settle();
    let start = Instant::now();
    server.stop().expect("run returns without an error");
    assert!(start.elapsed() < Duration::from_secs(5), "took {:?}", start.elapsed());
    for mut client in stubborn {
        assert_eq!(read_told(&mut client).code, "shutting-down");
        client.expect_closed();
    }
}

#[test]
fn the_port_is_free_again() {
    let server = TestServer::start();
    let (mut dialer, mut accepter) = server.pair("/again");
    let addr = server.addr();
    server.stop().unwrap();
    dialer.expect_closed();
    accepter.expect_closed();
    let again = TestServer::on(&addr.to_string(), |_| {});
    again.settle();
}
