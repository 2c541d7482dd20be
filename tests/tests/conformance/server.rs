//! Each adapter's server, with raw clients and those of rdv-blocking. Its relay is in [`streams`](super::streams).

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use rdv_core::{ConnectError, Role};
use rdv_tests::adapter::{Adapter, Blocking, Party};
use rdv_tests::answer::{NOT_IDLE, Told, expect_matched, expect_told, read_told, request};
use rdv_tests::ground::{Ground, Way, meet_by};
use rdv_tests::raw::{End, RawConn};
use rdv_tests::script::play;
use rdv_tests::server::{TestServer, settle};
use rdv_tests::{SOON, assert_same, for_each_adapter, has_ipv6, pattern};

for_each_adapter! {
    requests_of_the_reference
    more_requests
    lobby_of_the_reference
    relay_of_the_reference
    every_way
    both_families
    odd_tokens
    lobby_timeout
    head_timeout
    idle_timeout
    replaced
    full
    waiting_client_gone
    bytes_around_continue
    early_bytes_before_continue
    reset_both_ways
    slow_reader_of_a_closed_sender
    no_reset_overtakes_an_answer
    a_hundred_at_once
    shutdown_tells_everybody
    shutdown_over_tls
    shutdown_when_idle
    shutdown_with_clients_that_read_nothing
    the_port_is_free_again
}

fn requests_of_the_reference(subject: &'static dyn Adapter) {
    play_all(subject, Some(BRIEF), "requests.txt", include_str!("../../fixtures/requests.txt"));
}

fn more_requests(subject: &'static dyn Adapter) {
    play_all(subject, Some(BRIEF), "requests_more.txt", include_str!("../../fixtures/requests_more.txt"));
}

fn lobby_of_the_reference(subject: &'static dyn Adapter) {
    play_all(subject, None, "lobby.txt", include_str!("../../fixtures/lobby.txt"));
}

fn relay_of_the_reference(subject: &'static dyn Adapter) {
    play_all(subject, None, "relay.txt", include_str!("../../fixtures/relay.txt"));
}

fn play_all(subject: &'static dyn Adapter, timeout: Option<Duration>, file: &str, text: &str) {
    let server = with(subject, |lobby| lobby.lobby_timeout = timeout);
    play(&format!("{}: {file}", subject.name()), text, server.addr());
}

fn every_way(subject: &'static dyn Adapter) {
    for way in Way::EACH {
        let ground = Ground::new(way, subject, &Blocking, &Blocking);
        for role in ROLES {
            eprintln!("{way:?}, {role}");
            let (one, two) = ground.meet(role);
            one.send("hello");
            two.expect("hello");
            two.send("hello yourself");
            one.expect("hello yourself");
        }
    }
}

/// One server on both families. An IPv4 client is an IPv4 client to it.
fn both_families(subject: &'static dyn Adapter) {
    let server = TestServer::of(subject, "localhost:0", None, |_| {});
    let mut families = vec![("loopback4", "127.0.0.1")];
    if has_ipv6() && server.addrs().iter().any(SocketAddr::is_ipv6) {
        families.push(("loopback6", "[::1]"));
    }
    for (loopback, host) in families {
        let port = |addr: &&SocketAddr| addr.is_ipv6() == (loopback == "loopback6");
        let addr = server.addrs().iter().find(port).expect("an address of this family");
        let url = format!("http://{host}:{}", addr.port()).parse().unwrap();
        for (spaces, is_relayed) in [(loopback, false), ("none", true)] {
            eprintln!("{url}, {spaces}");
            let party = Party::new(&Blocking, spaces);
            let (one, two) = meet_by(is_relayed, (&party, Role::Dial), &party, &url);
            let observed = one.meta.observed.expect("an observed address");
            assert_eq!(observed.is_ipv4(), loopback == "loopback4", "{}: {observed}", subject.name());
            one.send("hello");
            two.expect("hello");
        }
    }
}

