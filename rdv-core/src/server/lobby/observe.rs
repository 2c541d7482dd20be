//! A second opinion: a client asks on its other family by which address it is seen there (`EXTENSIONS.md`).

use std::net::SocketAddr;
use std::time::Instant;

use log::debug;

use super::super::Caller;
use super::super::guest::Stage;
use super::{Lobby, Reason};
use crate::io::ConnId;
use crate::wire::{AttemptId, Observe, Opinion};

/// What has become of an address.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Noted {
    /// The client's peer will be told of it.
    Yes,
    /// The client has no room for it.
    No,
    /// There is no such client.
    Nobody,
}

impl Lobby {
    /// Tells a client its address, and keeps it for the peer of the client that it belongs to.
    pub(super) fn observe(&mut self, now: Instant, conn: ConnId, observe: &Observe) {
        let observed = match self.sight(now, conn, &observe.headers) {
            Ok(observed) => observed,
            Err(reject) => return self.reject(now, conn, reject),
        };
        let Observe { token, headers, .. } = observe;
        if let Err(reject) = self.config.admission.admit(&Caller { role: None, token, headers, observed }) {
            return self.reject(now, conn, reject);
        }
        let noted = match observe.attempt {
            Some(attempt) => self.note_addr(observe, attempt, observed),
            None => Noted::No,
        };
        let reader = self.head_reader();
        let Some(guest) = self.guests.get_mut(conn) else {
            return;
        };
        self.census.metrics().observed();
        guest.told += 1;
        let ask_again = noted == Noted::Nobody && guest.told < TOLD_MAX;
        let answer = Opinion { observed, noted: noted == Noted::Yes, ask_again }.encode();
        if ask_again {
            // Read on once that is written. For all of it there is the time that there is for one request.
            guest.stage.enter(Stage::Asking(reader));
            self.out.write(conn, answer);
        } else {
            self.see_off(now, conn, answer, Reason::Observed);
        }
    }

    fn note_addr(&mut self, observe: &Observe, attempt: AttemptId, addr: SocketAddr) -> Noted {
        let Some(table) = self.tables.get(&observe.token) else {
            return Noted::Nobody;
        };
        for conn in [Some(table.waiting), table.arriving].into_iter().flatten() {
            let Some(guest) = self.guests.get_mut(conn) else {
                continue;
            };
            let remote = guest.remote.unpack();
            let Some(seat) = guest.seat_mut().filter(|seat| seat.attempt == Some(attempt)) else {
                continue;
            };
            let listed = |also| seat.peer_addrs(seat.observed(remote), also).contains(&addr);
            if !listed(seat.also_observed.as_deref().copied()) {
                if seat.also_observed.is_some() || !listed(Some(addr)) {
                    return Noted::No;
                }
                seat.also_observed = Some(Box::new(addr));
            }
            debug!("also observed: {} {} from {addr}", seat.role, seat.token);
            return Noted::Yes;
        }
        Noted::Nobody
    }
}

/// How often a client is told its address on one connection: a few times, for the other one may be late.
const TOLD_MAX: u8 = 3;
