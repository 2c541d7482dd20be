//! When a relay has its byte counters looked at.

use std::time::{Duration, Instant};

/// A look at the byte counters, so that those who watch the server see the bytes of pairs that run.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) at: Instant,
    after: Duration,
}

impl Look {
    pub(super) fn soon(now: Instant) -> Self {
        Self { at: now + FIRST_LOOK, after: FIRST_LOOK }
    }

    /// Nothing has come: the quieter a pair, the less it costs.
    pub(super) fn later(self, now: Instant) -> Self {
        let after = (self.after * 2).min(LAST_LOOK);
        Self { at: now + after, after }
    }
}

const FIRST_LOOK: Duration = Duration::from_secs(5);
const LAST_LOOK: Duration = Duration::from_secs(60);
