//! What an operator decides about a server.

use std::sync::Arc;
use std::time::Duration;

use super::{Admission, ByteLimits, Observed, Open};
use crate::addr::Cidr;
use crate::wire::{HEAD_LIMIT, HEAD_MAX};

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
    /// The longest head of a request in bytes; a longer one is answered 431. Less than 256 B is taken for that, and
    /// more than 64 KiB for 64 KiB.
    pub max_head: usize,
    /// Clients that may wait for their peer; one more is answered 503, unless its own peer waits. Twice as many
    /// connections may be open, those that still ask or are being refused included.
    pub max_waiting: usize,
    /// Connections that may be open in all, both of each pair included: whoever comes then is answered 503, and a
    /// client may wait only if there is room for its peer. `None`: as many as there are.
    ///
    /// Each is a file descriptor. A server needs some more of them, for its pipes, its listeners, and 32 connections on
    /// which it says that it has none to spare.
    pub max_open: Option<usize>,
    /// Connections in the lobby from one IP address (IPv6: from one /64); one more is answered 429. It is the client's as
    /// soon as its proxy has told it; a trusted proxy itself may have any number. One that is not trusted counts as one
    /// client.
    pub max_conns_per_addr: usize,
    /// New connections per second from one IP address (IPv6: from one /64), in the long run; one more is answered 429.
    /// `None`: as many as come. Zero is taken for one. Behind a trusted proxy, too, it
    /// is the client's.
    pub max_rate_per_addr: Option<u32>,
    /// New connections that may come from one such address at once, after a pause that is long enough. Zero is taken
    /// for one.
    pub max_burst_per_addr: u32,
    /// Who may use the server.
    pub admission: Arc<dyn Admission>,
    /// Where a client's address is taken from.
    pub observed: Observed,
    /// The proxies in front of this server, whose word on clients' addresses is taken. Everybody else's is ignored, and
    /// PROXY headers of others are refused. A proxy that is trusted must not pass on what clients say of themselves.
    pub trusted_proxies: Vec<Cidr>,
    /// Whether `GET /` is answered with a page that tells a person what this server is, and how to use it. Otherwise
    /// it is refused with 426, like every request that is no upgrade.
    pub page: bool,
    /// Whether to keep the headers of waiting clients for [`Relay::request`](super::Relay::request). That is
    /// up to 16 KiB for each; by default they are dropped.
    pub keep_headers: bool,
    /// How many bytes may be relayed. By default there is no limit.
    pub bytes: ByteLimits,
}

impl LobbyConfig {
    /// Within its bounds.
    pub(super) fn head_max(&self) -> usize {
        self.max_head.clamp(256, HEAD_LIMIT)
    }
}

impl Default for LobbyConfig {
    fn default() -> Self {
        Self {
            head_timeout: Duration::from_secs(10),
            lobby_timeout: Some(Duration::from_secs(600)),
            idle_timeout: Some(Duration::from_secs(3600)),
            max_head: HEAD_MAX,
            max_waiting: 16 * 1024,
            max_open: None,
            max_conns_per_addr: 1024,
            max_rate_per_addr: Some(100),
            max_burst_per_addr: 1000,
            admission: Arc::new(Open),
            observed: Observed::default(),
            trusted_proxies: Vec::new(),
            page: true,
            keep_headers: false,
            bytes: ByteLimits::default(),
        }
    }
}
