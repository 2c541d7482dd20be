//! The states that machines are in, as the log shows them and `ARCHITECTURE.md` draws them.

use std::ops::{Deref, DerefMut};

use log::trace;

/// A kind of state, as the log names it.
pub(crate) trait Named {
    const MACHINE: &'static str;

    fn name(&self) -> &'static str;
}

/// The state that a machine is in. It changes in [`enter`](Current::enter) alone, so that each change is logged.
#[derive(Debug)]
pub(crate) struct Current<S>(S);

impl<S: Named> Current<S> {
    pub(crate) fn new(first: S) -> Self {
        log::<S>(NOWHERE, first.name());
        Self(first)
    }

    /// Goes on to the next state, and returns the one before.
    pub(crate) fn enter(&mut self, next: S) -> S {
        let (from, to) = (self.0.name(), next.name());
        if from != to {
            log::<S>(from, to);
        }
        std::mem::replace(&mut self.0, next)
    }

    /// The end of a machine that has no state for it.
    pub(crate) fn end(self) -> S {
        log::<S>(self.0.name(), NOWHERE);
        self.0
    }
}

impl<S> Deref for Current<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.0
    }
}

/// For what a state has in it.
impl<S> DerefMut for Current<S> {
    fn deref_mut(&mut self) -> &mut S {
        &mut self.0
    }
}

fn log<S: Named>(from: &str, to: &str) {
    trace!(target: "rdv_core::states", "{}: {from} -> {to}", S::MACHINE);
}

/// Before the first state and behind the last, as diagrams have it.
pub(crate) const NOWHERE: &str = "[*]";
