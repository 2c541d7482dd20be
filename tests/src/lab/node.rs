//! Machines, and the networks that they are on.

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::namespace::Namespace;
use super::wire::{Delay, Wire, tap};
use crate::SOON;

/// A machine: a host or a router.
#[derive(Debug)]
pub struct Node {
    /// Where it is.
    pub namespace: Namespace,
    wires: Vec<Wire>,
}

/// The network below a router: a bridge, on which the router has the first address.
#[derive(Clone, Debug)]
pub struct Lan {
    /// The first three bytes of its IPv4 addresses, such as `192.168.1`; nothing for no IPv4.
    pub v4: String,
    /// What its IPv6 addresses, which go on by `::`, begin with, such as `2001:db8:1`; nothing for no IPv6.
    pub v6: String,
    /// Whether its machines find each other by themselves. If not, all goes through the router, as on the internet.
    pub is_one_link: bool,
}

impl Node {
    /// A machine without networks.
    ///
    /// # Panics
    /// If there can be none, see [`missing`](super::missing).
    pub fn new() -> Self {
        let namespace = Namespace::new().expect("no network namespace");
        for config in ["all", "default"] {
            // An address can be used at once, without asking whether somebody else has it.
            namespace.set(&format!("ipv6/conf/{config}/accept_dad"), "0");
            namespace.set(&format!("ipv6/conf/{config}/accept_ra"), "0");
            // A router may find that two of its machines are on one bridge, but they are not to make use of that.
            namespace.set(&format!("ipv6/conf/{config}/accept_redirects"), "0");
        }
        namespace.ip("link set lo up\n");
        Self { namespace, wires: Vec::new() }
    }

    /// A machine that forwards from any of its networks to any other, and has a LAN.
    ///
    /// # Panics
    /// See [`Node::new`].
    pub fn router(lan: &Lan) -> Self {
        let node = Self::new();
        node.namespace.set("ipv4/ip_forward", "1");
        node.namespace.set("ipv6/conf/all/forwarding", "1");
        for config in ["all", "default"] {
            node.namespace.set(&format!("ipv4/conf/{config}/send_redirects"), "0");
        }
        // What two hosts on a LAN say to each other is none of the router's business.
        node.namespace.set("bridge/bridge-nf-call-iptables", "0");
        node.namespace.set("bridge/bridge-nf-call-ip6tables", "0");
        // A bridge without an address of its own takes that of a port, and another one when the next port comes.
        node.namespace.ip("link add lan address 02:00:00:00:00:01 type bridge\nlink set lan up\n");
        node.namespace.ip(&lan.addrs("lan", 1));
        node
    }

    /// Plugs this machine into the LAN of a router, as the `last` one, with its default route there.
    ///
    /// # Panics
    /// If it is on a LAN already, or somebody else there has the address.
    pub fn join(&mut self, router: &Node, lan: &Lan, last: u8, delay: Option<Delay>) {
        let port = format!("port{last}");
        match delay {
            None => {
                let path = self.namespace.path();
                router.namespace.ip(&format!("link add {port} type veth peer name wan netns {path}\n"));
            }
            Some(delay) => {
                self.wires.push(Wire::new(tap(&router.namespace, &port), tap(&self.namespace, "wan"), delay));
            }
        }
        router.namespace.ip(&format!("link set {port} master lan up\n"));
        let (addrs, routes) = (lan.addrs("wan", last), lan.default_routes());
        self.namespace.ip(&format!("link set wan up\n{addrs}{routes}"));
    }

    /// Returns once there is a way to another machine, which has this address: links take a moment to come up, and
    /// neighbours to find each other.
    ///
    /// # Panics
    /// If there is none before long.
    pub fn await_path(&self, other: &Node, addr: &str) {
        let ip: IpAddr = addr.parse().expect("an IP address");
        let bind = || TcpListener::bind(SocketAddr::new(ip, 0));
        let listener = other.namespace.enter(bind).unwrap_or_else(|err| panic!("nobody has {addr}: {err}"));
        let target = listener.local_addr().expect("it is bound");
        let started = Instant::now();
        let connect = || TcpStream::connect_timeout(&target, Duration::from_millis(250));
        self.namespace.enter(|| {
            while let Err(err) = connect() {
                assert!(started.elapsed() < SOON, "no way to {addr}: {err}");
            }
        });
    }

    /// Connects two machines by a cable apart from all other networks, which is nobody's default route.
    ///
    /// # Panics
    /// If one of them has such a cable already.
    pub fn cable(&self, other: &Node, lan: &Lan) {
        let path = other.namespace.path();
        self.namespace.ip(&format!("link add side type veth peer name side netns {path}\n"));
        for (node, last) in [(self, 1), (other, 2)] {
            node.namespace.ip(&format!("link set side up\n{}", lan.addrs("side", last)));
        }
        let addr = if lan.v4.is_empty() { lan.v6(2) } else { lan.v4(2) };
        self.await_path(other, &addr);
    }
}

impl Default for Node {
    fn default() -> Self {
        Self::new()
    }
}

impl Lan {
    /// One with these, see its fields.
    pub fn new(v4: impl Into<String>, v6: impl Into<String>) -> Self {
        Self { v4: v4.into(), v6: v6.into(), is_one_link: true }
    }

    /// The same, but all goes through the router.
    #[must_use]
    pub fn routed(self) -> Self {
        Self { is_one_link: false, ..self }
    }

    /// The IPv4 address of the `last` machine.
    pub fn v4(&self, last: u8) -> String {
        format!("{}.{last}", self.v4)
    }

    /// The IPv6 address of the `last` machine.
    pub fn v6(&self, last: u8) -> String {
        format!("{}::{last:x}", self.v6)
    }

    fn addrs(&self, interface: &str, last: u8) -> String {
        let is_wide = self.is_one_link || last == 1;
        let mut commands = String::new();
        if !self.v4.is_empty() {
            commands +=
                &format!("addr add {}/{} dev {interface}\n", self.v4(last), if is_wide { 24 } else { 32 });
        }
        if !self.v6.is_empty() {
            let bits = if is_wide { 64 } else { 128 };
            commands += &format!("addr add {}/{bits} dev {interface} nodad\n", self.v6(last));
        }
        commands
    }

    fn default_routes(&self) -> String {
        let routers = [(&self.v4, self.v4(1)), (&self.v6, self.v6(1))];
        let there = routers.into_iter().filter(|(net, _)| !net.is_empty());
        let routes = there.map(|(_, router)| {
            let to_router = format!("route add {router} dev wan\n");
            format!("{}route add default via {router}\n", if self.is_one_link { "" } else { &to_router })
        });
        routes.collect()
    }
}