/// Written differently, and yet the same.
fn odd_tokens(subject: &'static dyn Adapter) {
    let server = plain(subject);
    for (one, two) in [
        ("/a%2Fb", "/a/b"),
        ("/%41", "/A"),
        ("//tok", "/%2Ftok"),
        ("/a+b", "/a%2Bb"),
        ("/gr%C3%BC%C3%9F", "/gr%c3%bc%c3%9f"),
        ("/%FF%00", "/%ff%00"),
        ("/q?x=1", "/q"),
    ] {
        eprintln!("{one} and {two}");
        let (mut dialer, mut accepter) = (server.ask("DIAL", one), server.ask("ACCEPT", two));
        expect_matched(&mut dialer, &mut accepter);
    }
}

fn lobby_timeout(subject: &'static dyn Adapter) {
    let server = with(subject, |lobby| lobby.lobby_timeout = Some(BRIEF));
    for method in ["DIAL", "ACCEPT"] {
        let start = Instant::now();
        let mut client = server.ask(method, "/alone");
        expect_told(&mut client, &Told::new(408, "no-peer", "no matching peer found"));
        let took = start.elapsed();
        assert!(took >= BRIEF, "{}: told after {took:?}", subject.name());
    }
}

fn head_timeout(subject: &'static dyn Adapter) {
    let server = with(subject, |lobby| lobby.head_timeout = BRIEF);
    let mut partial = server.connect();
    partial.send("DIAL /partial HTTP/1.1\r\n");
    assert_eq!(read_told(&mut partial).status, 408, "{}", subject.name());
    partial.expect_eof();
    server.connect().expect_closed();
}

/// What is cut off for idleness does not look complete.
fn idle_timeout(subject: &'static dyn Adapter) {
    let server = with(subject, |lobby| lobby.idle_timeout = Some(BRIEF * 3));
    let (mut dialer, mut accepter) = server.relayed("/idle");
    dialer.expect_reset();
    accepter.expect_reset();
}

fn replaced(subject: &'static dyn Adapter) {
    let server = plain(subject);
    for (method, other) in [("DIAL", "ACCEPT"), ("ACCEPT", "DIAL")] {
        let mut old = server.ask(method, "/tok");
        server.settle();
        let mut new = server.ask(method, "/tok");
        expect_told(&mut old, &Told::new(409, "replaced", "replaced by another conn"));
        expect_matched(&mut new, &mut server.ask(other, "/tok"));
    }
}

fn full(subject: &'static dyn Adapter) {
    let server = with(subject, |lobby| lobby.max_waiting = 3);
    let mut waiting: Vec<_> = (0..3).map(|i| server.ask("DIAL", &format!("/{i}"))).collect();
    server.settle();
    assert_eq!(read_told(&mut server.ask("DIAL", "/3")).status, 503, "{}", subject.name());
    for (i, dialer) in waiting.iter_mut().enumerate() {
        expect_matched(dialer, &mut server.ask("ACCEPT", &format!("/{i}")));
    }
}

/// The newcomer waits for a living one, however the other has gone, and whatever it said last.
fn waiting_client_gone(subject: &'static dyn Adapter) {
    let server = plain(subject);
    for round in 0..40 {
        let (gone, comes) = if round % 2 == 0 { ("DIAL", "ACCEPT") } else { ("ACCEPT", "DIAL") };
        let target = format!("/gone{round}");
        let dead = server.ask(gone, &target);
        server.settle();
        match round % 4 {
            0 | 1 => drop(dead),
            _ => dead.reset(),
        }
        let mut newcomer = server.ask(comes, &target);
        server.settle();
        expect_matched(&mut server.ask(gone, &target), &mut newcomer);
    }
    let mut noisy = server.ask("DIAL", "/noisy");
    server.settle();
    noisy.send("x");
    let told = read_told(&mut noisy);
    assert_eq!((told.status, told.body.as_str()), (400, NOT_IDLE), "{}", subject.name());
}

