//! How clients leave the lobby: told why, or by themselves.

use std::time::Instant;

use bytes::Bytes;
use log::debug;

use super::super::farewell::Farewell;
use super::super::guest::{Guest, Stage};
use super::super::metrics::HeadFault;
use super::super::queues::Patience;
use super::{Lobby, LobbyEvent, Reason};
use crate::io::ConnId;
use crate::wire::Reject;

impl Lobby {
    pub(super) fn reject(&mut self, now: Instant, conn: ConnId, reject: Reject) {
        self.rise(now, conn);
        let Some(guest) = self.guests.get(conn) else {
            return;
        };
        debug!("rejected {}: {reject}", guest.remote.unpack());
        self.census.metrics().refused(&reject);
        self.see_off(now, conn, reject.encode(), Reason::Rejected(reject));
    }

    /// Its last answer.
    pub(super) fn see_off(&mut self, now: Instant, conn: ConnId, answer: Bytes, reason: Reason) {
        let Some(guest) = self.guests.get_mut(conn) else {
            return;
        };
        let farewell = Farewell::say(now, conn, guest.reading, answer, &mut self.out);
        guest.stage.enter(Stage::Leaving(farewell));
        let remote = guest.remote.unpack();
        if let Some(household) = guest.household {
            self.per_addr.leaves(household);
        }
        self.guests.wait_for(now, conn, Patience::Farewell);
        self.out.event(LobbyEvent::Left { remote, reason });
    }

    /// The client that asked went away by itself.
    pub(super) fn gone(&mut self, now: Instant, conn: ConnId, fault: HeadFault) {
        if self.guests.get(conn).is_some_and(|guest| guest.told > 0) {
            return self.leave(now, conn, Reason::Observed);
        }
        self.census.metrics().failed(fault);
        self.leave(now, conn, Reason::Gone);
    }

    pub(super) fn leave(&mut self, now: Instant, conn: ConnId, reason: Reason) {
        self.rise(now, conn);
        if let Some(guest) = self.guests.get(conn) {
            self.out.event(LobbyEvent::Left { remote: guest.remote.unpack(), reason });
        }
        self.dismiss(conn);
    }

    pub(super) fn dismiss(&mut self, conn: ConnId) {
        if let Some(guest) = self.forget(conn) {
            guest.stage.end();
            self.out.close(conn);
        }
    }

    pub(super) fn forget(&mut self, conn: ConnId) -> Option<Box<Guest>> {
        let guest = self.guests.remove(conn)?;
        if let Some(household) = guest.household {
            self.per_addr.remove(household, matches!(*guest.stage, Stage::Leaving(_)));
        }
        Some(guest)
    }
}
