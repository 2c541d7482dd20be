//! Who is let in, and who has a place: decided by numbers alone, before a client has said a word.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::households::Household;
use super::Lobby;
use crate::wire::Reject;

/// What awaits a connection that comes in.
pub(super) enum Door {
    /// It may speak.
    Open,
    /// It is told why not.
    Refused(Reject),
    /// So many are being told so already that this one is not: a refusal must cost less than it costs to ask for it.
    Shut(Reject),
}

impl Lobby {
    pub(super) fn knock(&mut self, now: Instant, household: Household) -> Door {
        match self.room() {
            Door::Open => self.allowance(now, household),
            door @ (Door::Refused(_) | Door::Shut(_)) => self.or_shut(door, household),
        }
    }

    /// By how many there are in all.
    fn room(&self) -> Door {
        let open = self.open();
        if self.guests.len() >= self.config.max_waiting.saturating_mul(2) {
            Door::Shut(Reject::Full)
        } else if self.max_open() + OPEN_SPARE <= open {
            Door::Shut(Reject::Overloaded)
        } else if self.max_open() <= open {
            Door::Refused(Reject::Overloaded)
        } else {
            Door::Open
        }
    }

    /// By what this household has had already. If it is let in that counts.
    fn allowance(&mut self, now: Instant, household: Household) -> Door {
        if self.per_addr.of(household).conns >= self.config.max_conns_per_addr {
            return self.or_shut(Door::Refused(Reject::FullForAddr), household);
        }
        match self.take_token(now, household) {
            Ok(()) => Door::Open,
            Err(wait) => self.or_shut(Door::Refused(Reject::RateLimited(wait)), household),
        }
    }

    fn or_shut(&self, door: Door, household: Household) -> Door {
        match door {
            Door::Refused(reject) if self.per_addr.of(household).leaving >= LEAVING_MAX => Door::Shut(reject),
            Door::Open | Door::Refused(_) | Door::Shut(_) => door,
        }
    }

    /// Whether one more client may wait: there must be room for its peer, too.
    pub(super) fn has_room(&self) -> Result<(), Reject> {
        if self.tables.len() >= self.config.max_waiting {
            return Err(Reject::Full);
        }
        let peers = self.tables.len() + 1;
        if 2 * (peers + self.pairs()) > self.max_open() { Err(Reject::Overloaded) } else { Ok(()) }
    }

    /// How many pairs this lobby has made that are not history yet.
    pub fn pairs(&self) -> usize {
        Arc::strong_count(&self.living_pairs) - 1
    }

    /// Connections that are open, those of pairs included.
    fn open(&self) -> usize {
        self.guests.len() + 2 * self.pairs()
    }

    fn max_open(&self) -> usize {
        // Sums with it must not overflow.
        self.config.max_open.unwrap_or(usize::MAX).min(usize::MAX / 4)
    }

    fn take_token(&mut self, now: Instant, household: Household) -> Result<(), Duration> {
        match self.config.max_rate_per_addr {
            Some(rate) => self.buckets.take(now, household, rate, self.config.max_burst_per_addr),
            None => Ok(()),
        }
    }
}

/// Connections beyond `max_open`, for refusals.
const OPEN_SPARE: usize = 32;
/// Of one household, connections that are being sent away before new ones are closed without a word.
const LEAVING_MAX: usize = 16;
