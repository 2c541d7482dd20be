//! What an operator decides about a server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName};

use super::{Admission, Open};
use crate::addr::{parse_addr, unmapped};
use crate::wire::HEAD_MAX;

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
    /// Connections in the lobby from one IP address (IPv6: from one /64); one more is answered 429. Behind a proxy, all
    /// are the proxy's.
    pub max_conns_per_addr: usize,
    /// New connections per second from one IP address (IPv6: from one /64), in the long run; one more is answered 429.
    /// `None`: as many as come. Zero is taken for one. Behind a proxy, all are the proxy's.
    pub max_rate_per_addr: Option<u32>,
    /// New connections that may come from one such address at once, after a pause that is long enough. Zero is taken
    /// for one.
    pub max_burst_per_addr: u32,
    /// Who may use the server.
    pub admission: Arc<dyn Admission>,
    /// Where a client's address is taken from.
    pub observed: Observed,
    /// Whether `GET /` is answered with a page that tells a person what this server is, and how to use it. Otherwise
    /// it is refused with 426, like every request that is no upgrade.
    pub page: bool,
    /// Whether to keep the headers of waiting clients for [`Relay::request`](super::Relay::request). That is
    /// up to 16 KiB for each; by default they are dropped.
    pub keep_headers: bool,
}

impl LobbyConfig {
    /// Within its bounds.
    pub(super) fn head_max(&self) -> usize {
        self.max_head.clamp(256, 64 * 1024)
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
            page: true,
            keep_headers: false,
        }
    }
}

/// Where the observed address comes from. Peers dial it, so it must be the one that the client's NAT uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observed {
    /// The connection's remote address: right for a server that faces the internet itself.
    #[default]
    Socket,
    /// This header, set (and overwritten, if the client sent one) by a proxy in front: `192.0.2.1:39841` or
    /// `[2001:db8::1]:39841`; brackets around IPv4 do no harm, since proxies that add them can't tell.
    Header(HeaderName),
}

impl Observed {
    /// The address, or the name of the header that should have it.
    pub(super) fn of(&self, remote: SocketAddr, headers: &HeaderMap) -> Result<SocketAddr, String> {
        match self {
            Observed::Socket => Ok(unmapped(remote)),
            Observed::Header(name) => {
                let text = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().trim();
                let bare = || {
                    text.strip_prefix('[')
                        .filter(|rest| rest.contains('.'))
                        .map(|rest| rest.replacen(']', "", 1))
                };
                let addr = parse_addr(text).or_else(|| parse_addr(&bare()?));
                addr.ok_or_else(|| name.to_string())
            }
        }
    }
}
