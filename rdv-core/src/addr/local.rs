//! Which of a machine's addresses are offered to the peer.

use std::net::{IpAddr, SocketAddr};

use super::{AddrSpace, AddrSpaces, Interfaces, SelfAddrs, UnknownInterface, unmapped};

/// An address of this machine, and what is known of it. Exhaustive on purpose: a driver has to find out each of
/// them, or to say `false` where its system does not tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalAddr {
    /// The address.
    pub ip: IpAddr,
    /// The name of the network interface that has it.
    pub interface: String,
    /// Whether what is sent by the default route leaves from it. One address of each family is.
    pub is_default_route: bool,
    /// Whether it is a temporary IPv6 address (RFC 8981): soon it is another one.
    pub is_temporary: bool,
    /// Whether it is an IPv6 address that no new connection should use (RFC 4862).
    pub is_deprecated: bool,
}

impl LocalAddr {
    /// An address of which nothing more is known.
    pub fn new(ip: IpAddr, interface: impl Into<String>) -> Self {
        Self {
            ip,
            interface: interface.into(),
            is_default_route: false,
            is_temporary: false,
            is_deprecated: false,
        }
    }

    /// Where it stands among others, in this space of its own; less is better.
    fn rank(&self, space: AddrSpace) -> u8 {
        match space {
            AddrSpace::Public6 => 0,
            AddrSpace::Private4 if self.is_default_route => 1,
            AddrSpace::Public4 => 2,
            AddrSpace::Private4 => 3,
            AddrSpace::Private6 => 4,
            AddrSpace::Loopback4 | AddrSpace::Loopback6 => 5,
            AddrSpace::Link4 | AddrSpace::Link6 => 6,
        }
    }
}

/// A port of a gateway that leads to this machine, for as long as the attempt lasts (port mapping: PCP, NAT-PMP or
/// UPnP-IGD). Exhaustive on purpose, as [`LocalAddr`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappedAddr {
    /// The gateway's address and port, by which the peer reaches us.
    pub external: SocketAddr,
    /// The address of this machine to which the gateway passes on what comes.
    pub internal: IpAddr,
}

impl SelfAddrs {
    /// Chooses what to offer the peer among this machine's addresses, in `spaces` and all at `port`.
    ///
    /// All `interfaces` that are up count, not only the default route's. Temporary and deprecated addresses do
    /// not. Where there are more than 9, the best win: global IPv6; the private IPv4 address of the default
    /// route; other IPv4, public before private; unique local IPv6; the rest. Among equals, the default route's
    /// is the best. No more than two of an IPv6 /64 are offered: where a system does not say which addresses
    /// are temporary, the others are.
    ///
    /// # Errors
    /// If an interface is allowed that is not there.
    pub fn select(
        local: impl IntoIterator<Item = LocalAddr>,
        port: u16,
        spaces: AddrSpaces,
        interfaces: &Interfaces,
    ) -> Result<SelfAddrs, UnknownInterface> {
        Self::select_with_mapped(local, port, spaces, interfaces, None)
    }

    /// As [`select`](Self::select), and offers what a gateway has mapped to this machine.
    ///
    /// A public mapped address has a place in any case: it is what remains where hole punching fails, so eight other
    /// addresses are left beside it. One that is private lies between two NATs, where few peers are: it takes a place
    /// that is free. None is offered that is not in `spaces`, or that leads to an address of no interface that counts.
    ///
    /// # Errors
    /// If an interface is allowed that is not there.
    pub fn select_with_mapped(
        local: impl IntoIterator<Item = LocalAddr>,
        port: u16,
        spaces: AddrSpaces,
        interfaces: &Interfaces,
        mapped: Option<MappedAddr>,
    ) -> Result<SelfAddrs, UnknownInterface> {
        let mut local: Vec<LocalAddr> = local.into_iter().collect();
        interfaces.check(&local.iter().map(|addr| addr.interface.as_str()).collect())?;
        local
            .retain(|addr| interfaces.includes(&addr.interface) && !addr.is_temporary && !addr.is_deprecated);
        let mut ranked: Vec<_> = local
            .iter()
            .filter_map(|addr| {
                let space = AddrSpace::of(addr.ip).filter(|space| spaces.contains(*space))?;
                Some((addr.rank(space), !addr.is_default_route, addr.ip.to_canonical()))
            })
            .collect();
        ranked.sort_unstable();
        let leads_here = |mapped: &MappedAddr| local.iter().any(|addr| same(addr.ip, mapped.internal));
        let mapped = mapped.filter(leads_here).map(|mapped| unmapped(mapped.external));
        let mapped = mapped.filter(|addr| spaces.includes(addr.ip()));
        let is_reserved = mapped.is_some_and(|addr| AddrSpace::of(addr.ip()) == Some(AddrSpace::Public4));

        let mut offered: Vec<IpAddr> = Vec::new();
        for (_, _, ip) in ranked {
            let siblings = offered.iter().filter(|other| same_subnet(ip, **other)).count();
            if siblings < 2 && offered.len() < Self::MAX && !offered.contains(&ip) {
                offered.push(ip);
            }
        }
        let mut offered: Vec<SocketAddr> = offered.into_iter().map(|ip| (ip, port).into()).collect();
        if let Some(mapped) = mapped.filter(|mapped| !offered.contains(mapped)) {
            if is_reserved {
                offered.truncate(Self::MAX - 1);
            }
            if offered.len() < Self::MAX {
                offered.push(mapped);
            }
        }
        Ok(Self::normalized(offered))
    }

    /// Whether a mapped address could be offered at all: where no IPv4 network is enabled, none need be asked for.
    pub fn has_use_for_mapped(spaces: AddrSpaces) -> bool {
        spaces.contains(AddrSpace::Public4) || spaces.contains(AddrSpace::Private4)
    }
}

fn same(a: IpAddr, b: IpAddr) -> bool {
    a.to_canonical() == b.to_canonical()
}

fn same_subnet(a: IpAddr, b: IpAddr) -> bool {
    match (a, b) {
        (IpAddr::V6(a), IpAddr::V6(b)) => a.segments()[..4] == b.segments()[..4],
        (IpAddr::V4(_) | IpAddr::V6(_), _) => false,
    }
}
