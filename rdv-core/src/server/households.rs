//! How many connections each address has in the lobby.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::addr::unmapped;

/// Counts connections by what counts as one address: of IPv6 a /64, since a host has all of one.
#[derive(Debug, Default)]
pub(super) struct Households(BTreeMap<IpAddr, usize>);

impl Households {
    pub(super) fn count(&self, remote: SocketAddr) -> usize {
        self.0.get(&household(remote)).copied().unwrap_or(0)
    }

    pub(super) fn add(&mut self, remote: SocketAddr) {
        *self.0.entry(household(remote)).or_default() += 1;
    }

    pub(super) fn remove(&mut self, remote: SocketAddr) {
        if let Some(count) = self.0.get_mut(&household(remote)) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(&household(remote));
            }
        }
    }
}

fn household(remote: SocketAddr) -> IpAddr {
    match unmapped(remote).ip() {
        IpAddr::V4(ip) => ip.into(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & (!0 << 64)).into(),
    }
}
