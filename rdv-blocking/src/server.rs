//! The server: the lobby on the thread that runs it, the relays on a few more.

mod copy;
mod front;
mod shift;
mod undecided;
mod worker;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use mio::{Poll, Waker};
use rdv_core::{LobbyConfig, RelayReport};
use rdv_socket::ListenAddr;

use self::front::Front;

/// What an operator decides.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ServerConfig {
    /// The protocol's limits and timeouts.
    pub lobby: LobbyConfig,
    /// Threads that relay; 0, the default, is one for each core.
    pub workers: usize,
    /// The certificate, for a server that speaks TLS: see [`tls::server_config`](crate::tls::server_config).
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// A server whose sockets listen, and that serves once it [runs](Self::run).
#[derive(Debug)]
pub struct Server {
    listeners: Vec<TcpListener>,
    config: ServerConfig,
    poll: Poll,
    handle: ServerHandle,
}

/// Ends a server from another thread.
#[derive(Clone, Debug)]
pub struct ServerHandle {
    stop: Arc<AtomicBool>,
    waker: Arc<Waker>,
    tls: Arc<Mutex<Option<Arc<rustls::ServerConfig>>>>,
}

impl Server {
    /// Listens on an address: `:8080` is port 8080 in both families, and port 0 a free one.
    ///
    /// # Errors
    /// The system's, such as [`AddrInUse`](io::ErrorKind::AddrInUse).
    pub fn bind(addr: &ListenAddr, config: ServerConfig) -> io::Result<Server> {
        let listeners = rdv_socket::listen(addr, BACKLOG)?;
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), front::WAKER)?);
        let tls = Arc::new(Mutex::new(config.tls.clone()));
        let handle = ServerHandle { stop: Arc::default(), waker, tls };
        Ok(Server { listeners, config, poll, handle })
    }

    /// Where it listens: one address for each family.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// What ends it.
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// Serves until it is [shut down](ServerHandle::shutdown).
    ///
    /// # Errors
    /// The system's, if it has no threads or pollers to give, or polling fails. No client's doing ends a server.
    pub fn run(self) -> io::Result<()> {
        let Server { listeners, config, poll, handle } = self;
        let workers = match config.workers {
            0 => thread::available_parallelism().map_or(1, usize::from),
            workers => workers,
        };
        Front::new(listeners, config.lobby, poll, workers, handle)?.run()
    }
}

impl ServerHandle {
    /// Shuts the server down: it listens no more, clients that wait are answered 503, and relays are cut off with
    /// an RST. [`Server::run`] returns soon after.
    pub fn shutdown(&self) {
        self.stop.store(true, Ordering::Release);
        if let Err(err) = self.waker.wake() {
            log::warn!("cannot wake the server to shut it down: {err}");
        }
    }

    /// Has the connections that come from now on use another certificate, a renewed one for instance. A server
    /// that was bound without TLS begins to speak it.
    pub fn set_tls(&self, tls: Arc<rustls::ServerConfig>) {
        *self.tls.lock().unwrap_or_else(PoisonError::into_inner) = Some(tls);
    }

    fn tls(&self) -> Option<Arc<rustls::ServerConfig>> {
        self.tls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_shut_down(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

/// What has become of a pair.
fn log_end(report: &RelayReport) {
    log::info!(target: "server", "{report}");
    let RelayReport { token, dialer, accepter, end, .. } = report;
    log::debug!("pair token={token} dialer={dialer} accepter={accepter} end={end:?}");
}

const BACKLOG: i32 = 1024;
