//! The server: the lobby on the thread that runs it, the relays on some more.

mod front;
mod handle;
mod undecided;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

use mio::{Poll, Waker};
use rdv_core::LobbyConfig;
use rdv_socket::ListenAddr;

use self::front::Front;
pub use self::handle::ServerHandle;

/// What an operator decides.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ServerConfig {
    /// The protocol's limits and timeouts.
    pub lobby: LobbyConfig,
    /// Threads that relay those who exchange a little at a time; 0, the default, is one for each core. Twice as many, at most,
    /// begin for those who send in bulk, so that the first need not wait for them.
    pub workers: usize,
    /// What becomes of the listeners while the server [drains](ServerHandle::drain).
    pub while_draining: WhileDraining,
    /// The certificate, for a server that speaks TLS: see [`tls::server_config`](crate::tls::server_config).
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// What a server that [drains](ServerHandle::drain) does with its listeners.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhileDraining {
    /// It goes on listening, and answers those that come with 503 and `Retry-After`: nobody else can.
    #[default]
    Refuse,
    /// It accepts no more, and leaves whoever is in the queue to others that have the same sockets: those of socket
    /// activation.
    Leave,
    /// It answers whoever is in the queue, and closes the listeners: others have listeners of their own on the same port
    /// ([`Server::bind_beside`]).
    Close,
}

/// A server whose sockets listen, and that serves once it [runs](Self::run).
///
/// Who may use it is asked of [`LobbyConfig::admission`]: by default everybody, by `rdv_access::Gate` those with bearer tokens
/// or grants, and by an [`Admission`](rdv_core::Admission) of your own whoever it lets in:
///
/// ```
/// use std::sync::Arc;
///
/// use rdv_core::http::StatusCode;
/// use rdv_core::{Admission, Caller, Reject};
/// use rdv_blocking::{Server, ServerConfig};
///
/// #[derive(Debug)]
/// struct Residents;
///
/// impl Admission for Residents {
///     fn admit(&self, caller: &Caller<'_>) -> Result<(), Reject> {
///         match caller.observed.ip().is_loopback() {
///             true => Ok(()),
///             false => Err(Reject::Application(StatusCode::FORBIDDEN, "residents only".into())),
///         }
///     }
/// }
///
/// let mut config = ServerConfig::default();
/// config.lobby.admission = Arc::new(Residents);
/// let server = Server::bind(&"127.0.0.1:0".parse().unwrap(), config).unwrap();
/// # drop(server);
/// ```
#[derive(Debug)]
pub struct Server {
    listeners: Vec<TcpListener>,
    config: ServerConfig,
    poll: Poll,
    handle: ServerHandle,
}

impl Server {
    /// Listens on an address: `:8080` is port 8080 in both families, and port 0 a free one.
    ///
    /// # Errors
    /// The system's, such as [`AddrInUse`](io::ErrorKind::AddrInUse).
    pub fn bind(addr: &ListenAddr, config: ServerConfig) -> io::Result<Server> {
        Self::with_listeners(rdv_socket::listen(addr, BACKLOG)?, config)
    }

    /// [Listens](Self::bind) beside other processes of the same user that do so by this function, with SO_REUSEPORT: a
    /// new server starts, and the old one drains, by [`WhileDraining::Close`].
    ///
    /// # Errors
    /// As [`bind`](Self::bind); and where the system has no such thing.
    pub fn bind_beside(addr: &ListenAddr, config: ServerConfig) -> io::Result<Server> {
        Self::with_listeners(rdv_socket::listen_beside(addr, BACKLOG)?, config)
    }

    /// Serves on sockets that listen already, such as those that the process [was given](rdv_socket::inherited). They are
    /// made non-blocking, for all that have them.
    ///
    /// # Errors
    /// The system's.
    pub fn with_listeners(listeners: Vec<TcpListener>, config: ServerConfig) -> io::Result<Server> {
        for listener in &listeners {
            listener.set_nonblocking(true)?;
        }
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), front::WAKER)?;
        let handle = ServerHandle::new(waker, config.tls.clone());
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
        let while_draining = config.while_draining;
        let workers = match config.workers {
            0 => thread::available_parallelism().map_or(1, usize::from),
            workers => workers,
        };
        Front::new(listeners, config.lobby, poll, workers, handle)?.run(while_draining)
    }
}

const BACKLOG: i32 = 1024;

#[cfg(test)]
mod tests;
