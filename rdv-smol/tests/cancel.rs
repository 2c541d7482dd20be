//! What is dropped closes its sockets: at once for an attempt, soon for a server. Counts the file descriptors of
//! the whole process, so it is one test in a binary of its own.
#![cfg(target_os = "linux")]

mod common;

use std::io::ErrorKind;
use std::time::Duration;

use rdv_core::Role;
use rdv_smol::{Server, ServerConfig};
use smol::Async;
use smol::future::FutureExt;
use smol::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use smol::net::{TcpListener, TcpStream};

use common::{TestServer, client, soon, token};

#[test]
fn nothing_stays_open() {
    smol::block_on(async {
        // What the runtime opens once, it has open from here on.
        let server = TestServer::start("127.0.0.1").await;
        drop(server.pair("loopback4").await);
        server.stop().await;

        for role in [Role::Dial, Role::Accept] {
            for moment in Moment::EACH {
                an_attempt_dropped(role, moment).await;
            }
        }
        a_failed_attempt().await;
        #[cfg(feature = "tls")]
        a_tls_handshake_dropped().await;
        a_server_dropped().await;
        a_server_stopped().await;
    });
}

/// How far the attempt is when it is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    NeverPolled,
    Connected,
    Requested,
    /// The peer's address was told, and has been dialled.
    Dialing,
    /// The line has come on the direct connection.
    Greeted,
    /// And another connection was accepted.
    Accepted,
}

impl Moment {
    const EACH: [Moment; 6] = [
        Moment::NeverPolled,
        Moment::Connected,
        Moment::Requested,
        Moment::Dialing,
        Moment::Greeted,
        Moment::Accepted,
    ];
}

async fn an_attempt_dropped(role: Role, moment: Moment) {
    let before = open_fds();
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", server.local_addr().unwrap()).parse().unwrap();
    let (client, token) = (client("loopback4"), token());
    let mut attempt = Box::pin(client.connect(role, &url, &token));
    let ended = async { panic!("{role} {moment:?}: {:?}", (&mut attempt).await) };
    let ours = soon("the moment", play(moment, &server, &peer)).or(ended).await;
    drop(attempt);
    assert_eq!(open_fds(), before + 2 + ours.len(), "{role} {moment:?}");
    for mut stream in ours {
        // It hears the end of it, too.
        let mut rest = Vec::new();
        let heard = soon("the end", stream.read_to_end(&mut rest)).await;
        assert!(heard.is_ok() || heard.unwrap_err().kind() == ErrorKind::ConnectionReset);
    }
    drop((server, peer));
    assert_eq!(open_fds(), before, "{role} {moment:?}");
}

/// The other end of an attempt, up to a certain moment; what connections it has then.
async fn play(moment: Moment, server: &TcpListener, peer: &TcpListener) -> Vec<TcpStream> {
    if moment == Moment::NeverPolled {
        return Vec::new();
    }
    let (relay, from) = server.accept().await.unwrap();
    if moment == Moment::Connected {
        return vec![relay];
    }
    let mut relay = BufReader::new(relay);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        relay.read_line(&mut line).await.unwrap();
    }
    let mut relay = relay.into_inner();
    if moment == Moment::Requested {
        return vec![relay];
    }
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n\
         Rdv-Observed-Addr: {from}\r\nRdv-Peer-Addrs: {}\r\n\r\n",
        peer.local_addr().unwrap()
    );
    relay.write_all(answer.as_bytes()).await.unwrap();
    let (direct, _) = peer.accept().await.unwrap();
    if moment == Moment::Dialing {
        return vec![relay, direct];
    }
    let mut direct = BufReader::new(direct);
    direct.read_line(&mut String::new()).await.unwrap();
    let direct = direct.into_inner();
    if moment == Moment::Greeted {
        return vec![relay, direct];
    }
    let mut inbound = BufReader::new(TcpStream::connect(from).await.unwrap());
    inbound.read_line(&mut String::new()).await.unwrap();
    vec![relay, direct, inbound.into_inner()]
}

async fn a_failed_attempt() {
    let before = open_fds();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap()).parse().unwrap();
    let mut client = client("loopback4");
    client.config.timeout = Some(Duration::from_millis(20));
    let err = client.dial(&url, &token()).await.unwrap_err();
    assert!(err.is_timeout(), "{err}");
    drop(silent);
    assert_eq!(open_fds(), before);
}

#[cfg(feature = "tls")]
async fn a_tls_handshake_dropped() {
    let before = open_fds();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", silent.local_addr().unwrap()).parse().unwrap();
    let (mut client, token) = (client("loopback4"), token());
    client.tls = Some(common::tls::Authority::new().trusted());
    let mut attempt = Box::pin(client.dial(&url, &token));
    let begun = async {
        let (mut stream, _) = silent.accept().await.unwrap();
        stream.read_exact(&mut [0]).await.unwrap();
        stream
    };
    let ended = async { panic!("{:?}", (&mut attempt).await) };
    let stream = soon("a handshake", begun).or(ended).await;
    drop(attempt);
    assert_eq!(open_fds(), before + 2);
    drop((silent, stream));
    assert_eq!(open_fds(), before);
}

async fn a_server_dropped() {
    let before = open_fds();
    let listener = Async::<std::net::TcpListener>::bind(([127, 0, 0, 1], 0)).unwrap();
    let url = format!("http://{}", listener.get_ref().local_addr().unwrap()).parse().unwrap();
    let mut serving =
        Box::pin(Server::new(ServerConfig::default()).serve(listener, std::future::pending::<()>()));
    let client = client("none");
    let ended = async { panic!("{:?}", (&mut serving).await) };
    let (mut accepted, mut dialed) = common::pair(&client, &url).or(ended).await;
    // Relayed for sure, and by then somebody is in the lobby.
    let token = token();
    let mut waiting = Box::pin(client.accept(&url, &token));
    let relayed = async {
        dialed.write_all(b"x").await.unwrap();
        accepted.read_exact(&mut [0]).await.unwrap();
    };
    let waits = async { panic!("{:?}", (&mut waiting).await) };
    let ended = async { panic!("{:?}", (&mut serving).await) };
    relayed.or(waits).or(ended).await;
    drop(serving);
    for conn in [&mut accepted, &mut dialed] {
        let err = soon("a reset", conn.read(&mut [0])).await.unwrap_err();
        assert_eq!(err.kind(), ErrorKind::ConnectionReset, "a relay that is cut off does not look complete");
    }
    soon("an end", waiting).await.unwrap_err();
    drop((accepted, dialed));
    assert_eq!(open_fds(), before);
}

async fn a_server_stopped() {
    let before = open_fds();
    let server = TestServer::start("127.0.0.1").await;
    let (accepted, dialed) = server.pair("none").await;
    let idle = TcpStream::connect(server.addr).await.unwrap();
    server.stop().await;
    // Those of the clients, for all of the server's are closed.
    assert_eq!(open_fds(), before + 3);
    drop((accepted, dialed, idle));
    assert_eq!(open_fds(), before);
}

fn open_fds() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}
