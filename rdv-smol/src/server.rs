//! The server: one future for the lobby and all pairs.

mod copy;
mod front;
mod pair;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use async_io::Async;
use rdv_core::{LobbyConfig, Metrics};
use rdv_socket::ListenAddr;

use self::front::Front;

/// What an operator decides.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ServerConfig {
    /// The protocol's limits and timeouts.
    pub lobby: LobbyConfig,
    /// How long relays may go on after `shutdown` has resolved, while clients that wait, and those that come, are answered
    /// 503 with `Retry-After`. The server ends as soon as the last relay has. Zero, the default, cuts relays off at once.
    pub drain: Duration,
}

/// A server, to be run on listeners of the application's choice.
///
/// A client that waits for its peer costs no task, buffer or timer: the lobby is the one future that
/// [`serve`](Self::serve) returns. The pairs are part of that future too: it spawns nothing, so that any executor
/// will do, and what one thread can relay is the limit. Serve on several threads, each with listeners of its own
/// and tokens of its own, for more.
///
/// Who may use it is asked of [`LobbyConfig::admission`]: by default everybody, by `rdv_access::Gate` those with bearer tokens
/// or grants, and by an [`Admission`](rdv_core::Admission) of your own whoever it lets in:
///
/// ```
/// use std::sync::Arc;
///
/// use rdv_core::http::StatusCode;
/// use rdv_core::{Admission, Caller, Reject};
/// use rdv_smol::{Server, ServerConfig};
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
#[derive(Clone, Debug, Default)]
pub struct Server {
    config: ServerConfig,
    metrics: Arc<Metrics>,
}

impl Server {
    /// A server that does not serve yet.
    pub fn new(config: ServerConfig) -> Self {
        Self { config, metrics: Arc::default() }
    }

    /// What this server, and every clone of it, counts: [`Metrics::render`] is what Prometheus reads.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Listens on an address, for [`serve_all`](Self::serve_all): `:8080` is port 8080 in both families, and port
    /// 0 a free one.
    ///
    /// # Errors
    /// The system's, such as [`AddrInUse`](io::ErrorKind::AddrInUse).
    pub async fn bind(addr: &ListenAddr) -> io::Result<Vec<Async<TcpListener>>> {
        let addr = addr.clone();
        // It may have to look up a name.
        let listeners = blocking::unblock(move || rdv_socket::listen(&addr, BACKLOG)).await?;
        listeners.into_iter().map(Async::new_nonblocking).collect()
    }

    /// Serves until `shutdown` resolves, and the last connection is closed.
    ///
    /// Then the server listens no more, clients that wait are answered 503 and get two seconds to read that, and
    /// relays are cut off with an RST. If the future is dropped instead, all is closed at once, without an
    /// answer; relays are cut off with an RST then too.
    ///
    /// # Errors
    /// None at present. No client's doing ends a server.
    pub async fn serve(
        self,
        listener: Async<TcpListener>,
        shutdown: impl Future<Output = ()>,
    ) -> io::Result<()> {
        self.serve_all(vec![listener], shutdown).await
    }

    /// [Serves](Self::serve) on several listeners.
    ///
    /// # Errors
    /// See [`serve`](Self::serve).
    pub async fn serve_all(
        self,
        listeners: Vec<Async<TcpListener>>,
        shutdown: impl Future<Output = ()>,
    ) -> io::Result<()> {
        Front::new(listeners, self.config, self.metrics).run(shutdown).await;
        Ok(())
    }
}

const BACKLOG: i32 = 1024;
