//! Where there is no splice(2).

use std::io;

use socket2::SockRef;

/// What the relays of one server share, on the systems that have it: pipes.
#[derive(Clone, Debug, Default)]
pub struct Pool(());

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
