//! What machines have in the place of a contract without the feature `watch`: nothing.

use std::time::Instant;

use crate::io::{ConnId, Input, Output};

#[derive(Debug)]
pub(crate) struct Watch;

impl Watch {
    pub(crate) fn new(_: Instant) -> Self {
        Self
    }

    pub(crate) fn later() -> Self {
        Self
    }

    pub(crate) fn accepted(&mut self, _: Instant, _: ConnId) {}

    pub(crate) fn adopt(&mut self, _: ConnId, _: bool) {}

    pub(crate) fn input(&mut self, _: Instant, _: &Input<'_>) {}

    pub(crate) fn timeout(&mut self, _: Instant) {}

    pub(crate) fn called(&mut self, _: Instant) {}

    pub(crate) fn output<E>(&mut self, _: &Output<E>) {}
}
