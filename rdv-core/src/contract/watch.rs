//! Machines that watch their drivers themselves: with the feature `watch`, each has a [`Contract`] of its own.

use std::time::Instant;

use super::{Contract, Watched};
use crate::io::{ConnId, Input, Output};

/// The contract of the machine that has this.
#[derive(Debug)]
pub(crate) struct Watch(Option<Contract>);

impl Watch {
    pub(crate) fn new(now: Instant) -> Self {
        Self(Some(Contract::new(now)))
    }

    /// To begin when the machine is first told the time.
    pub(crate) fn later() -> Self {
        Self(None)
    }

    pub(crate) fn accepted(&mut self, now: Instant, conn: ConnId) {
        self.at(now).accepted(conn);
    }

    pub(crate) fn adopt(&mut self, conn: ConnId, reading: bool) {
        if let Some(contract) = &mut self.0 {
            contract.adopt(conn, reading);
        }
    }

    pub(crate) fn input(&mut self, now: Instant, input: &Input<'_>) {
        self.at(now).input(now, input);
    }

    pub(crate) fn timeout(&mut self, now: Instant) {
        self.at(now).timeout(now);
    }

    pub(crate) fn called(&mut self, now: Instant) {
        self.at(now).called(now);
    }

    pub(crate) fn output<E: Watched>(&mut self, output: &Output<E>) {
        if let Some(contract) = &mut self.0 {
            contract.output(output);
        }
    }

    fn at(&mut self, now: Instant) -> &mut Contract {
        self.0.get_or_insert_with(|| Contract::new(now))
    }
}

#[cfg(test)]
mod tests;
