//! When a relay has its byte counters looked at.

use std::time::{Duration, Instant};

/// A look at the byte counters, so that those who watch the server see the bytes of pairs that run.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) at: Instant,
    /// In seconds: of these there are many.
    after: u32,
}

impl Look {
    pub(super) fn soon(now: Instant) -> Self {
        Self::in_secs(now, FIRST_LOOK)
    }

    /// Nothing has come: the quieter a pair, the less it costs.
    pub(super) fn later(self, now: Instant) -> Self {
        Self::in_secs(now, (self.after * 2).min(LAST_LOOK))
    }

    fn in_secs(now: Instant, after: u32) -> Self {
        Self { at: now + Duration::from_secs(after.into()), after }
    }
}

const FIRST_LOOK: u32 = 5;
const LAST_LOOK: u32 = 60;
