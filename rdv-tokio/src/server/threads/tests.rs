//! Pairs that change their thread.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use rdv_socket::relay::Kind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::*;
use crate::server::{Front, ServerConfig};

/// A server, its threads if it may have some, and what ends it.
async fn serving(config: ServerConfig) -> (SocketAddr, Option<Arc<Crew<Plain, Ended>>>, impl AsyncFnOnce()) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let front = Front::new(vec![listener], config, Default::default(), Arc::default());
    let crew = front.threads().crew().cloned();
    let (end, ended) = oneshot::channel::<()>();
    let running = tokio::spawn(front.run(async { _ = ended.await }));
    let end = async || {
        drop(end);
        running.await.unwrap();
    };
    (addr, crew, end)
}

/// The dialer and the accepter, relayed.
async fn pair(server: SocketAddr) -> [TcpStream; 2] {
    let mut conns = Vec::new();
    for method in ["ACCEPT", "DIAL"] {
        let mut conn = TcpStream::connect(server).await.unwrap();
        let head = format!(
            "{method} /token HTTP/1.1\r\nHost: rdv\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\nRdv-Self-Addrs: \r\n\r\n"
        );
        conn.write_all(head.as_bytes()).await.unwrap();
        conns.push(conn);
    }
    for conn in &mut conns {
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(conn.read_u8().await.unwrap());
        }
    }
    let [mut accepter, mut dialer] = <[TcpStream; 2]>::try_from(conns).unwrap();
    dialer.write_all(b"CONTINUE\n").await.unwrap();
    let mut line = [0; 9];
    accepter.read_exact(&mut line).await.unwrap();
    assert_eq!(&line, b"CONTINUE\n");
    [dialer, accepter]
}

/// Sends so many bytes from one to the other.
async fn send(from: &mut TcpStream, to: &mut TcpStream, piece: usize) {
    let sent: Vec<u8> = (0..piece).map(|i| i as u8).collect();
    let mut received = vec![0; piece];
    let (wrote, read) = tokio::join!(from.write_all(&sent), to.read_exact(&mut received));
    wrote.and(read).unwrap();
    assert!(received == sent, "other bytes than were sent");
}

/// The same again and again, until `enough`.
async fn exchange(from: &mut TcpStream, to: &mut TcpStream, piece: usize, mut enough: impl FnMut() -> bool) {
    let exchanged = timeout(PATIENCE, async {
        while !enough() {
            send(from, to, piece).await;
        }
    });
    exchanged.await.expect("it is still where it was");
}

#[tokio::test]
async fn a_pair_in_bulk_has_another_thread_and_comes_back_when_it_talks() {
    let (addr, crew, end) = serving(ServerConfig::default()).await;
    let crew = crew.unwrap();
    let [mut dialer, mut accepter] = pair(addr).await;
    exchange(&mut dialer, &mut accepter, 64, || crew.pairs(Kind::Talk) == 1).await;
    assert_eq!(crew.threads(Kind::Bulk), 0, "none are needed yet");
    for _ in 0..2 {
        exchange(&mut dialer, &mut accepter, 16 << 20, || crew.pairs(Kind::Bulk) == 1).await;
        exchange(&mut accepter, &mut dialer, 64, || crew.pairs(Kind::Talk) == 1).await;
    }
    assert_eq!([Kind::Talk, Kind::Bulk].map(|kind| crew.threads(kind)), [1, 1], "one pair needs one of each");
    dialer.shutdown().await.unwrap();
    assert_eq!(accepter.read(&mut [0]).await.unwrap(), 0, "a FIN is passed on");
    end().await;
}

async fn expect_resets(conns: [TcpStream; 2]) {
    for mut conn in conns {
        let read = timeout(PATIENCE, conn.read(&mut [0])).await.expect("it is still served");
        assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}

#[tokio::test]
async fn pairs_are_cut_off_when_the_server_ends() {
    let (addr, crew, end) = serving(ServerConfig::default()).await;
    let crew = crew.unwrap();
    let (mut talk, mut bulk) = (pair(addr).await, pair(addr).await);
    let [dialer, accepter] = &mut bulk;
    exchange(dialer, accepter, 16 << 20, || crew.pairs(Kind::Bulk) == 1).await;
    let [dialer, accepter] = &mut talk;
    exchange(dialer, accepter, 64, || crew.pairs(Kind::Talk) == 1).await;
    end().await;
    assert_eq!([Kind::Talk, Kind::Bulk].map(|kind| crew.pairs(kind)), [0, 0]);
    expect_resets(talk).await;
    expect_resets(bulk).await;
}

/// Nobody waits for the threads then.
#[tokio::test]
async fn pairs_are_cut_off_when_the_server_is_dropped() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let front = Front::new(vec![listener], ServerConfig::default(), Default::default(), Arc::default());
    let running = tokio::spawn(front.run(std::future::pending()));
    let mut conns = pair(addr).await;
    let [dialer, accepter] = &mut conns;
    send(dialer, accepter, 64).await;
    running.abort();
    expect_resets(conns).await;
}

/// A server may end when a pair's task has, and before the threads have the pair.
#[tokio::test]
async fn a_pair_that_never_arrives_is_told_of_once() {
    let mut threads = Threads::new(None, Pool::default(), Hook::default());
    let ended = Ended::new(threads.office().unwrap(), None);
    assert_eq!(threads.pairs(), 1);
    drop(ended);
    threads.settle().await;
    assert_eq!(threads.pairs(), 0);
    threads.settle().await;
    assert_eq!(threads.pairs(), 0);
}

#[tokio::test]
async fn without_threads_all_is_the_runtimes() {
    let config = ServerConfig { relay_threads: Some(0), ..ServerConfig::default() };
    let (addr, crew, end) = serving(config).await;
    assert!(crew.is_none());
    let [mut dialer, mut accepter] = pair(addr).await;
    send(&mut dialer, &mut accepter, 64 << 20).await;
    send(&mut accepter, &mut dialer, 64).await;
    end().await;
    expect_resets([dialer, accepter]).await;
}

const PATIENCE: Duration = Duration::from_secs(30);
