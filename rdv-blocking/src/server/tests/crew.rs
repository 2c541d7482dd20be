//! Pairs that change their thread.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use rdv_relay::Crew;
use rdv_socket::relay::Kind;

use crate::driver::Socket;
use crate::server::front::Front;
use crate::server::handle::Bell;
use crate::server::{Server, ServerConfig, WhileDraining};

/// A server with so many threads, and twice as many for bulk; its crew, and what ends it.
fn serving(workers: usize) -> (SocketAddr, Arc<Crew<Socket, Bell>>, impl FnOnce()) {
    let server = Server::bind(&"127.0.0.1:0".parse().unwrap(), ServerConfig::default()).unwrap();
    let addr = server.local_addrs()[0];
    let Server { listeners, config, poll, handle } = server;
    let front = Front::new(listeners, config.lobby, poll, workers, handle.clone()).unwrap();
    let crew = front.crew().clone();
    let running = thread::spawn(move || front.run(WhileDraining::Refuse));
    let end = move || {
        handle.shutdown();
        running.join().unwrap().unwrap();
    };
    (addr, crew, end)
}

/// The dialer and the accepter, relayed.
fn pair(server: SocketAddr) -> [TcpStream; 2] {
    let mut conns = ["ACCEPT", "DIAL"].map(|method| {
        let mut conn = TcpStream::connect(server).unwrap();
        conn.set_read_timeout(Some(PATIENCE)).unwrap();
        let head =
            "HTTP/1.1\r\nHost: rdv\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\nRdv-Self-Addrs: \r\n\r\n";
        write!(conn, "{method} /token {head}").unwrap();
        conn
    });
    for conn in &mut conns {
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            conn.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
    }
    let [mut accepter, mut dialer] = conns;
    dialer.write_all(b"CONTINUE\n").unwrap();
    let mut line = [0; 9];
    accepter.read_exact(&mut line).unwrap();
    assert_eq!(&line, b"CONTINUE\n");
    [dialer, accepter]
}

/// Sends `0, 1, 2...` from one to the other, until `enough` after a piece of it.
fn exchange(from: &TcpStream, to: &TcpStream, piece: usize, mut enough: impl FnMut() -> bool) {
    let (mut from, mut to) = (from, to);
    let sent: Vec<u8> = (0..piece).map(|i| i as u8).collect();
    let began = Instant::now();
    while !enough() {
        assert!(began.elapsed() < PATIENCE, "it is still where it was");
        thread::scope(|scope| {
            scope.spawn(|| from.write_all(&sent).unwrap());
            let mut received = vec![0; piece];
            to.read_exact(&mut received).unwrap();
            assert!(received == sent, "other bytes than were sent");
        });
    }
}

#[test]
fn a_pair_in_bulk_has_another_thread_and_comes_back_when_it_talks() {
    let (addr, crew, end) = serving(1);
    let has = |kind| crew.pairs(kind);
    let [dialer, accepter] = pair(addr);
    exchange(&dialer, &accepter, 64, || has(Kind::Talk) == 1);
    for _ in 0..2 {
        exchange(&dialer, &accepter, 16 << 20, || has(Kind::Bulk) == 1);
        assert_eq!((has(Kind::Talk), has(Kind::Bulk)), (0, 1));
        exchange(&accepter, &dialer, 64, || has(Kind::Talk) == 1);
        assert_eq!((has(Kind::Talk), has(Kind::Bulk)), (1, 0));
    }
    dialer.shutdown(Shutdown::Write).unwrap();
    assert_eq!((&accepter).read(&mut [0]).unwrap(), 0, "a FIN is passed on");
    end();
    assert_eq!((has(Kind::Talk), has(Kind::Bulk)), (0, 0));
}

#[test]
fn a_thread_for_bulk_starts_only_for_a_pair_that_would_share_one() {
    let (addr, crew, end) = serving(1);
    let threads = || crew.threads(Kind::Bulk);
    assert_eq!(threads(), 0);
    // One that has ended leaves its thread to the next.
    let [dialer, accepter] = pair(addr);
    exchange(&dialer, &accepter, 16 << 20, || crew.pairs(Kind::Bulk) == 1);
    drop([dialer, accepter]);
    let began = Instant::now();
    while crew.pairs(Kind::Bulk) > 0 {
        assert!(began.elapsed() < PATIENCE, "it has ended, and still counts");
        thread::yield_now();
    }
    // Whoever is silent for long is in bulk no more.
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for count in 1..=3 {
            let [dialer, accepter] = pair(addr);
            let done = || done.load(Ordering::Relaxed);
            scope.spawn(move || exchange(&dialer, &accepter, 16 << 20, done));
            let began = Instant::now();
            while crew.pairs(Kind::Bulk) != count {
                assert!(began.elapsed() < PATIENCE, "it is still where it was");
                thread::yield_now();
            }
            assert_eq!(threads(), count.min(2));
        }
        done.store(true, Ordering::Relaxed);
    });
    end();
}

/// Nothing else would have the front look.
#[test]
fn a_server_that_drains_ends_when_the_last_pair_has() {
    let server = Server::bind(&"127.0.0.1:0".parse().unwrap(), ServerConfig::default()).unwrap();
    let (addr, handle) = (server.local_addrs()[0], server.handle());
    let (sender, ended) = channel();
    thread::spawn(move || sender.send(server.run()));
    let pairs = [pair(addr), pair(addr)];
    handle.drain(Duration::from_secs(3600));
    assert!(handle.is_alive(PATIENCE), "it has begun to drain, and goes on");
    for [dialer, accepter] in pairs {
        let mut said = false;
        exchange(&dialer, &accepter, 64, || std::mem::replace(&mut said, true));
        ended.try_recv().expect_err("it has pairs");
    }
    ended.recv_timeout(PATIENCE).expect("it goes on without them").unwrap();
}

const PATIENCE: Duration = Duration::from_secs(30);
