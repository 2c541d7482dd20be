//! A real server for the length of a test.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use rdv_core::{LobbyConfig, ServerUrl};

use crate::SOON;
use crate::adapter::{Adapter, Blocking, Serving, Stop};
use crate::answer::{expect_matched, read_told, request};
use crate::raw::RawConn;

/// A server on free loopback ports, shut down and waited for when dropped.
///
/// Declare it before the connections to it: what is declared last is dropped first, and a server that shuts down
/// waits a little for clients that have something to read.
#[derive(Debug)]
pub struct TestServer {
    serving: Serving,
    name: &'static str,
    scheme: &'static str,
    is_over: bool,
}

impl TestServer {
    /// rdv-blocking's with the default configuration.
    pub fn start() -> Self {
        Self::with(|_| {})
    }

    /// rdv-blocking's, configured.
    pub fn with(configure: impl FnOnce(&mut LobbyConfig)) -> Self {
        Self::on("127.0.0.1:0", configure)
    }

    /// rdv-blocking's, elsewhere.
    pub fn on(listen: &str, configure: impl FnOnce(&mut LobbyConfig)) -> Self {
        Self::of(&Blocking, listen, None, configure)
    }

    /// Any adapter's.
    ///
    /// # Panics
    /// If it can't be bound.
    pub fn of(
        adapter: &dyn Adapter,
        listen: &str,
        tls: Option<Arc<rustls::ServerConfig>>,
        configure: impl FnOnce(&mut LobbyConfig),
    ) -> Self {
        let mut lobby = LobbyConfig::default();
        // All tests come from one address.
        lobby.max_rate_per_addr = None;
        configure(&mut lobby);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let serving = adapter.serve(&listen.parse().unwrap(), lobby, tls);
        Self { serving, name: adapter.name(), scheme, is_over: false }
    }

    /// Its first address, IPv4 where it has both families.
    pub fn addr(&self) -> SocketAddr {
        self.serving.addrs[0]
    }

    /// All of its addresses.
    pub fn addrs(&self) -> &[SocketAddr] {
        &self.serving.addrs
    }

    /// Its URL, by its first address.
    ///
    /// # Panics
    /// Never, but for a fault in this file.
    pub fn url(&self) -> ServerUrl {
        format!("{}://{}", self.scheme, self.addr()).parse().unwrap()
    }

    /// What shuts it down.
    pub fn handle(&self) -> Stop {
        self.serving.stop.clone()
    }

    /// Connects to it.
    #[track_caller]
    pub fn connect(&self) -> RawConn {
        RawConn::connect(self.addr())
    }

    /// Connects, and asks for a peer.
    #[track_caller]
    pub fn ask(&self, method: &str, target: &str) -> RawConn {
        let client = self.connect();
        client.send(request(method, target, ""));
        client
    }

    /// A dialer and an accepter that have both got their 101. The accepter came first, as far as the server's
    /// order of reading them goes.
    #[track_caller]
    pub fn pair(&self, target: &str) -> (RawConn, RawConn) {
        let mut accepter = self.ask("ACCEPT", target);
        let mut dialer = self.ask("DIAL", target);
        expect_matched(&mut dialer, &mut accepter);
        (dialer, accepter)
    }

    /// A pair past CONTINUE.
    #[track_caller]
    pub fn relayed(&self, target: &str) -> (RawConn, RawConn) {
        let (dialer, mut accepter) = self.pair(target);
        dialer.send("CONTINUE\n");
        accepter.expect("CONTINUE\n");
        (dialer, accepter)
    }

    /// Returns once the server has taken note of all that was sent to it so far: two requests have been answered,
    /// one after the other, so its loop has come round.
    #[track_caller]
    pub fn settle(&self) {
        settle(self.addr());
    }

    /// Shuts it down, and returns what it does.
    #[track_caller]
    pub fn stop(mut self) -> io::Result<()> {
        self.end()
    }

    #[track_caller]
    fn end(&mut self) -> io::Result<()> {
        self.serving.stop.shutdown();
        if std::mem::replace(&mut self.is_over, true) {
            return Ok(());
        }
        match self.serving.ended.recv_timeout(SOON) {
            Ok(result) => result,
            Err(err) => {
                panic!("the {} server does not end within {SOON:?}, or has panicked ({err})", self.name)
            }
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        // A second panic would hide the first.
        if thread::panicking() {
            self.serving.stop.shutdown();
        } else if let Err(err) = self.end() {
            panic!("the {} server has ended with an error: {err}", self.name);
        }
    }
}

/// [`TestServer::settle`] for a server that is known by its address alone.
///
/// The first probe asks only after the second one has been answered, when the server has tried to read from it in vain:
/// its request takes the way through the poller, behind whatever the poller had to tell before. A request that is there
/// when its connection is accepted may be read at once, and so overtake others.
#[track_caller]
pub fn settle(server: SocketAddr) {
    let waits = RawConn::connect(server);
    let request = format!("SETTLE / HTTP/1.1\r\nHost: rdv.test\r\nPadding: {}\r\n\r\n", "x".repeat(2000));
    for mut probe in [RawConn::connect(server), waits] {
        probe.send(&request);
        assert_eq!(read_told(&mut probe).code, "not-an-upgrade");
        probe.expect_eof();
    }
}
