//! The server: one future for the lobby, a task for each pair, and threads for those whose bytes are copied.

mod copy;
mod front;
mod pair;
mod path;
mod threads;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rdv_core::{LobbyConfig, Metrics};
use rdv_socket::ListenAddr;
use tokio::net::TcpListener;

pub(crate) use self::front::Front;
use crate::handler::{Handler, Hook};

/// What an operator decides.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ServerConfig {
    /// The protocol's limits and timeouts.
    pub lobby: LobbyConfig,
    /// How long relays may go on after `shutdown` has resolved, while clients that wait, and those that come, are answered
    /// 503 with `Retry-After`. The server ends as soon as the last relay has. Zero, the default, cuts relays off at once.
    pub drain: Duration,
    /// Threads that the server may have of its own, to relay pairs whose connections are plain TCP; and twice as many for those
    /// in bulk, which carry 40 MB/s and more. They begin when they are needed, and live in the system's time, even where a test
    /// has paused the runtime's. By default there are as many as cores, and with 0 none: then all is the runtime's that the server
    /// is on, at three times the memory for an idle pair.
    pub relay_threads: Option<usize>,
    /// The certificate, for a server that speaks TLS: see [`tls::server_config`](crate::tls::server_config). One
    /// that is renewed while the server runs is a matter of its `cert_resolver`.
    #[cfg(feature = "tls")]
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// A server, to be run on listeners of the application's choice.
///
/// A client that waits for its peer costs no task, buffer or timer: the lobby is the one future that
/// [`serve`](Self::serve) returns. Each pair of clients is introduced by a task of its own, on the application's runtime. What they
/// relay through the server is copied by the server's [own threads](ServerConfig::relay_threads), or by the task: where it comes
/// over TLS, or where there are none.
///
/// Who may use it is asked of [`LobbyConfig::admission`]: by default everybody, by `rdv_access::Gate` those with bearer tokens
/// or grants, and by an [`Admission`](rdv_core::Admission) of your own whoever it lets in:
///
/// ```
/// use std::sync::Arc;
///
/// use rdv_core::http::StatusCode;
/// use rdv_core::{Admission, Caller, Reject};
/// use rdv_tokio::{Server, ServerConfig};
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
/// let server = Server::new(config);
/// ```
///
/// A [`Handler`] is asked later, for pairs.
#[derive(Clone, Debug, Default)]
pub struct Server {
    config: ServerConfig,
    handler: Hook,
    metrics: Arc<Metrics>,
}

impl Server {
    /// A server that does not serve yet.
    pub fn new(config: ServerConfig) -> Self {
        Self { config, handler: Hook::default(), metrics: Arc::default() }
    }

    /// What this server, and every clone of it, counts: [`Metrics::render`] is what Prometheus reads.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Has the application look at every pair, with all headers of both requests:
    /// [`keep_headers`](LobbyConfig::keep_headers) is switched on.
    pub fn with_handler(mut self, handler: impl Handler) -> Self {
        self.config.lobby.keep_headers = true;
        self.handler = Hook(Some(Arc::new(handler)));
        self
    }

    /// Listens on an address, for [`serve_all`](Self::serve_all): `:8080` is port 8080 in both families, and port
    /// 0 a free one.
    ///
    /// # Errors
    /// The system's, such as [`AddrInUse`](io::ErrorKind::AddrInUse).
    pub async fn bind(addr: &ListenAddr) -> io::Result<Vec<TcpListener>> {
        let addr = addr.clone();
        // It may have to look up a name.
        let listeners = tokio::task::spawn_blocking(move || rdv_socket::listen(&addr, BACKLOG)).await??;
        listeners.into_iter().map(TcpListener::from_std).collect()
    }

    /// Serves until `shutdown` resolves, and the last connection is closed.
    ///
    /// Then the server listens no more, clients that wait are answered 503 and get two seconds to read that, and
    /// relays are cut off with an RST. If the future is dropped instead, all is closed without an answer; relays
    /// are cut off with an RST then too, by the end of their tasks or threads.
    ///
    /// On a runtime of many threads, spawn it: `block_on`, and so the body of `main`, is not where tokio is fast.
    ///
    /// # Errors
    /// None at present. No client's doing ends a server.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        self.serve_all(vec![listener], shutdown).await
    }

    /// [Serves](Self::serve) on several listeners.
    ///
    /// # Errors
    /// See [`serve`](Self::serve).
    pub async fn serve_all(
        self,
        listeners: Vec<TcpListener>,
        shutdown: impl Future<Output = ()>,
    ) -> io::Result<()> {
        self.into_front(listeners).run(shutdown).await;
        Ok(())
    }

    pub(crate) fn into_front(self, listeners: Vec<TcpListener>) -> Front {
        Front::new(listeners, self.config, self.handler, self.metrics)
    }
}

const BACKLOG: i32 = 1024;
