//! A real server for the length of a test.

use std::io;
use std::net::SocketAddr;
use std::thread::{self, JoinHandle};

use rdv_blocking::{Server, ServerConfig, ServerHandle};
use rdv_core::{LobbyConfig, ServerUrl};

use crate::answer::{expect_matched, read_told, request};
use crate::raw::RawConn;
use crate::soon;

/// A server on free loopback ports, shut down and waited for when dropped.
///
/// Declare it before the connections to it: what is declared last is dropped first, and a server that shuts down
/// waits a little for clients that have something to read.
#[derive(Debug)]
pub struct TestServer {
    addrs: Vec<SocketAddr>,
    handle: ServerHandle,
    running: Option<JoinHandle<io::Result<()>>>,
}

impl TestServer {
    /// One with the default configuration.
    pub fn start() -> Self {
        Self::with(|_| {})
    }

    /// One that is configured.
    pub fn with(configure: impl FnOnce(&mut LobbyConfig)) -> Self {
        Self::on("127.0.0.1:0", configure)
    }

    /// One that listens elsewhere.
    ///
    /// # Panics
    /// If it can't be bound.
    pub fn on(listen: &str, configure: impl FnOnce(&mut LobbyConfig)) -> Self {
        let mut config = ServerConfig::default();
        config.workers = 2;
        configure(&mut config.lobby);
        let server = Server::bind(&listen.parse().unwrap(), config).unwrap();
        let (addrs, handle) = (server.local_addrs(), server.handle());
        let running = thread::Builder::new().name("server".into()).spawn(move || server.run()).unwrap();
        Self { addrs, handle, running: Some(running) }
    }

    /// Its first address, IPv4 where it has both families.
    pub fn addr(&self) -> SocketAddr {
        self.addrs[0]
    }

    /// All of its addresses.
    pub fn addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// Its URL, by its first address.
    ///
    /// # Panics
    /// Never, but for a fault in this file.
    pub fn url(&self) -> ServerUrl {
        format!("http://{}", self.addr()).parse().unwrap()
    }

    /// What shuts it down.
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
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

    /// Shuts it down, and returns what its `run` does.
    #[track_caller]
    pub fn stop(mut self) -> io::Result<()> {
        self.end()
    }

    #[track_caller]
    fn end(&mut self) -> io::Result<()> {
        self.handle.shutdown();
        match self.running.take() {
            Some(running) => {
                soon("a server that shuts down", move || running.join()).expect("run has panicked")
            }
            None => Ok(()),
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        // A second panic would hide the first.
        if thread::panicking() {
            self.handle.shutdown();
        } else if let Err(err) = self.end() {
            panic!("the server has ended with an error: {err}");
        }
    }
}

/// [`TestServer::settle`] for a server that is known by its address alone.
#[track_caller]
pub fn settle(server: SocketAddr) {
    for _ in 0..2 {
        let mut probe = RawConn::connect(server);
        probe.send("SETTLE / HTTP/1.1\r\nHost: rdv.test\r\n\r\n");
        assert_eq!(read_told(&mut probe).code, "not-an-upgrade");
        probe.expect_eof();
    }
}
