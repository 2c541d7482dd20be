//! Where clients wait for their peers, and how pairs are made.

use std::num::NonZeroUsize;
use std::time::Instant;

use super::super::guest::{Guest, Stage};
use super::super::metrics::PairCount;
use super::super::relay::{Relay, Side};
use super::{Lobby, LobbyEvent, Matched};
use crate::io::ConnId;
use crate::token::Token;
use crate::wire::{Reject, Role};

/// A token's: who waits, and who has come for it but is not paired yet.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) waiting: ConnId,
    /// Of the other role. Paired as soon as it is known that the waiting one is alive.
    pub(super) arriving: Option<ConnId>,
}

impl Lobby {
    /// Finds a place for a client: at a table of its own, or at its peer's.
    pub(super) fn seat(&mut self, now: Instant, conn: ConnId, role: Role, token: Token) {
        let room = self.has_room();
        let Some(table) = self.tables.get_mut(&token) else {
            if let Err(reject) = room {
                return self.reject(now, conn, reject);
            }
            self.tables.insert(token, Table { waiting: conn, arriving: None });
            return self.watch_over(now, conn);
        };
        let waiting = table.waiting;
        if self.guests.get(waiting).and_then(Guest::seat).is_none_or(|seat| seat.role != role) {
            // A waiting client may have died without our having heard of it: ask before the pair is made.
            match table.arriving.replace(conn) {
                Some(earlier) => self.reject(now, earlier, Reject::Replaced),
                None => self.out.check(waiting),
            }
        } else if let Some(arriving) = table.arriving {
            self.tables.remove(&token);
            self.reject(now, waiting, Reject::Replaced);
            self.pair(now, conn, arriving);
        } else {
            table.waiting = conn;
            self.reject(now, waiting, Reject::Replaced);
            self.watch_over(now, conn);
        }
    }

    /// Whoever waits is to be idle.
    fn watch_over(&mut self, now: Instant, conn: ConnId) {
        if self.guests.get(conn).is_some_and(|guest| guest.behind.is_empty()) {
            self.read(conn, WATCH);
        } else {
            self.reject(now, conn, Reject::NotIdle);
        }
    }

    /// The waiting client is alive and idle.
    pub(super) fn confirmed(&mut self, now: Instant, conn: ConnId, token: &Token) {
        let is_here = |table: &Table| table.waiting == conn && table.arriving.is_some();
        if self.tables.get(token).is_some_and(is_here) {
            self.set_confirmed(conn, true);
            self.confirmed.push_back((now, token.clone()));
        }
    }

    /// Makes the next pair, but only when its event is polled: what is told of the two until then is told to the
    /// lobby, and would be lost if they were a relay's already.
    pub(super) fn pair_confirmed(&mut self) {
        while self.out.is_empty()
            && let Some((at, token)) = self.confirmed.pop_front()
        {
            if let Some(&Table { waiting, arriving: Some(arriving) }) = self.tables.get(&token)
                && self.guests.get(waiting).and_then(Guest::seat).is_some_and(|seat| seat.confirmed)
            {
                self.tables.remove(&token);
                self.pair(at, waiting, arriving);
            }
        }
    }

    fn pair(&mut self, now: Instant, one: ConnId, two: ConnId) {
        let (Some((one, since)), Some((two, also))) = (self.take_side(one), self.take_side(two)) else {
            return;
        };
        let waited = now.saturating_duration_since(since.min(also));
        let count = PairCount::new(self.census.metrics().clone(), waited, self.living_pairs.clone());
        let (dialer, accepter) = match one.seat.role {
            Role::Dial => (one, two),
            Role::Accept => (two, one),
        };
        let (dialer_conn, accepter_conn) = (dialer.conn, accepter.conn);
        let pace = self.rates.pace();
        let relay = Relay::new(now, dialer, accepter, self.config.idle_timeout, count, pace);
        let matched = Matched { relay, dialer: dialer_conn, accepter: accepter_conn };
        self.out.event(LobbyEvent::Matched(Box::new(matched)));
    }

    /// And since when it has waited.
    fn take_side(&mut self, conn: ConnId) -> Option<(Side, Instant)> {
        let Guest { remote, stage, place, reading, behind, .. } = *self.forget(conn)?;
        match stage.end() {
            Stage::Seated(seat) => {
                let observed = seat.observed(remote.unpack());
                Some((Side { conn, seat, observed, reading, behind, answered: false }, place.since))
            }
            Stage::Introducing(_) | Stage::Securing | Stage::Asking(_) | Stage::Leaving(_) => None,
        }
    }

    /// Leaves its table; a client that had come for it waits there now.
    pub(super) fn rise(&mut self, now: Instant, conn: ConnId) {
        let Some(seat) = self.guests.get(conn).and_then(Guest::seat) else {
            return;
        };
        let token = seat.token.clone();
        let Some(table) = self.tables.get_mut(&token) else {
            return;
        };
        if table.arriving == Some(conn) {
            table.arriving = None;
            let waiting = table.waiting;
            self.set_confirmed(waiting, false);
        } else if table.waiting == conn {
            match table.arriving.take() {
                Some(arriving) => {
                    table.waiting = arriving;
                    self.watch_over(now, arriving);
                }
                None => {
                    self.tables.remove(&token);
                }
            }
        }
    }

    fn set_confirmed(&mut self, conn: ConnId, confirmed: bool) {
        if let Some(seat) = self.guests.get_mut(conn).and_then(Guest::seat_mut) {
            seat.confirmed = confirmed;
        }
    }
}

/// The read that watches a waiting client: any byte and any end of it is out of turn.
const WATCH: NonZeroUsize = NonZeroUsize::MIN;
