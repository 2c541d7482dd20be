//! Pairs that change their thread.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::*;
use crate::server::{Front, ServerConfig};

/// A server, its threads, and what ends it.
async fn serving(config: ServerConfig) -> (SocketAddr, Arc<Bulk>, impl AsyncFnOnce()) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let front = Front::new(vec![listener], config, Default::default(), Arc::default());
    let bulk = front.bulk().clone();
    let (end, ended) = oneshot::channel::<()>();
    let running = tokio::spawn(front.run(async { _ = ended.await }));
    let end = async || {
        drop(end);
        running.await.unwrap();
    };
    (addr, bulk, end)
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
    let (addr, bulk, end) = serving(ServerConfig::default()).await;
    let [mut dialer, mut accepter] = pair(addr).await;
    send(&mut dialer, &mut accepter, 64).await;
    assert_eq!(bulk.threads.lock().unwrap().len(), 0, "none are needed yet");
    for _ in 0..2 {
        exchange(&mut dialer, &mut accepter, 16 << 20, || bulk.pairs() == 1).await;
        exchange(&mut accepter, &mut dialer, 64, || bulk.pairs() == 0).await;
    }
    assert_eq!(bulk.threads.lock().unwrap().len(), 1, "one pair needs one");
    dialer.shutdown().await.unwrap();
    assert_eq!(accepter.read(&mut [0]).await.unwrap(), 0, "a FIN is passed on");
    end().await;
}

#[tokio::test]
async fn a_pair_that_is_elsewhere_is_cut_off_when_the_server_ends() {
    let (addr, bulk, end) = serving(ServerConfig::default()).await;
    let [mut dialer, mut accepter] = pair(addr).await;
    exchange(&mut dialer, &mut accepter, 16 << 20, || bulk.pairs() == 1).await;
    end().await;
    for mut conn in [dialer, accepter] {
        let err = conn.read(&mut [0]).await.unwrap_err();
        assert_eq!(err.kind(), io::ErrorKind::ConnectionReset);
    }
}

#[tokio::test]
async fn without_threads_all_is_the_runtimes() {
    let config = ServerConfig { bulk_threads: Some(0), ..ServerConfig::default() };
    let (addr, bulk, end) = serving(config).await;
    let [mut dialer, mut accepter] = pair(addr).await;
    send(&mut dialer, &mut accepter, 64 << 20).await;
    // Until it is in bulk no more.
    let began = std::time::Instant::now();
    exchange(&mut accepter, &mut dialer, 64, || began.elapsed() > Duration::from_millis(250)).await;
    assert_eq!(bulk.threads.lock().unwrap().len(), 0);
    end().await;
}

const PATIENCE: Duration = Duration::from_secs(30);
