//! Which of a peer's addresses are the most promising.

use std::net::{IpAddr, SocketAddr};

use crate::addr::AddrSpace;

/// How far away an address seems to be. What is less is dialled first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Distance {
    /// In a network that looks like one of ours: the same /24, or /64 in IPv6.
    SameNetwork,
    /// On the internet.
    Public,
    /// In a network of which we know nothing: perhaps reachable, often another one of the same number.
    Elsewhere,
}

impl Distance {
    /// From a host with these addresses.
    pub(super) fn between(addr: IpAddr, ours: &[SocketAddr]) -> Self {
        let is_same_network = |ours: &SocketAddr| match (addr, ours.ip()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => a.octets()[..3] == b.octets()[..3],
            (IpAddr::V6(a), IpAddr::V6(b)) => a.segments()[..4] == b.segments()[..4],
            _ => false,
        };
        if ours.iter().any(is_same_network) {
            return Distance::SameNetwork;
        }
        match AddrSpace::of(addr) {
            Some(AddrSpace::Public4 | AddrSpace::Public6) => Distance::Public,
            _ => Distance::Elsewhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_are_less() {
        let ours = ["192.168.1.5:1".parse().unwrap(), "[2001:db8:1:2::5]:1".parse().unwrap()];
        let mut addrs =
            ["10.0.0.1", "203.0.113.1", "192.168.1.77", "fd00::1", "2001:db8:1:2::9", "2001:db8::1"]
                .map(|addr| addr.parse().unwrap());
        addrs.sort_by_key(|addr| Distance::between(*addr, &ours));
        let sorted = addrs.map(|addr: IpAddr| addr.to_string());
        let (near, others) = sorted.split_at(2);
        assert_eq!(near, ["192.168.1.77", "2001:db8:1:2::9"]);
        assert_eq!(others, ["203.0.113.1", "2001:db8::1", "10.0.0.1", "fd00::1"]);
    }
}
