//! What the tests share: a server on loopback, clients for it, and waits that end.
#![allow(dead_code, reason = "each test binary has its own copy, and uses a part of it")]

#[cfg(feature = "http")]
pub(crate) mod app;
#[cfg(feature = "tls")]
pub(crate) mod tls;

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rdv_core::{ConnectError, ServerUrl, Token};
use rdv_tokio::{Client, Conn, Error, Server, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// For everything that ought to happen: far longer than it takes, so that only a hang is a failure.
pub(crate) const SOON: Duration = Duration::from_secs(15);

/// The result of what must come soon. `what` names it in the failure.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(SOON, future).await {
        Ok(result) => result,
        Err(_) => panic!("{what}: not within {SOON:?}"),
    }
}

/// A server on loopback, until [`stop`](Self::stop).
pub(crate) struct TestServer {
    pub(crate) addr: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl TestServer {
    pub(crate) async fn start(ip: &str) -> Self {
        Self::start_with(ip, ServerConfig::default()).await
    }

    pub(crate) async fn start_with(ip: &str, config: ServerConfig) -> Self {
        Self::start_server(ip, Server::new(config)).await
    }

    pub(crate) async fn start_server(ip: &str, server: Server) -> Self {
        let addr = SocketAddr::new(ip.parse().unwrap(), 0);
        let listeners = Server::bind(&addr.into()).await.unwrap();
        let addr = listeners[0].local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving = server.serve_all(listeners, async { _ = stopped.await });
        Self { addr, stop, serving: tokio::spawn(serving) }
    }

    pub(crate) fn url(&self) -> ServerUrl {
        format!("http://{}", self.addr).parse().unwrap()
    }

    /// Shuts it down, and waits for its end.
    pub(crate) async fn stop(self) {
        _ = self.stop.send(());
        soon("the server ends", self.serving).await.unwrap().unwrap();
    }

    /// Drops its future.
    pub(crate) async fn drop(self) {
        self.serving.abort();
        assert!(self.serving.await.unwrap_err().is_cancelled());
    }

    /// Both ends of a connection through this server: the accepter's, then the dialer's.
    pub(crate) async fn pair(&self, spaces: &str) -> (Conn, Conn) {
        pair(&client(spaces), &self.url()).await
    }
}

/// Both ends of a connection: the accepter's, then the dialer's.
pub(crate) async fn pair(client: &Client, url: &ServerUrl) -> (Conn, Conn) {
    let token = token();
    let both = async { tokio::join!(client.accept(url, &token), client.dial(url, &token)) };
    let (accepted, dialed) = soon("a connection", both).await;
    (accepted.expect("accept"), dialed.expect("dial"))
}

pub(crate) fn client(spaces: &str) -> Client {
    let mut client = Client::default();
    client.config.spaces = spaces.parse().unwrap();
    client
}

/// Another one every time.
pub(crate) fn token() -> Token {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("token-{}", COUNT.fetch_add(1, Ordering::Relaxed)).parse().unwrap()
}

/// Sends `request` and its end one way, `answer` and its end back; both must arrive.
pub(crate) async fn exchange(from: &mut Conn, to: &mut Conn, request: &[u8], answer: &[u8]) {
    from.write_all(request).await.unwrap();
    from.shutdown().await.unwrap();
    assert_eq!(soon("the request", read_to_end(to)).await.unwrap(), request);
    to.write_all(answer).await.unwrap();
    to.shutdown().await.unwrap();
    assert_eq!(soon("the answer", read_to_end(from)).await.unwrap(), answer);
}

/// Sends both ways at once, to the end.
pub(crate) async fn exchange_at_once(one: &mut Conn, two: &mut Conn, len: usize) {
    let (to_two, to_one) = (pattern(len, 1), pattern(len, 2));
    let ((mut read1, mut write1), (mut read2, mut write2)) = (tokio::io::split(one), tokio::io::split(two));
    let send1 = async {
        write1.write_all(&to_two).await.unwrap();
        write1.shutdown().await.unwrap();
    };
    let send2 = async {
        write2.write_all(&to_one).await.unwrap();
        write2.shutdown().await.unwrap();
    };
    let all = async { tokio::join!(send1, send2, read_to_end(&mut read1), read_to_end(&mut read2)) };
    let ((), (), at_one, at_two) = soon("both streams", all).await;
    assert!(at_one.unwrap() == to_one, "what came to one differs");
    assert!(at_two.unwrap() == to_two, "what came to two differs");
}

pub(crate) async fn read_to_end(from: &mut (impl tokio::io::AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// The status and the body of a refusal.
pub(crate) fn refusal(err: &Error) -> (u16, String) {
    match err.connect_error() {
        Some(ConnectError::Refused(refusal)) => (refusal.status.as_u16(), refusal.text()),
        other => panic!("{other:?}"),
    }
}

/// Two with the same role and token: the answer to the one that came first, and the other's attempt.
pub(crate) async fn replaced<'a>(
    client: &'a Client,
    url: &'a ServerUrl,
    token: &'a Token,
) -> (Error, impl Future<Output = Result<Conn, Error>> + 'a) {
    let mut one = Box::pin(client.accept(url, token));
    let mut other = Box::pin(client.accept(url, token));
    tokio::select! {
        result = soon("an answer", &mut one) => (result.unwrap_err(), other),
        result = soon("an answer", &mut other) => (result.unwrap_err(), one),
    }
}

/// Whether this machine has IPv6 on loopback; says so if a test is skipped for want of it.
pub(crate) fn has_ipv6() -> bool {
    let bound = TcpListener::bind("[::1]:0");
    if let Err(err) = &bound {
        eprintln!("skipped: no IPv6 loopback on this machine ({err})");
    }
    bound.is_ok()
}

/// `len` bytes in which every stretch differs from every other, so that a gap or a swap shows.
fn pattern(len: usize, seed: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(|| random.u8(..)).take(len).collect()
}
