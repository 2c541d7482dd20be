//! The one timer of a machine.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

/// A timer that is set anew only when the deadline has changed.
#[derive(Debug)]
pub(crate) struct Timer {
    timer: async_io::Timer,
    set_to: Option<Instant>,
}

impl Timer {
    /// Ready once the deadline has come. Without one, never.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, deadline: Option<Instant>) -> Poll<()> {
        let Some(deadline) = deadline else {
            return Poll::Pending;
        };
        if self.set_to != Some(deadline) {
            self.timer.set_at(deadline);
            self.set_to = Some(deadline);
        }
        ready!(Pin::new(&mut self.timer).poll(cx));
        self.set_to = None;
        Poll::Ready(())
    }
}

impl Default for Timer {
    fn default() -> Self {
        Self { timer: async_io::Timer::never(), set_to: None }
    }
}
