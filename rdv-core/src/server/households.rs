//! How many connections each address has in the lobby.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

/// Counts connections by what counts as one address: of IPv6 a /64, since a host has all of one.
#[derive(Debug, Default)]
pub(super) struct Households(BTreeMap<Household, usize>);

/// What counts as one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Household(IpAddr);

impl Household {
    pub(super) fn of(ip: IpAddr) -> Self {
        Self(match ip.to_canonical() {
            IpAddr::V4(ip) => ip.into(),
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & (!0 << 64)).into(),
        })
    }
}

impl Households {
    pub(super) fn count(&self, household: Household) -> usize {
        self.0.get(&household).copied().unwrap_or(0)
    }

    pub(super) fn add(&mut self, household: Household) {
        *self.0.entry(household).or_default() += 1;
    }

    pub(super) fn remove(&mut self, household: Household) {
        if let Some(count) = self.0.get_mut(&household) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(&household);
            }
        }
    }
}
