//! Clients and a server on loopback: each way to connect, and each way to end.

mod common;

use std::time::Duration;

use rdv_core::{ConnectError, Phase};
use rdv_tokio::{Client, Error, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};

use common::{TestServer, client, exchange, exchange_at_once, has_ipv6, refusal, replaced, soon, token};

#[tokio::test]
async fn direct_ipv4() {
    direct("127.0.0.1", "loopback4").await;
}

#[tokio::test]
async fn direct_ipv6() {
    if has_ipv6() {
        direct("::1", "loopback6").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn direct_on_many_threads() {
    direct("127.0.0.1", "all").await;
}

async fn direct(ip: &str, spaces: &str) {
    let server = TestServer::start(ip).await;
    let (accepted, dialed) = server.pair(spaces).await;
    for conn in [&accepted, &dialed] {
        assert!(!conn.is_relay());
        assert!(conn.peer_addr().ip().is_loopback());
        assert_eq!(conn.meta().observed.map(|addr| addr.ip()), Some(ip.parse().unwrap()));
        assert_eq!(conn.report().chosen.map(|(addr, _)| addr), Some(conn.peer_addr()));
    }
    let (mut accepted, mut dialed) = (accepted.into_tcp().unwrap(), dialed.into_tcp().unwrap());
    assert_eq!(accepted.peer_addr().unwrap(), dialed.local_addr().unwrap());
    dialed.write_all(b"ping").await.unwrap();
    accepted.write_all(b"pong").await.unwrap();
    let mut heard = [0; 4];
    soon("pong", dialed.read_exact(&mut heard)).await.unwrap();
    assert_eq!(&heard, b"pong");
    soon("ping", accepted.read_exact(&mut heard)).await.unwrap();
    assert_eq!(&heard, b"ping");
    server.stop().await;
}

#[tokio::test]
async fn a_direct_connection_outlives_the_server() {
    let server = TestServer::start("127.0.0.1").await;
    let (mut accepted, mut dialed) = server.pair("loopback4").await;
    server.stop().await;
    exchange(&mut dialed, &mut accepted, b"request", b"answer").await;
}

#[tokio::test]
async fn relayed_half_close() {
    let server = TestServer::start("127.0.0.1").await;
    let (mut accepted, mut dialed) = server.pair("none").await;
    for conn in [&accepted, &dialed] {
        assert!(conn.is_relay());
        assert_eq!(conn.peer_addr(), server.addr);
    }
    exchange(&mut dialed, &mut accepted, b"request", b"answer").await;
    let (mut accepted, mut dialed) = server.pair("none").await;
    exchange(&mut accepted, &mut dialed, b"the other way", b"round").await;
    server.stop().await;
}

#[tokio::test]
async fn relayed_big_transfer_both_ways() {
    let server = TestServer::start("127.0.0.1").await;
    let (mut accepted, mut dialed) = server.pair("none").await;
    exchange_at_once(&mut accepted, &mut dialed, 8 << 20).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn direct_big_transfer_both_ways() {
    let server = TestServer::start("127.0.0.1").await;
    let (mut accepted, mut dialed) = server.pair("loopback4").await;
    exchange_at_once(&mut accepted, &mut dialed, 8 << 20).await;
    server.stop().await;
}

#[tokio::test]
async fn a_reset_is_passed_on() {
    let server = TestServer::start("127.0.0.1").await;
    for spaces in ["none", "loopback4"] {
        let (mut accepted, mut dialed) = server.pair(spaces).await;
        dialed.write_all(b"cut sho").await.unwrap();
        let mut heard = [0; 7];
        soon("the beginning", accepted.read_exact(&mut heard)).await.unwrap();
        dialed.reset().unwrap();
        drop(dialed);
        let err = soon("the end", accepted.read(&mut heard)).await.unwrap_err();
        assert_eq!(err.kind(), std::io::ErrorKind::ConnectionReset, "{spaces}");
    }
    server.stop().await;
}

#[tokio::test]
async fn shutdown_answers_those_who_wait_and_cuts_off_relays() {
    let server = TestServer::start("127.0.0.1").await;
    let (mut accepted, mut dialed) = server.pair("none").await;
    let (client, url, token) = (client("none"), server.url(), token());
    let (err, waiting) = replaced(&client, &url, &token).await;
    assert_eq!(refusal(&err), (409, "replaced by another conn".into()));
    let (waited, ()) = tokio::join!(soon("an answer", waiting), server.stop());
    assert_eq!(refusal(&waited.unwrap_err()), (503, "rdv server shutting down, try again".into()));
    for conn in [&mut accepted, &mut dialed] {
        let err = soon("a reset", conn.read(&mut [0; 8])).await.unwrap_err();
        assert_eq!(err.kind(), std::io::ErrorKind::ConnectionReset);
    }
}

#[tokio::test]
async fn a_refusal_comes_with_its_body() {
    let server = TestServer::start("127.0.0.1").await;
    let (client, url, token) = (client("none"), server.url(), token());
    let (err, waiting) = replaced(&client, &url, &token).await;
    assert_eq!(refusal(&err), (409, "replaced by another conn".into()));
    drop(waiting);
    server.stop().await;
}

#[tokio::test]
async fn a_refused_connection_names_the_address() {
    // Bound and not listening, the port refuses.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let closed = socket.local_addr().unwrap();
    let url = format!("http://{closed}").parse().unwrap();
    let err = soon("an error", Client::default().dial(&url, &token())).await.unwrap_err();
    match err.connect_error() {
        Some(ConnectError::Unreachable { tried }) => {
            assert_eq!(tried[..], [(closed, std::io::ErrorKind::ConnectionRefused)]);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_unknown_name_is_not_resolved() {
    let url = "http://no-such-host.invalid:1".parse().unwrap();
    match soon("an error", Client::default().dial(&url, &token())).await {
        Err(Error::Resolve { host, .. }) => assert_eq!(host, "no-such-host.invalid"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn overall_timeout() {
    let server = TestServer::start("127.0.0.1").await;
    let mut client = client("loopback4");
    client.config.timeout = Some(Duration::from_millis(200));
    let err = soon("a timeout", client.dial(&server.url(), &token())).await.unwrap_err();
    assert!(err.is_timeout());
    assert!(matches!(err.connect_error(), Some(ConnectError::TimedOut(Phase::Waiting))), "{err}");
    server.stop().await;
}

#[tokio::test]
async fn a_timeout_without_end() {
    let server = TestServer::start("127.0.0.1").await;
    for timeout in [Duration::MAX, Duration::from_secs(1 << 40)] {
        let mut client = client("loopback4");
        client.config.timeout = Some(timeout);
        common::pair(&client, &format!("http://localhost:{}", server.addr.port()).parse().unwrap()).await;
    }
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_paused_time_is_short() {
    let started = tokio::time::Instant::now();
    let mut config = ServerConfig::default();
    config.lobby.lobby_timeout = Some(Duration::from_secs(3600));
    let server = TestServer::start_with("127.0.0.1", config).await;
    let err = client("none").dial(&server.url(), &token()).await.unwrap_err();
    assert_eq!(refusal(&err), (408, "no matching peer found".into()));
    assert!(started.elapsed() >= Duration::from_secs(3600));
}

#[tokio::test(start_paused = true)]
async fn the_overall_timeout_is_in_paused_time() {
    let started = tokio::time::Instant::now();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap()).parse().unwrap();
    let mut client = client("none");
    client.config.timeout = Some(Duration::from_secs(1800));
    let err = client.dial(&url, &token()).await.unwrap_err();
    assert!(matches!(err.connect_error(), Some(ConnectError::TimedOut(Phase::Waiting))), "{err}");
    assert_eq!(started.elapsed().as_secs(), 1800);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_attempts_at_once() {
    let server = TestServer::start("127.0.0.1").await;
    let url = server.url();
    let pairs: Vec<_> = (0..50)
        .map(|i| {
            let url = url.clone();
            tokio::spawn(async move {
                let client = client(if i % 2 == 0 { "loopback4" } else { "none" });
                let (mut accepted, mut dialed) = common::pair(&client, &url).await;
                assert_eq!(dialed.is_relay(), i % 2 == 1);
                let (request, answer) = (format!("request {i}"), format!("answer {i}"));
                exchange(&mut dialed, &mut accepted, request.as_bytes(), answer.as_bytes()).await;
            })
        })
        .collect();
    for pair in pairs {
        pair.await.unwrap();
    }
    server.stop().await;
}

#[test]
fn futures_are_send_and_borrow_their_client() {
    fn is_send(future: impl Future + Send) -> impl Future {
        future
    }
    let client = Client::default();
    let (url, token) = ("http://127.0.0.1:1".parse().unwrap(), token());
    drop(is_send(client.dial(&url, &token)));
}
