//! A pair while it is introduced, and its clients.

use std::net::SocketAddr;

use bytes::Bytes;

use super::super::guest::Seat;
use super::Early;
use crate::io::ConnId;
use crate::wire::{LineReader, Role, switching_protocols};

/// What there is of a pair until its bytes are copied. Then it is gone: idle pairs are many.
#[derive(Debug)]
pub(super) struct Introduction {
    pub(super) dialer: Side,
    pub(super) accepter: Side,
    /// Of the dialer's command.
    pub(super) reader: LineReader,
    /// What both have said that is the application's.
    pub(super) behind_command: Bytes,
    pub(super) early: Early,
}

/// One client of a pair.
#[derive(Debug)]
pub(in crate::server) struct Side {
    pub(in crate::server) conn: ConnId,
    pub(in crate::server) seat: Seat,
    pub(in crate::server) observed: SocketAddr,
    /// Whether the lobby's read of one byte is still under way.
    pub(in crate::server) reading: bool,
    /// What it has said behind its request.
    pub(in crate::server) behind: Box<[u8]>,
    /// Whether its 101 is written.
    pub(in crate::server) answered: bool,
}

impl Introduction {
    pub(super) fn side(&self, role: Role) -> &Side {
        match role {
            Role::Dial => &self.dialer,
            Role::Accept => &self.accepter,
        }
    }

    pub(super) fn side_mut(&mut self, role: Role) -> &mut Side {
        match role {
            Role::Dial => &mut self.dialer,
            Role::Accept => &mut self.accepter,
        }
    }
}

impl Side {
    /// Its 101, which tells it of its peer.
    pub(super) fn answer(&self, peer: &Side) -> Bytes {
        let also = peer.seat.also_observed.as_deref().copied();
        switching_protocols(self.observed, &peer.seat.peer_addrs(peer.observed, also))
    }
}
