//! How many connections each address has in the lobby, and how quickly it makes new ones.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

/// Counts connections by what counts as one address: of IPv6 a /64, since a host has all of one.
#[derive(Debug, Default)]
pub(super) struct Households(BTreeMap<Household, Present>);

/// What counts as one address. IPv4 is among the prefixes of 0000::/8, which are nobody's (RFC 4291 section 2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Household(NonZeroU64);

impl Household {
    pub(super) fn of(ip: IpAddr) -> Self {
        let bits = match ip.to_canonical() {
            IpAddr::V4(ip) => 1 << 32 | u64::from(ip.to_bits()),
            IpAddr::V6(ip) => (ip.to_bits() >> 64) as u64,
        };
        // ::/64 has but the loopback address, and the last prefix is none that anybody is in.
        Self(NonZeroU64::new(bits).unwrap_or(NonZeroU64::MAX))
    }
}

/// The connections of one household.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Present {
    /// All of them.
    pub(super) conns: u32,
    /// Those that are being sent away.
    pub(super) leaving: u32,
}

impl Households {
    pub(super) fn of(&self, household: Household) -> Present {
        self.0.get(&household).copied().unwrap_or_default()
    }

    pub(super) fn add(&mut self, household: Household) {
        self.0.entry(household).or_default().conns += 1;
    }

    pub(super) fn leaves(&mut self, household: Household) {
        if let Some(present) = self.0.get_mut(&household) {
            present.leaving += 1;
        }
    }

    pub(super) fn remove(&mut self, household: Household, was_leaving: bool) {
        if let Some(present) = self.0.get_mut(&household) {
            present.conns -= 1;
            present.leaving -= u32::from(was_leaving);
            if present.conns == 0 {
                self.0.remove(&household);
            }
        }
    }
}

/// A token bucket for each household: it gives one token for each new connection, and is filled at a steady rate.
///
/// A bucket is one instant, at which it will be full again (the theoretical arrival time of the generic cell rate
/// algorithm). One that is full is none. So there are no more than come in the time in which a bucket fills; and
/// however many sources there are, no more than [`BUCKETS_MAX`].
#[derive(Debug, Default)]
pub(super) struct Buckets {
    full_at: BTreeMap<Household, Instant>,
    by_time: BTreeSet<(Instant, Household)>,
}

impl Buckets {
    /// Takes a token, or says after which time there will be one. Zeros are taken for ones.
    pub(super) fn take(
        &mut self,
        now: Instant,
        household: Household,
        per_second: u32,
        burst: u32,
    ) -> Result<(), Duration> {
        self.forget_full(now);
        let interval = Duration::from_secs(1) / per_second.max(1);
        let was_full_at = self.full_at.get(&household).copied();
        let full_at = was_full_at.unwrap_or(now);
        let (debt, most) = (full_at - now, interval.saturating_mul(burst.max(1) - 1));
        if debt > most {
            return Err(debt - most);
        }
        match was_full_at {
            Some(at) => _ = self.by_time.remove(&(at, household)),
            None if self.full_at.len() >= BUCKETS_MAX => self.forget_first(),
            None => {}
        }
        self.full_at.insert(household, full_at + interval);
        self.by_time.insert((full_at + interval, household));
        Ok(())
    }

    /// Drops the buckets that are full again.
    pub(super) fn forget_full(&mut self, now: Instant) {
        while self.by_time.first().is_some_and(|(at, _)| *at <= now) {
            self.forget_first();
        }
    }

    /// The one that is the first to be full again, and so has the least to be forgiven.
    fn forget_first(&mut self) {
        if let Some((_, household)) = self.by_time.pop_first() {
            self.full_at.remove(&household);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.full_at.len(), self.by_time.len());
        self.full_at.len()
    }
}

/// Some 6 MB. Whoever has more addresses than that is not held back by what one address may do.
pub(super) const BUCKETS_MAX: usize = 64 * 1024;
