//! The client: each attempt is a future.

mod attempt;
mod conn;
mod error;
mod port_map;
mod resolve;
mod secure;

#[cfg(feature = "tls")]
use std::sync::Arc;

use rdv_core::{Config, Role, ServerUrl, Token};

pub use conn::Conn;
pub use error::Error;

/// Connects to peers. Cheap to clone, and good for any number of attempts, many at once too.
///
/// Dropping the future of an attempt cancels it, and closes every socket of it at once. The futures are `Send`,
/// and need a runtime whose I/O and time are enabled.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Client {
    /// What the attempts have in common.
    pub config: Config,
    /// For https; `None` is [`tls::client_config`](crate::tls::client_config) without an extra file, made when
    /// it is needed. Must offer ALPN `http/1.1` or none.
    #[cfg(feature = "tls")]
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// Whether to have the NAT lead a port to each attempt, by PCP, NAT-PMP or UPnP-IGD, and to offer the peer that
    /// too. The request waits for it, for a second at most, where no gateway answers. When the attempt has ended, the
    /// mapping is deleted in the background, so a program that ends right then calls
    /// [`settle`](rdv_portmap::settle) first.
    #[cfg(feature = "port-map")]
    pub port_map: bool,
}

impl Client {
    /// A client with its own configuration.
    pub fn new(config: Config) -> Self {
        Self { config, ..Self::default() }
    }

    /// Connects to a peer that accepts, and picks the connection.
    ///
    /// # Errors
    /// See [`connect`](Self::connect).
    pub async fn dial(&self, url: &ServerUrl, token: &Token) -> Result<Conn, Error> {
        self.connect(Role::Dial, url, token).await
    }

    /// Connects to a peer that dials.
    ///
    /// # Errors
    /// See [`connect`](Self::connect).
    pub async fn accept(&self, url: &ServerUrl, token: &Token) -> Result<Conn, Error> {
        self.connect(Role::Accept, url, token).await
    }

    /// Connects in either role.
    ///
    /// Goes on until there is a connection or none is to be had; without a `timeout` in the configuration that
    /// may be for as long as the server lets a client wait for its peer. When it returns an error, no socket of
    /// the attempt is left open.
    ///
    /// # Errors
    /// [`Error::Connect`] for whatever the protocol has to say, such as a timeout or a refusal;
    /// [`Error::Resolve`] if the server's name (or its proxy's) has no address; [`Error::Socket`] if this machine can't provide
    /// sockets; [`Error::Interface`] if it does not have a network interface that the configuration names;
    /// [`Error::Tls`] for a TLS configuration that is of no use.
    pub async fn connect(&self, role: Role, url: &ServerUrl, token: &Token) -> Result<Conn, Error> {
        attempt::run(self, role, url, token).await
    }
}
