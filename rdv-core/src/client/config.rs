//! What an application decides about its attempts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{Picker, WaitForP2p};
use crate::addr::{AddrSpaces, Interfaces, SelfAddrs};
use crate::token::Token;
use crate::wire::{Headers, Proxy, Role, ServerUrl};

/// The same for every attempt of a client. The default suits WAN and LAN alike. Of its timeouts, those for single
/// steps are a millisecond at least.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use rdv_core::{AddrSpaces, Config, WaitForP2p};
///
/// let mut config = Config::default();
/// config.spaces = AddrSpaces::PUBLIC;
/// config.picker = Arc::new(WaitForP2p(Duration::from_millis(500)));
/// config.timeout = Some(Duration::from_secs(30));
/// config.headers.add("Authorization", "Bearer 7f3a").unwrap();
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The address spaces to offer, dial and admit. [`AddrSpaces::NONE`] forces the relay.
    pub spaces: AddrSpaces,
    /// The network interfaces whose addresses to offer. What is dialled leaves as the system's routes have it.
    pub interfaces: Interfaces,
    /// How a dialer chooses. An accepter has no say, and ignores it.
    pub picker: Arc<dyn Picker>,
    /// For the whole attempt: name resolution, TLS, waiting for the peer and the race. `None`, the default,
    /// leaves it to the server how long a client may wait for its peer; a few seconds are too short.
    pub timeout: Option<Duration>,
    /// The proxy through which the server is reached, if there is one. It hides our address from the server, so a
    /// direct connection can then come about only by the addresses that the peers tell of themselves, such as those of
    /// a network in common. A proxy may end a connection on which nothing happens, as while a client waits for its
    /// peer: many do so after minutes.
    pub proxy: Option<Proxy>,
    /// Added to the request.
    pub headers: Headers,
    /// Whether to ask the server, where it has addresses of both families, by which address it sees this client on
    /// the other one, and have the peer told of that too. It takes one more connection from the shared port, for
    /// 3 s at most; servers of other make refuse the question, and nothing follows from that.
    pub second_opinion: bool,
    /// For a connection to the server to stand, the way through a proxy and TLS included.
    pub connect_timeout: Duration,
    /// For the peer's line on a direct connection, so that strangers can't hold on to one.
    pub line_timeout: Duration,
    /// For writing each of the dialer's commands.
    pub command_timeout: Duration,
    /// How long an accepter whose relay is gone, and that has no other connection, still waits for one.
    pub orphan_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            spaces: AddrSpaces::DEFAULT,
            interfaces: Interfaces::default(),
            picker: Arc::new(WaitForP2p::default()),
            timeout: None,
            proxy: None,
            headers: Headers::default(),
            second_opinion: true,
            connect_timeout: Duration::from_secs(10),
            line_timeout: Duration::from_secs(5),
            command_timeout: Duration::from_secs(1),
            orphan_timeout: Duration::from_secs(10),
        }
    }
}

impl Config {
    /// The host and the port to which the first connection goes: the proxy's or, without one, the server's. Their
    /// addresses are those of [`Attempt::server_addrs`].
    pub fn first_hop<'a>(&'a self, url: &'a ServerUrl) -> (&'a str, u16) {
        match &self.proxy {
            Some(proxy) => (proxy.host(), proxy.port()),
            None => (url.host(), url.port()),
        }
    }
}

/// What is particular to one attempt. Exhaustive on purpose: a driver has to decide on each of them.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Which of the two peers this is.
    pub role: Role,
    /// The server's URL.
    pub url: ServerUrl,
    /// What both peers gave the server.
    pub token: Token,
    /// What the host of [`Config::first_hop`] resolved to, which is the URL's where there is no proxy. IPv4 is tried
    /// first, whatever the order, then the families take turns.
    pub server_addrs: Vec<SocketAddr>,
    /// What to tell the peer of ourselves; see [`SelfAddrs::select`].
    pub self_addrs: SelfAddrs,
    /// The source of chance for the pauses between dials, and of the id by which the server knows this attempt in a
    /// second opinion. Should differ from attempt to attempt, and be hard to guess.
    pub seed: u64,
}
