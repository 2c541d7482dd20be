//! What an operator decides about a server.

use std::time::Duration;

use super::Observed;
use crate::addr::Cidr;

/// Limits and habits of a [`Lobby`](super::Lobby), and of the relays that come out of it. Its timeouts are a
/// millisecond at least.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LobbyConfig {
    /// For a request's head to come, from the connection on.
    pub head_timeout: Duration,
    /// How long a client may wait for its peer; it is answered 408 after that. `None`: as long as it likes.
    pub lobby_timeout: Option<Duration>,
    /// How long a pair may go without a byte in either direction, the time before CONTINUE included.
    /// Counted from the last look at the byte counters, so it may take up to twice as long.
    pub idle_timeout: Option<Duration>,
    /// Clients that may wait for their peer; one more is answered 503, unless its own peer waits. Twice as many
    /// connections may be open, those that still ask or are being refused included.
    pub max_waiting: usize,
    /// Connections in the lobby from one IP address (IPv6: from one /64). It is the client's as soon as its proxy has told
    /// it; a trusted proxy itself may have any number. One that is not trusted counts as one client.
    pub max_conns_per_addr: usize,
    /// Where a client's address is taken from.
    pub observed: Observed,
    /// The proxies in front of this server, whose word on clients' addresses is taken. Everybody else's is ignored, and
    /// PROXY headers of others are refused. A proxy that is trusted must not pass on what clients say of themselves.
    pub trusted_proxies: Vec<Cidr>,
    /// Whether to keep the headers of waiting clients for [`Relay::request`](super::Relay::request). That is
    /// up to 16 KiB for each; by default they are dropped.
    pub keep_headers: bool,
}

impl Default for LobbyConfig {
    fn default() -> Self {
        Self {
            head_timeout: Duration::from_secs(10),
            lobby_timeout: Some(Duration::from_secs(600)),
            idle_timeout: Some(Duration::from_secs(3600)),
            max_waiting: 16 * 1024,
            max_conns_per_addr: 1024,
            observed: Observed::default(),
            trusted_proxies: Vec::new(),
            keep_headers: false,
        }
    }
}
