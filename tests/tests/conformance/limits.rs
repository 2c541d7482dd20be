//! What each adapter's server makes of too many, too fast, and too much: the same, since it is decided in the core.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rdv_tests::adapter::Adapter;
use rdv_tests::answer::{Told, expect_matched, expect_told, read_told, request};
use rdv_tests::raw::RawConn;
use rdv_tests::server::TestServer;
use rdv_tests::{SOON, for_each_adapter};

for_each_adapter! {
    too_fast
    no_connections_to_spare
    longer_than_allowed
    a_flood_slows_nobody_else
}

fn too_fast(subject: &'static dyn Adapter) {
    let server = with(subject, |lobby| {
        (lobby.max_rate_per_addr, lobby.max_burst_per_addr) = (Some(1), 3);
    });
    let waiting: Vec<_> = (0..3).map(|i| server.ask("DIAL", &format!("/{i}"))).collect();
    let mut fourth = server.connect();
    let head = String::from_utf8(fourth.read_until("\r\n\r\n")).unwrap();
    assert!(head.starts_with("HTTP/1.1 429 Too Many Requests\r\n"), "{}: {head}", subject.name());
    assert!(head.contains("\r\nRdv-Error: rate-limited\r\n"), "{}: {head}", subject.name());
    assert!(head.contains("\r\nRetry-After: 1\r\n"), "{}: {head}", subject.name());
    // Whoever comes from elsewhere meets whoever is in.
    let mut elsewhere = RawConn::connect_from([127, 0, 0, 2], server.addr());
    elsewhere.send(request("ACCEPT", "/1", ""));
    expect_matched(&mut { waiting }[1], &mut elsewhere);
}

/// What is relayed counts as well, until it ends.
fn no_connections_to_spare(subject: &'static dyn Adapter) {
    let server = with(subject, |lobby| lobby.max_open = Some(4));
    let (mut dialer, mut accepter) = server.relayed("/one");
    let (mut other_dialer, mut other_accepter) = server.relayed("/two");
    let overloaded = Told::new(503, "overloaded", "rdv server has no connections to spare, try again later");
    expect_told(&mut server.connect(), &overloaded);
    other_dialer.finish();
    other_accepter.expect_eof();
    other_accepter.finish();
    other_dialer.expect_eof();
    // The server hears of it a little later than we do.
    let deadline = Instant::now() + SOON;
    while !meet(&server, "/three") {
        assert!(Instant::now() < deadline, "{}: there is still no room", subject.name());
    }
    dialer.send("still here");
    accepter.expect("still here");
    accepter.send("as well");
    dialer.expect("as well");
}

fn longer_than_allowed(subject: &'static dyn Adapter) {
    let server = with(subject, |lobby| lobby.max_head = 1000);
    let mut client = server.connect();
    client.send(format!("DIAL /tok HTTP/1.1\r\nX: {}", "x".repeat(1000)));
    let told = Told::new(431, "head-too-large", "request head too large: 1000 bytes are allowed");
    expect_told(&mut client, &told);
}

/// Garbage, heads without end, answers that nobody reads, and connections that are reset; all as fast as they go.
fn a_flood_slows_nobody_else(subject: &'static dyn Adapter) {
    let server = with(subject, |lobby| {
        (lobby.max_rate_per_addr, lobby.max_burst_per_addr) = (Some(50), 50);
        lobby.max_conns_per_addr = 64;
    });
    let stop = Arc::new(AtomicBool::new(false));
    let flood = {
        let (stop, addr) = (stop.clone(), server.addr());
        thread::spawn(move || flood(addr, &stop))
    };
    // As usual: a round trip each, and some patience with a machine that has other things to do.
    for round in 0..20 {
        let token = format!("/round{round}");
        let [mut accepter, mut dialer] = ["ACCEPT", "DIAL"].map(|method| {
            let client = RawConn::connect_from([127, 0, 0, 2], server.addr());
            client.send(request(method, &token, ""));
            client
        });
        expect_matched(&mut dialer, &mut accepter);
        dialer.send("CONTINUE\nhello");
        accepter.expect("CONTINUE\nhello");
    }
    stop.store(true, Ordering::Relaxed);
    assert!(flood.join().unwrap() > 0, "{}: nothing came", subject.name());
    let mut rude = RawConn::connect_from([127, 0, 0, 3], server.addr());
    rude.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(read_told(&mut rude).code, "not-an-upgrade");
}

/// How many connections it made.
fn flood(addr: SocketAddr, stop: &AtomicBool) -> usize {
    let mut held = Vec::new();
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        let Ok(mut stream) = std::net::TcpStream::connect(addr) else { continue };
        count += 1;
        // Whatever of this the server has closed its ears to already, it need not take.
        let _ = match count % 4 {
            0 => stream.write_all(&[0xff; 4096]),
            1 => stream.write_all(&[b"DIAL /x HTTP/1.1\r\nX: ".as_slice(), &[b'x'; 15_000]].concat()),
            2 => stream.write_all(b"GET / HTTP/1.1\r\n\r\n"),
            _ => stream
                .set_read_timeout(Some(Duration::from_millis(1)))
                .and_then(|()| stream.read(&mut [0]).map(drop)),
        };
        held.push(stream);
        if held.len() > 100 {
            held.remove(0);
        }
    }
    count
}

/// Whether two that come get their 101. If one is sent away they don't.
fn meet(server: &TestServer, target: &str) -> bool {
    let mut two = ["DIAL", "ACCEPT"].map(|method| (server.ask(method, target), Vec::new()));
    let deadline = Instant::now() + SOON;
    while Instant::now() < deadline {
        for (client, told) in &mut two {
            told.extend(client.read_now().0);
        }
        if two.iter().any(|(_, told)| told.starts_with(b"HTTP/1.1 503 ")) {
            return false;
        }
        if two.iter().all(|(_, told)| told.starts_with(b"HTTP/1.1 101 ")) {
            return true;
        }
        thread::sleep(Duration::from_millis(2));
    }
    panic!("no answer within {SOON:?}");
}

fn with(subject: &'static dyn Adapter, configure: impl FnOnce(&mut rdv_core::LobbyConfig)) -> TestServer {
    TestServer::of(subject, "127.0.0.1:0", None, configure)
}
