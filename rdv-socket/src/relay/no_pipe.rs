//! Where there is no splice(2).

use std::io;

use socket2::SockRef;

use super::stock::Stock;

/// What the relays of one server share: the memory that they may fill, and pipes on the systems that have them.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    pub(super) stock: Stock,
}

/// There is none.
#[derive(Debug)]
pub(super) enum Pipe {}

impl Pool {
    pub(super) fn lend(&self) -> Option<Pipe> {
        None
    }
}

impl Pipe {
    pub(super) fn fill(&mut self, _: &SockRef<'_>, _: usize) -> io::Result<usize> {
        match *self {}
    }

    pub(super) fn empty(&mut self, _: &SockRef<'_>) -> io::Result<usize> {
        match *self {}
    }

    pub(super) fn is_empty(&self) -> bool {
        match *self {}
    }
}
