//! Where the peers are: networks by their description.

use super::gateway::{Nat, Unexpected};
use super::mapper::{Mapper, Speaks};
use super::node::{Lan, Node};
use super::wire::Delay;

/// Where one peer is. On the internet by default, with IPv4 alone.
#[derive(Clone, Debug)]
pub struct Side {
    /// The gateways between the internet and the peer, the outermost first.
    pub gateways: Vec<Nat>,
    /// What the peer's host has of IPv4 and IPv6.
    pub families: Families,
    /// The firewall on the peer's host.
    pub firewall: Option<Unexpected>,
    /// Of the wire between the internet and what is nearest to it on this side.
    pub delay: Option<Delay>,
    /// The third byte of the innermost network, if not one of its own.
    pub subnet: Option<u8>,
    /// The host's place in its network, if not one of its own.
    pub last: Option<u8>,
    /// By what the innermost gateway is asked for a mapping, and whether the peer asks.
    pub mapper: Option<Speaks>,
}

/// What a host has of IPv4 and IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Families {
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
    /// Both.
    Both,
    /// Both, but its gateway loses whatever is sent by IPv6.
    Broken6,
}

/// An internet with a server's host and those of two peers.
#[derive(Debug)]
pub struct Network {
    /// The server's host, which has IPv4 and IPv6.
    pub server: Node,
    /// The peers' hosts.
    pub peers: [Node; 2],
    /// What maps ports on the gateways of those who want it.
    pub mappers: Vec<Mapper>,
    /// The internet, and all gateways.
    routers: Vec<(Node, Lan)>,
}

impl Side {
    /// Behind these gateways, the outermost first.
    pub fn behind(gateways: &[Nat]) -> Self {
        let gateways = gateways.to_vec();
        Self {
            gateways,
            families: Families::V4,
            firewall: None,
            delay: None,
            subnet: None,
            last: None,
            mapper: None,
        }
    }

    /// The same, with these families.
    #[must_use]
    pub fn with(self, families: Families) -> Self {
        Self { families, ..self }
    }

    /// The same, with a firewall on the host.
    #[must_use]
    pub fn firewalled(self, unexpected: Unexpected) -> Self {
        Self { firewall: Some(unexpected), ..self }
    }

    /// The same, at such a distance from the internet.
    #[must_use]
    pub fn afar(self, delay: Delay) -> Self {
        Self { delay: Some(delay), ..self }
    }

    /// The same, with the address `192.168.subnet.last`.
    #[must_use]
    pub fn numbered(self, subnet: u8, last: u8) -> Self {
        Self { subnet: Some(subnet), last: Some(last), ..self }
    }

    /// The same, with a gateway that maps ports for those who ask.
    #[must_use]
    pub fn mapping(self, mapper: Speaks) -> Self {
        Self { mapper: Some(mapper), ..self }
    }
}

impl Network {
    /// The peers are on these sides, of which the outermost `shared` gateways are the same.
    ///
    /// # Panics
    /// If it can't be built.
    pub fn new(sides: &[Side; 2], shared: usize) -> Self {
        Self::with_server_afar(sides, shared, None)
    }

    /// The same, with the server at such a distance from the internet.
    ///
    /// # Panics
    /// If it can't be built.
    pub fn with_server_afar(sides: &[Side; 2], shared: usize, delay: Option<Delay>) -> Self {
        // No documentation's: gateways map no ports for those whose address is not public.
        let lan = Lan::new("192.88.98", "2001:db8").routed();
        let mut routers = vec![(Node::router(&lan), lan)];
        let mut server = Node::new();
        server.join(&routers[0].0, &routers[0].1, SERVER, delay);

        let mut mappers = Vec::new();
        let mut path = Vec::new();
        let peers = [0, 1].map(|i| {
            path.truncate(if i == 0 { 0 } else { shared });
            let side = &sides[i];
            for nat in side.gateways.iter().skip(path.len()) {
                let parent = path.last().copied().unwrap_or(0);
                let is_innermost = path.len() + 1 == side.gateways.len();
                let router = gateway(&routers, parent, side, nat, is_innermost);
                path.push(routers.len());
                routers.push(router);
            }
            let (router, lan) = &routers[path.last().copied().unwrap_or(0)];
            let mut host = Node::new();
            let last = side.last.unwrap_or(if i == 0 { 21 } else { 22 });
            host.join(router, &lan.only(side.families), last, side.delay.filter(|_| path.is_empty()));
            if let Some(unexpected) = side.firewall {
                unexpected.install(&host);
            }
            if let Some(speaks) = side.mapper {
                mappers.push(Mapper::start(router, speaks));
            }
            host.await_path(&server, &server_addr(&routers[0].1, side.families));
            host
        });
        Self { server, peers, mappers, routers }
    }

    /// The server's address for a host with these families.
    pub fn server_addr(&self, families: Families) -> String {
        server_addr(&self.routers[0].1, families)
    }

    /// The server's URL for a host with these families.
    pub fn url(&self, families: Families) -> String {
        let addr = self.server_addr(families);
        if families == Families::V6 {
            format!("http://[{addr}]:{PORT}")
        } else {
            format!("http://{addr}:{PORT}")
        }
    }
}

/// Where the server is, for a host with these families.
fn server_addr(internet: &Lan, families: Families) -> String {
    match families {
        Families::V4 | Families::Both | Families::Broken6 => internet.v4(SERVER),
        Families::V6 => internet.v6(SERVER),
    }
}

/// A gateway below `routers[parent]`.
fn gateway(
    routers: &[(Node, Lan)],
    parent: usize,
    side: &Side,
    nat: &Nat,
    is_innermost: bool,
) -> (Node, Lan) {
    let number = routers.len() as u8;
    let (above, above_lan) = &routers[parent];
    let lan = if is_innermost {
        // Of IPv6, every home on the internet gets a network; behind a carrier's NAT there is none.
        let v6 = if parent == 0 { format!("2001:db8:{number}") } else { String::new() };
        Lan::new(format!("192.168.{}", side.subnet.unwrap_or(number)), v6)
    } else {
        Lan::new(format!("100.64.{number}"), "")
    };
    let mut router = Node::router(&lan);
    let last = SERVER + number;
    router.join(above, above_lan, last, side.delay.filter(|_| parent == 0));
    nat.install(&router, &above_lan.v4(last));
    if side.families == Families::Broken6 {
        router
            .namespace
            .nft("table ip6 hole { chain through { type filter hook forward priority filter; meta l4proto tcp drop; }; }");
    }
    if !lan.v6.is_empty() {
        above.namespace.ip(&format!("route add {}::/64 via {}\n", lan.v6, above_lan.v6(last)));
    }
    (router, lan)
}

impl Lan {
    /// The same network for a host with these families.
    fn only(&self, families: Families) -> Lan {
        match families {
            Families::V4 => Lan { v6: String::new(), ..self.clone() },
            Families::V6 => Lan { v4: String::new(), ..self.clone() },
            Families::Both | Families::Broken6 => self.clone(),
        }
    }
}

/// The server's place on the internet.
const SERVER: u8 = 10;
/// Where the server listens.
pub const PORT: u16 = 8080;
