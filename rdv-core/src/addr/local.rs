//! Which of a machine's addresses are offered to the peer.

use std::net::IpAddr;

use super::{AddrSpace, AddrSpaces, Interfaces, SelfAddrs, UnknownInterface};

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

        let mut offered: Vec<IpAddr> = Vec::new();
        for (_, _, ip) in ranked {
            let siblings = offered.iter().filter(|other| same_subnet(ip, **other)).count();
            if siblings < 2 && offered.len() < Self::MAX && !offered.contains(&ip) {
                offered.push(ip);
            }
        }
        Ok(Self::normalized(offered.into_iter().map(|ip| (ip, port).into())))
    }
}

fn same_subnet(a: IpAddr, b: IpAddr) -> bool {
    match (a, b) {
        (IpAddr::V6(a), IpAddr::V6(b)) => a.segments()[..4] == b.segments()[..4],
        (IpAddr::V4(_) | IpAddr::V6(_), _) => false,
    }
}
