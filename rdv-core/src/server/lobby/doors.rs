//! Who is let in, and who has a place: decided by numbers alone, before a client has said a word.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

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
    pub(super) fn knock(&mut self, now: Instant, remote: SocketAddr) -> Door {
        if self.guests.len() >= self.config.max_waiting.saturating_mul(2) {
            return Door::Shut(Reject::Full);
        }
        let open = self.open();
        if self.max_open() + OPEN_SPARE <= open {
            return Door::Shut(Reject::Overloaded);
        }
        let present = self.per_addr.of(remote);
        let reject = if self.max_open() <= open {
            Reject::Overloaded
        } else if present.conns >= self.config.max_conns_per_addr {
            Reject::FullForAddr
        } else if let Err(wait) = self.take_token(now, remote) {
            Reject::RateLimited(wait)
        } else {
            return Door::Open;
        };
        if present.leaving >= LEAVING_MAX { Door::Shut(reject) } else { Door::Refused(reject) }
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
        self.config.max_open.unwrap_or(usize::MAX / 4)
    }

    fn take_token(&mut self, now: Instant, remote: SocketAddr) -> Result<(), std::time::Duration> {
        match self.config.max_rate_per_addr {
            Some(rate) => self.buckets.take(now, remote, rate, self.config.max_burst_per_addr),
            None => Ok(()),
        }
    }
}

/// Connections beyond `max_open`, for refusals.
const OPEN_SPARE: usize = 32;
/// Of one household, connections that are being sent away before new ones are closed without a word.
const LEAVING_MAX: usize = 16;
