//! What is simulated: a network, a server, two peers who want to meet, and what goes wrong meanwhile.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rdv_core::{
    AddrSpaces, Interfaces, LocalAddr, PickFirst, Picker, Role, SelfAddrs, WaitConstant, WaitForP2p,
};

use crate::net::{HostId, Time, Topology};

/// Everything that a simulation depends on. The same scenario takes the same course.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The network.
    pub topology: Topology,
    /// The server's host; it listens on [`SERVER_PORT`].
    pub server: HostId,
    /// A proxy, through which peers reach the server.
    pub proxy: Option<Proxy>,
    /// The dialer and the accepter.
    pub peers: [Peer; 2],
    /// Strangers on the network.
    pub strangers: Vec<Stranger>,
    /// What goes wrong. Without it, the oracle knows the outcome.
    pub mishap: Option<Mishap>,
    /// Whether the processes' operations take their time. The oracle reckons without it.
    pub slow: bool,
    /// How many packets the network may lose in all.
    pub losable: u32,
    /// For whatever is left to chance: delays, ports, how streams are cut.
    pub seed: u64,
}

/// A proxy on the way to the server. What comes of it the oracle does not know.
#[derive(Clone, Copy, Debug)]
pub struct Proxy {
    /// Its host; it listens on [`PROXY_PORT`].
    pub host: HostId,
    /// Whether it speaks SOCKS5, and not HTTP.
    pub socks: bool,
    /// Whether it wants to know user name and password.
    pub locked: bool,
    /// Whether there is TLS to the server, whose handshake takes its time in slow processes, and nothing else.
    pub tls: bool,
    /// Who of the dialer and the accepter goes by it.
    pub used_by: [bool; 2],
    /// What it does to its clients.
    pub temper: Temper,
}

/// What a proxy does to its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temper {
    /// It leads them to the server.
    Serves,
    /// It refuses, in its answer after so many.
    Refuses(usize),
    /// It says nothing any more after so many answers.
    Hangs(usize),
    /// It resets the connection after so many answers, the last of which is that the server is reached.
    Resets(usize),
}

/// One of the two who want to meet.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its role.
    pub role: Role,
    /// Its host.
    pub host: HostId,
    /// The shared port from which it dials and at which it listens.
    pub port: u16,
    /// The address spaces that it enables.
    pub spaces: AddrSpaces,
    /// When its attempt begins.
    pub comes: Time,
    /// How it chooses, if it is the dialer.
    pub choice: Choice,
    /// For its whole attempt.
    pub timeout: Option<Duration>,
    /// Whether it asks for a second opinion.
    pub second_opinion: bool,
    /// Whose rules it keeps to.
    pub rules: Rules,
}

/// The rules that a client keeps to. rdv-core knows its own alone; of others the network keeps from it what they
/// would not have done. The oracle knows our own alone, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rules {
    /// Those of rdv-core.
    #[default]
    Ours,
    /// Those of betamos/rdv v0.0.6: an address is dialled once, what is offered is what the default routes leave from,
    /// and the server is reached by IPv4 alone. Its server's answer takes one more round trip.
    Reference,
}

/// The pickers that ship.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Whatever is ready first.
    First,
    /// A direct connection, or the relay after this long.
    WaitForP2p(Duration),
    /// The same, but always after this long.
    WaitConstant(Duration),
}

/// Someone on the network who is no peer.
#[derive(Clone, Copy, Debug)]
pub struct Stranger {
    /// Its host.
    pub host: HostId,
    /// The port at which it accepts whoever comes, or none.
    pub port: Option<u16>,
    /// What it says on a connection.
    pub says: Says,
    /// Whether it dials the peers' addresses.
    pub dials: bool,
}

/// What a stranger says on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// Nothing, and it holds on to the connection.
    Nothing,
    /// Something else than an rdv/1 line.
    Garbage,
    /// The line of a peer with another token.
    AnotherToken,
    /// The right line, in a role that is taken.
    OwnRole,
    /// Half a line, and a FIN.
    Half,
    /// An RST.
    Reset,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// The server shuts down.
    ServerCloses(Time),
    /// A peer's process ends: its system closes what it had open.
    PeerDies(Role, Time),
    /// A peer's machine is gone from one moment to the next.
    PeerVanishes(Role, Time),
    /// Another client comes with the role and token of a peer.
    PeerReplaced(Role, Time),
    /// The lobby's patience is this long.
    LobbyTimeout(Duration),
    /// The relay's patience is this long, and the peers do not say anything.
    IdleTimeout(Duration),
    /// The server wants nobody.
    ServerFull,
    /// The application around the server does not want this pair.
    PairRejected,
    /// What listens at the server's address is something else.
    NoServer(Says),
}

impl Scenario {
    /// The peer in a role.
    pub fn peer(&self, role: Role) -> &Peer {
        &self.peers[role as usize]
    }

    /// Where the server is, for a client that resolves its name.
    pub fn server_addrs(&self, role: Role) -> Vec<SocketAddr> {
        let is_tried = |addr: &SocketAddr| self.peer(role).rules == Rules::Ours || addr.is_ipv4();
        let interfaces = self.topology.hosts[self.server].interfaces.iter();
        interfaces.map(|it| SocketAddr::new(it.addr, SERVER_PORT)).filter(is_tried).collect()
    }

    /// What a peer says of itself.
    pub fn self_addrs(&self, role: Role) -> SelfAddrs {
        let peer = self.peer(role);
        let interfaces = &self.topology.hosts[peer.host].interfaces;
        let known = interfaces.iter().filter(|it| peer.rules == Rules::Ours || it.default_route);
        let local = known.enumerate().map(|(i, it)| LocalAddr::new(it.addr, format!("eth{i}")));
        let selected = SelfAddrs::select(local, peer.port, peer.spaces, &Interfaces::default());
        selected.expect("no interface is named")
    }

    /// The first addresses that a peer dials: the server's, or the proxy's.
    pub fn first_hops(&self, role: Role) -> Vec<SocketAddr> {
        match self.proxy_of(role) {
            Some(proxy) => {
                let interfaces = &self.topology.hosts[proxy.host].interfaces;
                interfaces.iter().map(|it| SocketAddr::new(it.addr, PROXY_PORT)).collect()
            }
            None => self.server_addrs(role),
        }
    }

    /// The proxy that a peer goes by.
    pub fn proxy_of(&self, role: Role) -> Option<&Proxy> {
        self.proxy.as_ref().filter(|proxy| proxy.used_by[role as usize])
    }

    /// The server's addresses that a peer can reach: IPv4 before IPv6, as they are tried.
    pub fn server_addrs_for(&self, role: Role) -> Vec<SocketAddr> {
        let mut addrs = self.server_addrs(role);
        addrs.retain(|addr| self.topology.route(self.peer(role).host, addr.ip()).is_some());
        addrs.sort_by_key(SocketAddr::is_ipv6);
        addrs
    }
}

impl Choice {
    /// As rdv-core has it.
    pub fn picker(self) -> Arc<dyn Picker> {
        match self {
            Choice::First => Arc::new(PickFirst),
            Choice::WaitForP2p(time) => Arc::new(WaitForP2p(time)),
            Choice::WaitConstant(time) => Arc::new(WaitConstant(time)),
        }
    }
}

/// Where the server listens.
pub const SERVER_PORT: u16 = 80;
/// Where the proxy listens.
pub const PROXY_PORT: u16 = 3_128;
/// What both peers ask for. It needs escaping.
pub const TOKEN: &str = "d8f1/a2?;";
