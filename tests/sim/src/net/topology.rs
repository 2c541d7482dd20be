//! What a network looks like: hosts in realms, and gateways between a realm and the one around it.
//!
//! Plain data. [`Internet`](super::Internet) brings it to life.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{FirewallPolicy, NatPolicy, Time, Unexpected};

/// A whole network.
#[derive(Clone, Debug)]
pub struct Topology {
    /// Realm 0 is the internet.
    pub realms: Vec<Realm>,
    /// All hosts.
    pub hosts: Vec<Host>,
    /// What becomes of a packet that the internet knows no way for.
    pub unroutable: Unexpected,
}

/// An index into [`Topology::realms`].
pub type RealmId = usize;
/// An index into [`Topology::hosts`].
pub type HostId = usize;

/// Where addresses mean the same: a LAN, a carrier's network, the internet.
#[derive(Clone, Debug)]
pub struct Realm {
    /// The way out. The internet has none, nor has a LAN that leads nowhere.
    pub gateway: Option<Gateway>,
    /// The IPv4 addresses that are on the link.
    pub subnet: Option<(Ipv4Addr, u32)>,
}

/// Between a realm and the one around it.
#[derive(Clone, Copy, Debug)]
pub struct Gateway {
    /// The realm on the outside.
    pub parent: RealmId,
    /// The link to it.
    pub link: Link,
    /// For IPv4.
    pub nat: NatPolicy,
    /// The NAT's address in the parent realm.
    pub external: Ipv4Addr,
    /// For IPv6, which passes untranslated; `None`: and unfiltered.
    pub firewall: Option<FirewallPolicy>,
}

/// A machine.
#[derive(Clone, Debug)]
pub struct Host {
    /// Each with one address.
    pub interfaces: Vec<Interface>,
    /// Its own firewall.
    pub firewall: Option<FirewallPolicy>,
}

/// A host's place in a realm.
#[derive(Clone, Copy, Debug)]
pub struct Interface {
    /// The realm.
    pub realm: RealmId,
    /// The address there.
    pub addr: IpAddr,
    /// The cable.
    pub link: Link,
    /// Whether packets for elsewhere may leave by it.
    pub default_route: bool,
}

/// What crossing a link costs, one way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Link {
    /// At least this long.
    pub delay: Time,
    /// At most this much more. Packets can overtake each other.
    pub jitter: Time,
    /// Of a thousand packets.
    pub lost: u16,
}

/// Where a packet in a realm goes from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// To this host, by this of its interfaces.
    Host(HostId, usize),
    /// Into this realm, by its gateway.
    Down(RealmId),
    /// Out of the realm, by its gateway.
    Up,
    /// On the link, but nobody is there.
    Nobody,
    /// No way is known.
    Unroutable,
}

impl Topology {
    /// By which interface a host sends to an address. `None`: it has no route. Its own addresses are not asked for.
    pub fn route(&self, host: HostId, dst: IpAddr) -> Option<usize> {
        let interfaces = || self.hosts[host].interfaces.iter().enumerate();
        let alike = |it: &Interface| it.addr.is_ipv4() == dst.is_ipv4();
        let on_link = interfaces().find(|(_, it)| alike(it) && self.is_on_link(it, dst));
        on_link.or_else(|| interfaces().find(|(_, it)| alike(it) && it.default_route)).map(|(at, _)| at)
    }

    /// Where a packet goes that is in a realm.
    pub fn next(&self, realm: RealmId, dst: IpAddr) -> Next {
        for (id, host) in self.hosts.iter().enumerate() {
            if let Some(at) = host.interfaces.iter().position(|it| it.realm == realm && it.addr == dst) {
                return Next::Host(id, at);
            }
        }
        match dst {
            IpAddr::V4(ip) => {
                let is_external =
                    |it: &Realm| it.gateway.is_some_and(|it| it.parent == realm && it.external == ip);
                if let Some(child) = self.realms.iter().position(is_external) {
                    return Next::Down(child);
                }
            }
            IpAddr::V6(ip) if is_unique_local(ip) => return Next::Nobody,
            IpAddr::V6(_) => {
                if let Some(child) = self.home_of(dst).and_then(|home| self.child_towards(realm, home)) {
                    return Next::Down(child);
                }
            }
        }
        match self.realms[realm].gateway {
            _ if self.realms[realm].contains(dst) => Next::Nobody,
            Some(_) => Next::Up,
            None => Next::Unroutable,
        }
    }

    /// Whether nothing in the realm has this address.
    pub fn is_free(&self, realm: RealmId, addr: IpAddr) -> bool {
        !matches!(self.next(realm, addr), Next::Host(..) | Next::Down(_))
    }

    /// Whether the address is the host's own.
    pub fn is_own(&self, host: HostId, addr: IpAddr) -> bool {
        self.hosts[host].interfaces.iter().any(|it| it.addr == addr)
    }

    fn is_on_link(&self, interface: &Interface, dst: IpAddr) -> bool {
        match (interface.addr, dst) {
            (IpAddr::V6(ours), IpAddr::V6(dst)) => ours.to_bits() >> 64 == dst.to_bits() >> 64,
            _ => self.realms[interface.realm].contains(dst),
        }
    }

    /// The realm of the host that has this address.
    fn home_of(&self, addr: IpAddr) -> Option<RealmId> {
        let interfaces = self.hosts.iter().flat_map(|host| &host.interfaces);
        interfaces.filter(|it| it.addr == addr).map(|it| it.realm).next()
    }

    /// Which realm directly inside `realm` contains `home`, however deep.
    fn child_towards(&self, realm: RealmId, home: RealmId) -> Option<RealmId> {
        let mut at = home;
        while let Some(gateway) = self.realms[at].gateway {
            if gateway.parent == realm {
                return Some(at);
            }
            at = gateway.parent;
        }
        None
    }
}

impl Realm {
    /// Whether an address is on its link.
    pub fn contains(&self, dst: IpAddr) -> bool {
        match (self.subnet, dst) {
            (Some((net, bits)), IpAddr::V4(dst)) => (net.to_bits() ^ dst.to_bits()) >> (32 - bits) == 0,
            _ => false,
        }
    }
}

fn is_unique_local(ip: Ipv6Addr) -> bool {
    ip.segments()[0] & 0xfe00 == 0xfc00
}