/// Pipelined behind the request, by whoever comes second.
fn bytes_around_continue(subject: &'static dyn Adapter) {
    let server = plain(subject);
    for round in 0..10 {
        let target = format!("/pipelined{round}");
        let mut accepter = server.ask("ACCEPT", &target);
        server.settle();
        let mut dialer = server.connect();
        let data = pattern(5000, round);
        dialer.send([request("DIAL", &target, "").as_bytes(), b"CONTINUE\n", &data].concat());
        expect_matched(&mut dialer, &mut accepter);
        accepter.expect("CONTINUE\n");
        accepter.expect(&data);
    }
}

/// What the accepter says before the dialer's CONTINUE is kept.
fn early_bytes_before_continue(subject: &'static dyn Adapter) {
    let server = plain(subject);
    for len in [1, 2, 5000, 60_000] {
        let (mut dialer, mut accepter) = server.pair(&format!("/early{len}"));
        let data = pattern(len, 1);
        accepter.send(&data);
        server.settle();
        dialer.send("CONTINUE\n");
        accepter.expect("CONTINUE\n");
        accepter.finish();
        let (got, _) = dialer.read_to_end();
        assert_same(&format!("{}: early bytes", subject.name()), &got, &data);
    }
}

/// An RST is an RST to the other one, and a FIN before it makes no difference.
fn reset_both_ways(subject: &'static dyn Adapter) {
    let server = plain(subject);
    for dialer_resets in [true, false] {
        for after_fin in [true, false] {
            eprintln!("dialer resets: {dialer_resets}, the other one's FIN first: {after_fin}");
            let (dialer, accepter) = server.relayed(&format!("/reset-{dialer_resets}-{after_fin}"));
            let (mut resets, mut sees) = if dialer_resets { (dialer, accepter) } else { (accepter, dialer) };
            if after_fin {
                sees.finish();
                resets.expect_eof();
            }
            resets.reset();
            sees.expect_reset();
        }
    }
}

fn slow_reader_of_a_closed_sender(subject: &'static dyn Adapter) {
    let server = plain(subject);
    for dialer_sends in [true, false] {
        let (dialer, accepter) = server.relayed(&format!("/slow-{dialer_sends}"));
        let (sends, mut reads) = if dialer_sends { (dialer, accepter) } else { (accepter, dialer) };
        let data = pattern(200_000, 1);
        sends.send(&data);
        drop(sends);
        server.settle();
        let (got, end) = reads.read_to_end();
        assert_same(&format!("{}: all of it", subject.name()), &got, &data);
        assert_eq!(end, End::Eof, "{}", subject.name());
    }
}

/// A refused client whose bytes nobody reads gets its answer all the same.
fn no_reset_overtakes_an_answer(subject: &'static dyn Adapter) {
    let server = plain(subject);
    for _ in 0..20 {
        let mut client = server.connect();
        client.send("GET /x HTTP/1.1\r\nHost: rdv.test\r\n\r\n".to_owned() + &"x".repeat(50_000));
        assert_eq!(read_told(&mut client).status, 426, "{}", subject.name());
        client.expect_closed();
    }
}

/// Fifty pairs, every other one relayed.
fn a_hundred_at_once(subject: &'static dyn Adapter) {
    let server = plain(subject);
    let pairs: Vec<_> = (0..50)
        .map(|i| {
            let party = Party::new(&Blocking, if i % 2 == 0 { "loopback4" } else { "none" });
            ROLES.map(|role| party.start(role, &server.url(), format!("pair {i}")))
        })
        .collect();
    let conns: Vec<_> = pairs.into_iter().map(|pair| pair.map(|trial| trial.conn())).collect();
    for (i, [dialer, accepter]) in conns.iter().enumerate() {
        assert_eq!([dialer.is_relay, accepter.is_relay], [i % 2 == 1; 2], "pair {i}");
        dialer.send(format!("to accepter {i}"));
        accepter.send(format!("to dialer {i}"));
    }
    for (i, [dialer, accepter]) in conns.iter().enumerate() {
        accepter.expect(format!("to accepter {i}"));
        dialer.expect(format!("to dialer {i}"));
    }
}

