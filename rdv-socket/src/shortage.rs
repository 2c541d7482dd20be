//! What is logged while a server cannot accept connections.

use std::io;
use std::time::{Duration, Instant};

/// Whether the system has connections to give to a server. Said when that changes, but no more than once in ten seconds.
#[derive(Debug, Default)]
pub struct Shortage {
    is_on: bool,
    /// When it was last said that there are none; and whether it has been said of this time.
    said: Option<Instant>,
    is_said: bool,
}

impl Shortage {
    /// Accepting has failed, and that is [about more than one connection](crate::is_about_one). The server pauses.
    pub fn begins(&mut self, now: Instant, error: &io::Error) {
        let is_new = !std::mem::replace(&mut self.is_on, true);
        if is_new && self.said.is_none_or(|at| now.duration_since(at) >= QUIET) {
            (self.said, self.is_said) = (Some(now), true);
            log::warn!(target: "server", "cannot accept connections, pausing: {error}");
        }
    }

    /// All that were in the queue have been accepted.
    pub fn ends(&mut self) {
        self.is_on = false;
        if std::mem::take(&mut self.is_said) {
            log::info!(target: "server", "accepting connections again");
        }
    }
}

const QUIET: Duration = Duration::from_secs(10);
