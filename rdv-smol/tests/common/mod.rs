//! What the tests share: a server on loopback, clients for it, and waits that end.
#![allow(dead_code, reason = "each test binary has its own copy, and uses a part of it")]

#[cfg(feature = "tls")]
pub(crate) mod tls;

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rdv_core::{ServerUrl, Token};
use rdv_smol::{Client, Conn, Server, ServerConfig};
use smol::future::{FutureExt, try_zip, zip};
use smol::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use smol::{Task, Timer, channel};

/// For everything that ought to happen: far longer than it takes, so that only a hang is a failure.
pub(crate) const SOON: Duration = Duration::from_secs(15);

/// The result of what must come soon. `what` names it in the failure.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let late = async {
        Timer::after(SOON).await;
        panic!("{what}: not within {SOON:?}")
    };
    future.or(late).await
}

/// A server on loopback, until [`stop`](Self::stop).
pub(crate) struct TestServer {
    pub(crate) addr: SocketAddr,
    stop: channel::Sender<()>,
    serving: Task<std::io::Result<()>>,
}

impl TestServer {
    pub(crate) async fn start(ip: &str) -> Self {
        Self::start_with(ip, ServerConfig::default()).await
    }

    pub(crate) async fn start_with(ip: &str, config: ServerConfig) -> Self {
        let addr = SocketAddr::new(ip.parse().unwrap(), 0);
        let listeners = Server::bind(&addr.into()).await.unwrap();
        let addr = listeners[0].get_ref().local_addr().unwrap();
        let (stop, stopped) = channel::bounded::<()>(1);
        let serving = Server::new(config).serve_all(listeners, async move { _ = stopped.recv().await });
        Self { addr, stop, serving: smol::spawn(serving) }
    }

    pub(crate) fn url(&self) -> ServerUrl {
        format!("http://{}", self.addr).parse().unwrap()
    }

    /// Shuts it down, and waits for its end.
    pub(crate) async fn stop(self) {
        drop(self.stop);
        soon("the server ends", self.serving).await.unwrap();
    }

    /// Both ends of a connection through this server: the accepter's, then the dialer's.
    pub(crate) async fn pair(&self, spaces: &str) -> (Conn, Conn) {
        pair(&client(spaces), &self.url()).await
    }
}

/// Both ends of a connection: the accepter's, then the dialer's.
pub(crate) async fn pair(client: &Client, url: &ServerUrl) -> (Conn, Conn) {
    let token = token();
    let both = try_zip(client.accept(url, &token), client.dial(url, &token));
    soon("a connection", both).await.unwrap()
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
    from.close().await.unwrap();
    assert_eq!(soon("the request", read_to_end(to)).await.unwrap(), request);
    to.write_all(answer).await.unwrap();
    to.close().await.unwrap();
    assert_eq!(soon("the answer", read_to_end(from)).await.unwrap(), answer);
}

/// Sends both ways at once, to the end.
pub(crate) async fn exchange_at_once(one: &mut Conn, two: &mut Conn, len: usize) {
    let (to_two, to_one) = (pattern(len, 1), pattern(len, 2));
    let ((mut read1, mut write1), (mut read2, mut write2)) = (smol::io::split(one), smol::io::split(two));
    let send1 = async {
        write1.write_all(&to_two).await.unwrap();
        write1.close().await.unwrap();
    };
    let send2 = async {
        write2.write_all(&to_one).await.unwrap();
        write2.close().await.unwrap();
    };
    let all = zip(zip(send1, send2), zip(read_to_end(&mut read1), read_to_end(&mut read2)));
    let (_, (at_one, at_two)) = soon("both streams", all).await;
    assert!(at_one.unwrap() == to_one, "what came to one differs");
    assert!(at_two.unwrap() == to_two, "what came to two differs");
}

pub(crate) async fn read_to_end(from: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).await?;
    Ok(bytes)
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
