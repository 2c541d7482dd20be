//! The client: one attempt at a time, on the caller's thread.

mod attempt;
mod cancel;
mod conn;
mod error;
mod port_map;
mod resolve;

use std::net::SocketAddr;
use std::sync::Arc;

use rdv_core::{Config, Role, ServerUrl, Token};
use rdv_socket::SharedPort;

pub use cancel::Canceller;
pub use conn::Conn;
pub use error::Error;

/// Connects to peers. Cheap to clone, and good for any number of attempts, at once from many threads too.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Client {
    /// What the attempts have in common.
    pub config: Config,
    /// For https; `None` is [`tls::client_config`](crate::tls::client_config) without an extra file, made when
    /// it is needed. Must offer ALPN `http/1.1` or none.
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
    /// See [`connect_until`](Self::connect_until).
    pub fn dial(&self, url: &ServerUrl, token: &Token) -> Result<Conn, Error> {
        self.connect(Role::Dial, url, token)
    }

    /// Connects to a peer that dials.
    ///
    /// # Errors
    /// See [`connect_until`](Self::connect_until).
    pub fn accept(&self, url: &ServerUrl, token: &Token) -> Result<Conn, Error> {
        self.connect(Role::Accept, url, token)
    }

    /// Connects in either role.
    ///
    /// # Errors
    /// See [`connect_until`](Self::connect_until).
    pub fn connect(&self, role: Role, url: &ServerUrl, token: &Token) -> Result<Conn, Error> {
        self.connect_until(role, url, token, &Canceller::new())
    }

    /// Connects in either role, unless cancelled from another thread.
    ///
    /// Blocks until there is a connection or none is to be had; without a `timeout` in the configuration that
    /// may be for as long as the server lets a client wait for its peer. When it returns an error, no socket of
    /// the attempt is left open.
    ///
    /// # Errors
    /// [`Error::Connect`] for whatever the protocol has to say, such as a timeout or a refusal;
    /// [`Error::Resolve`] if the server's name (or its proxy's) has no address; [`Error::Socket`] if this machine can't provide
    /// sockets; [`Error::Interface`] if it does not have a network interface that the configuration names;
    /// [`Error::Tls`] for a TLS configuration that is of no use; [`Error::Cancelled`].
    pub fn connect_until(
        &self,
        role: Role,
        url: &ServerUrl,
        token: &Token,
        canceller: &Canceller,
    ) -> Result<Conn, Error> {
        attempt::run(self, None, role, url, token, canceller)
    }

    /// As [`connect_until`](Self::connect_until), but on a given port, and to given addresses of the server. For
    /// diagnosis: two attempts on one port, to two servers, show how a NAT maps it.
    ///
    /// # Errors
    /// See [`connect_until`](Self::connect_until).
    pub fn connect_via(
        &self,
        via: Via,
        role: Role,
        url: &ServerUrl,
        token: &Token,
        canceller: &Canceller,
    ) -> Result<Conn, Error> {
        attempt::run(self, Some(via), role, url, token, canceller)
    }
}

/// What an attempt finds out by itself if it is not told.
#[derive(Debug)]
#[non_exhaustive]
pub struct Via {
    /// The port to listen on and to dial from. If attempts share it, each may get connections that were meant for
    /// another one, so at most one of them should have any address space enabled.
    pub port: SharedPort,
    /// Where the server is, or the proxy if one is configured. No name is looked up.
    pub server_addrs: Vec<SocketAddr>,
}

impl Via {
    /// From this port to one of these addresses.
    pub fn new(port: SharedPort, server_addrs: Vec<SocketAddr>) -> Self {
        Self { port, server_addrs }
    }
}
