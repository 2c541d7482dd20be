//! https: through a front that ends TLS, as a proxy before a server does.
#![cfg(feature = "tls")]

mod common;

use std::io::ErrorKind;

use rdv_core::ConnectError;
use rdv_smol::{Client, Error};
use smol::Async;
use smol::future::zip;
use smol::io::{AsyncReadExt, AsyncWriteExt};

use common::tls::{Authority, Front};
use common::{TestServer, client, exchange, exchange_at_once, pair, soon, token};

/// A client that trusts the front, which stands before the server.
async fn fronted(spaces: &str) -> (Client, Front, TestServer) {
    let authority = Authority::new();
    let server = TestServer::start("127.0.0.1").await;
    let front = Front::start(authority.certify("localhost"), server.addr).await;
    let mut client = client(spaces);
    client.tls = Some(authority.trusted());
    (client, front, server)
}

#[test]
fn direct_connections_are_plain() {
    smol::block_on(async {
        let (client, front, server) = fronted("loopback4").await;
        let (mut accepted, mut dialed) = pair(&client, &front.url("localhost")).await;
        assert!(!accepted.is_relay() && !dialed.is_relay());
        exchange(&mut dialed, &mut accepted, b"request", b"answer").await;
        assert!(accepted.into_tcp().is_ok() && dialed.into_tcp().is_ok());
        server.stop().await;
    });
}

#[test]
fn relayed_half_close() {
    smol::block_on(async {
        let (client, front, server) = fronted("none").await;
        let (accepted, dialed) = pair(&client, &front.url("localhost")).await;
        assert!(accepted.is_relay() && dialed.is_relay());
        let mut dialed = dialed.into_tcp().map(|_| ()).expect_err("there is no plain stream");
        let mut accepted = accepted;
        exchange(&mut dialed, &mut accepted, b"request", b"answer").await;
        server.stop().await;
    });
}

#[test]
fn relayed_big_transfer_both_ways() {
    smol::block_on(async {
        let (client, front, server) = fronted("none").await;
        let (mut accepted, mut dialed) = pair(&client, &front.url("localhost")).await;
        exchange_at_once(&mut accepted, &mut dialed, 2 << 20).await;
        server.stop().await;
    });
}

#[test]
fn a_truncated_stream_is_an_error() {
    smol::block_on(async {
        let (client, front, server) = fronted("none").await;
        let (mut accepted, mut dialed) = pair(&client, &front.url("localhost")).await;
        dialed.write_all(b"cut sho").await.unwrap();
        dialed.flush().await.unwrap();
        let mut heard = [0; 7];
        soon("the beginning", accepted.read_exact(&mut heard)).await.unwrap();
        front.cut();
        for _ in 0..2 {
            let err = soon("the end", accepted.read(&mut heard)).await.unwrap_err();
            assert_eq!(err.kind(), ErrorKind::UnexpectedEof);
        }
        server.stop().await;
    });
}

#[test]
fn a_stranger_is_not_trusted() {
    smol::block_on(async {
        let (mut client, front, server) = fronted("none").await;
        client.tls = Some(Authority::new().trusted());
        let err = soon("an error", client.dial(&front.url("localhost"), &token())).await.unwrap_err();
        assert!(matches!(err.connect_error(), Some(ConnectError::Unreachable { .. })), "{err}");
        assert!(err.to_string().contains("certificate"), "{err}");
        server.stop().await;
    });
}

#[test]
fn a_certificate_is_for_its_name() {
    smol::block_on(async {
        let (client, front, server) = fronted("none").await;
        let err = soon("an error", client.dial(&front.url("127.0.0.1"), &token())).await.unwrap_err();
        assert!(err.to_string().contains("certificate"), "{err}");
        server.stop().await;
    });
}

#[test]
fn a_server_without_tls_is_an_error() {
    smol::block_on(async {
        let listener = Async::<std::net::TcpListener>::bind(([127, 0, 0, 1], 0)).unwrap();
        let url = format!("https://{}", listener.get_ref().local_addr().unwrap()).parse().unwrap();
        let mut client = client("none");
        client.tls = Some(Authority::new().trusted());
        let clear = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
            stream
        };
        let token = token();
        let both = zip(client.dial(&url, &token), clear);
        let (result, _stream) = soon("an error", both).await;
        assert!(matches!(result, Err(Error::Connect { cause: Some(_), .. })), "{result:?}");
    });
}