/// One client of each kind.
fn shutdown_tells_everybody(subject: &'static dyn Adapter) {
    let server = plain(subject);
    let mut waiting = [server.ask("DIAL", "/waits"), server.ask("ACCEPT", "/waits-too")];
    let (mut undecided, mut undecided_peer) = server.pair("/undecided");
    let (mut relayed, mut relayed_peer) = server.relayed("/relayed");
    let (mut silent, mut partial) = (server.connect(), server.connect());
    partial.send("DIAL /par");
    server.settle();

    server.handle().shutdown();
    for client in &mut waiting {
        expect_told(client, &Told::new(503, "shutting-down", "rdv server shutting down, try again"));
    }
    undecided.expect_eof();
    undecided_peer.expect_eof();
    // The streams have not come to their end.
    relayed.expect_reset();
    relayed_peer.expect_reset();
    silent.expect_closed();
    partial.expect_closed();

    let addr = server.addr();
    drop(waiting);
    server.stop().expect("no error");
    let err = TcpStream::connect(addr).expect_err("nobody listens any more");
    assert_eq!(err.kind(), ErrorKind::ConnectionRefused);
}

/// Through TLS it is heard as well.
fn shutdown_over_tls(subject: &'static dyn Adapter) {
    let ground = Ground::new(Way::RelayedTls, subject, &Blocking, &Blocking);
    let (one, two) = ground.meet(Role::Dial);
    one.send("hello");
    two.expect("hello");
    // Of two with the same role and token one replaces the other, which is how we know that it waits.
    let (sender, failures) = channel();
    for party in [&ground.one, &ground.two] {
        let (trial, sender) = (party.start(Role::Accept, &ground.server.url(), "same"), sender.clone());
        thread::spawn(move || sender.send(trial.failure()));
    }
    let replaced = failures.recv_timeout(SOON).expect("one that is replaced");
    expect_status(subject, replaced.connect.as_ref(), 409);
    ground.server.handle().shutdown();
    let waiting = failures.recv_timeout(SOON).expect("one that waited");
    expect_status(subject, waiting.connect.as_ref(), 503);
    one.expect_cut();
    two.expect_cut();
}

fn shutdown_when_idle(subject: &'static dyn Adapter) {
    let server = plain(subject);
    server.settle();
    let start = Instant::now();
    server.stop().expect("no error");
    assert!(start.elapsed() < Duration::from_secs(1), "{}: took {:?}", subject.name(), start.elapsed());
}

fn shutdown_with_clients_that_read_nothing(subject: &'static dyn Adapter) {
    let server = plain(subject);
    let stubborn: Vec<RawConn> = (0..20).map(|i| server.ask("DIAL", &format!("/stubborn{i}"))).collect();
    server.settle();
    let start = Instant::now();
    server.stop().expect("no error");
    assert!(start.elapsed() < Duration::from_secs(5), "{}: took {:?}", subject.name(), start.elapsed());
    for (i, mut client) in stubborn.into_iter().enumerate() {
        let told = read_told(&mut client);
        assert_eq!(told.code, "shutting-down", "{}: client {i}: {told:?}", subject.name());
        client.expect_closed();
    }
}

fn the_port_is_free_again(subject: &'static dyn Adapter) {
    let server = plain(subject);
    let (mut dialer, mut accepter) = server.relayed("/again");
    let addr = server.addr();
    server.stop().expect("no error");
    dialer.expect_closed();
    accepter.expect_closed();
    let again = TestServer::of(subject, &addr.to_string(), None, |_| {});
    settle(again.addr());
}

#[track_caller]
fn expect_status(subject: &dyn Adapter, error: Option<&ConnectError>, status: u16) {
    match error {
        Some(ConnectError::Refused(refusal)) if refusal.status == status => {}
        other => panic!("{}: expected to be refused with {status}, got {other:?}", subject.name()),
    }
}

fn plain(subject: &'static dyn Adapter) -> TestServer {
    with(subject, |_| {})
}

fn with(subject: &'static dyn Adapter, configure: impl FnOnce(&mut rdv_core::LobbyConfig)) -> TestServer {
    TestServer::of(subject, "127.0.0.1:0", None, configure)
}

const ROLES: [Role; 2] = [Role::Dial, Role::Accept];
const BRIEF: Duration = Duration::from_millis(150);
