//! Clients and a server on loopback: each way to connect, and each way to end.

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use rdv_core::{ConnectError, Phase, ServerUrl, Token};
use rdv_smol::{Client, Conn, Error};
use smol::future::{FutureExt, zip};
use smol::io::{AsyncReadExt, AsyncWriteExt};
use socket2::{Domain, Socket, Type};

use common::{TestServer, client, exchange, exchange_at_once, has_ipv6, soon, token};

#[test]
fn direct_ipv4() {
    smol::block_on(async {
        direct("127.0.0.1", "loopback4").await;
    });
}

#[test]
fn direct_ipv6() {
    smol::block_on(async {
        if has_ipv6() {
            direct("::1", "loopback6").await;
        }
    });
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
    assert_eq!(accepted.get_ref().peer_addr().unwrap(), dialed.get_ref().local_addr().unwrap());
    dialed.write_all(b"ping").await.unwrap();
    accepted.write_all(b"pong").await.unwrap();
    let mut heard = [0; 4];
    soon("pong", dialed.read_exact(&mut heard)).await.unwrap();
    assert_eq!(&heard, b"pong");
    soon("ping", accepted.read_exact(&mut heard)).await.unwrap();
    assert_eq!(&heard, b"ping");
    server.stop().await;
}

#[test]
fn a_direct_connection_outlives_the_server() {
    smol::block_on(async {
        let server = TestServer::start("127.0.0.1").await;
        let (mut accepted, mut dialed) = server.pair("loopback4").await;
        server.stop().await;
        exchange(&mut dialed, &mut accepted, b"request", b"answer").await;
    });
}

#[test]
fn relayed_half_close() {
    smol::block_on(async {
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
    });
}

#[test]
fn relayed_big_transfer_both_ways() {
    smol::block_on(async {
        let server = TestServer::start("127.0.0.1").await;
        let (mut accepted, mut dialed) = server.pair("none").await;
        exchange_at_once(&mut accepted, &mut dialed, 8 << 20).await;
        server.stop().await;
    });
}

#[test]
fn direct_big_transfer_both_ways() {
    smol::block_on(async {
        let server = TestServer::start("127.0.0.1").await;
        let (mut accepted, mut dialed) = server.pair("loopback4").await;
        exchange_at_once(&mut accepted, &mut dialed, 8 << 20).await;
        server.stop().await;
    });
}

#[test]
fn a_reset_is_passed_on() {
    smol::block_on(async {
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
    });
}

#[test]
fn shutdown_answers_those_who_wait_and_cuts_off_relays() {
    smol::block_on(async {
        let server = TestServer::start("127.0.0.1").await;
        let (mut accepted, mut dialed) = server.pair("none").await;
        let (client, url, token) = (client("none"), server.url(), token());
        let (err, waiting) = replaced(&client, &url, &token).await;
        assert_eq!(refusal(&err), (409, "replaced by another conn".into()));
        let (waited, ()) = zip(soon("an answer", waiting), server.stop()).await;
        assert_eq!(refusal(&waited.unwrap_err()), (503, "rdv server shutting down, try again".into()));
        for conn in [&mut accepted, &mut dialed] {
            let err = soon("a reset", conn.read(&mut [0; 8])).await.unwrap_err();
            assert_eq!(err.kind(), std::io::ErrorKind::ConnectionReset);
        }
    });
}

#[test]
fn a_refusal_comes_with_its_body() {
    smol::block_on(async {
        let server = TestServer::start("127.0.0.1").await;
        let (client, url, token) = (client("none"), server.url(), token());
        let (err, waiting) = replaced(&client, &url, &token).await;
        assert_eq!(refusal(&err), (409, "replaced by another conn".into()));
        drop(waiting);
        server.stop().await;
    });
}

#[test]
fn a_refused_connection_names_the_address() {
    smol::block_on(async {
        // Bound and not listening, the port refuses.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        let closed = socket.local_addr().unwrap().as_socket().unwrap();
        let url = format!("http://{closed}").parse().unwrap();
        let err = soon("an error", Client::default().dial(&url, &token())).await.unwrap_err();
        match err.connect_error() {
            Some(ConnectError::Unreachable { tried }) => {
                assert_eq!(tried[..], [(closed, std::io::ErrorKind::ConnectionRefused)]);
            }
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn an_unknown_name_is_not_resolved() {
    smol::block_on(async {
        let url = "http://no-such-host.invalid:1".parse().unwrap();
        match soon("an error", Client::default().dial(&url, &token())).await {
            Err(Error::Resolve { host, .. }) => assert_eq!(host, "no-such-host.invalid"),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn overall_timeout() {
    smol::block_on(async {
        let server = TestServer::start("127.0.0.1").await;
        let mut client = client("loopback4");
        client.config.timeout = Some(Duration::from_millis(200));
        let err = soon("a timeout", client.dial(&server.url(), &token())).await.unwrap_err();
        assert!(err.is_timeout());
        assert!(matches!(err.connect_error(), Some(ConnectError::TimedOut(Phase::Waiting))), "{err}");
        server.stop().await;
    });
}

#[test]
fn a_timeout_without_end() {
    smol::block_on(async {
        let server = TestServer::start("127.0.0.1").await;
        for timeout in [Duration::MAX, Duration::from_secs(1 << 40)] {
            let mut client = client("loopback4");
            client.config.timeout = Some(timeout);
            common::pair(&client, &format!("http://localhost:{}", server.addr.port()).parse().unwrap()).await;
        }
        server.stop().await;
    });
}

#[test]
fn a_hundred_attempts_at_once() {
    smol::block_on(async {
        let server = TestServer::start("127.0.0.1").await;
        let url = server.url();
        let pairs: Vec<_> = (0..50)
            .map(|i| {
                let url = url.clone();
                smol::spawn(async move {
                    let client = client(if i % 2 == 0 { "loopback4" } else { "none" });
                    let (mut accepted, mut dialed) = common::pair(&client, &url).await;
                    assert_eq!(dialed.is_relay(), i % 2 == 1);
                    let (request, answer) = (format!("request {i}"), format!("answer {i}"));
                    exchange(&mut dialed, &mut accepted, request.as_bytes(), answer.as_bytes()).await;
                })
            })
            .collect();
        for pair in pairs {
            pair.await;
        }
        server.stop().await;
    });
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

/// Two accept with one token: what the one is told whom the other replaces, and the other, which waits in the
/// lobby by then.
async fn replaced<'a>(
    client: &'a Client,
    url: &'a ServerUrl,
    token: &'a Token,
) -> (Error, impl Future<Output = Result<Conn, Error>> + 'a) {
    let mut one = Box::pin(client.accept(url, token));
    let mut other = Box::pin(client.accept(url, token));
    let first = async { ((&mut one).await.unwrap_err(), true) };
    let second = async { ((&mut other).await.unwrap_err(), false) };
    let (err, is_one) = soon("an answer", first.or(second)).await;
    (err, if is_one { other } else { one })
}

fn refusal(err: &Error) -> (u16, String) {
    match err.connect_error() {
        Some(ConnectError::Refused(refusal)) => (refusal.status.as_u16(), refusal.text()),
        other => panic!("{other:?}"),
    }
}
