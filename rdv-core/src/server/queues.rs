//! The clients of a lobby, and whose time is over next.

use std::time::{Duration, Instant};

use super::LobbyConfig;
use super::farewell::FAREWELL_TIMEOUT;
use super::guest::Guest;
use crate::conns::ConnMap;
use crate::io::{ConnId, after, earlier};

/// All clients, each in one queue at the most.
///
/// Whoever comes to a queue later has to leave it later, for all of them have the same time there. So it is a chain through
/// the clients themselves, in which nobody has to be looked for.
#[derive(Debug)]
pub(super) struct Guests {
    /// In boxes, for the list has room for more than there are.
    all: ConnMap<Box<Guest>>,
    queues: [Queue; 3],
}

/// What a client is given time for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// Its request's head.
    Head,
    /// Its peer to come.
    Peer,
    /// Its last answer to be read.
    Farewell,
}

/// A client's place in its queue; or, if it is in none, the last that it has had.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) since: Instant,
    ahead: Option<ConnId>,
    behind: Option<ConnId>,
}

#[derive(Debug)]
struct Queue {
    /// For each; if there is none, they may stay.
    timeout: Option<Duration>,
    first: Option<ConnId>,
    last: Option<ConnId>,
    /// When the time of the first is over.
    due: Option<Instant>,
}

impl Guests {
    pub(super) fn new(config: &LobbyConfig) -> Self {
        let queue = |timeout| Queue { timeout, first: None, last: None, due: None };
        let timeouts = [Some(config.head_timeout), config.lobby_timeout, Some(FAREWELL_TIMEOUT)];
        Self { all: ConnMap::new(), queues: timeouts.map(queue) }
    }

    pub(super) fn insert(&mut self, conn: ConnId, guest: Guest) {
        self.all.insert(conn, Box::new(guest));
    }

    pub(super) fn remove(&mut self, conn: ConnId) -> Option<Box<Guest>> {
        self.leave_queue(conn);
        self.all.remove(conn)
    }

    /// Gives it time anew, for this.
    pub(super) fn wait_for(&mut self, now: Instant, conn: ConnId, what: Patience) {
        self.leave_queue(conn);
        let Some(guest) = self.all.get_mut(conn) else {
            return;
        };
        let queue = &mut self.queues[what as usize];
        let ahead = queue.last.replace(conn);
        guest.queue = Some(what);
        guest.place = Place { since: now, ahead, behind: None };
        match ahead.and_then(|ahead| self.all.get_mut(ahead)) {
            Some(ahead) => ahead.place.behind = Some(conn),
            None => queue.begin_with(Some((conn, now))),
        }
    }

    /// One whose time is over, and which has no place any more.
    pub(super) fn next_due(&mut self, now: Instant) -> Option<ConnId> {
        let is_due = |queue: &&Queue| queue.due.is_some_and(|at| at <= now);
        let conn = self.queues.iter().filter(is_due).min_by_key(|queue| queue.due)?.first?;
        self.leave_queue(conn);
        Some(conn)
    }

    pub(super) fn get_mut(&mut self, conn: ConnId) -> Option<&mut Guest> {
        self.all.get_mut(conn).map(|guest| &mut **guest)
    }

    pub(super) fn get(&self, conn: ConnId) -> Option<&Guest> {
        self.all.get(conn).map(|guest| &**guest)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ConnId, &Guest)> {
        self.all.iter().map(|(conn, guest)| (conn, &**guest))
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let [head, peer, farewell] = &self.queues;
        earlier(head.due, earlier(peer.due, farewell.due))
    }

    fn leave_queue(&mut self, conn: ConnId) {
        let Some(guest) = self.all.get_mut(conn) else {
            return;
        };
        let Some(what) = guest.queue.take() else {
            return;
        };
        let Place { ahead, behind, .. } = guest.place;
        let queue = &mut self.queues[what as usize];
        let behind_since = match behind.and_then(|conn| self.all.get_mut(conn)) {
            Some(guest) => {
                guest.place.ahead = ahead;
                Some(guest.place.since)
            }
            None => {
                queue.last = ahead;
                None
            }
        };
        match ahead.and_then(|conn| self.all.get_mut(conn)) {
            Some(guest) => guest.place.behind = behind,
            None => queue.begin_with(behind.zip(behind_since)),
        }
    }
}

impl Place {
    pub(super) fn none(now: Instant) -> Self {
        Self { since: now, ahead: None, behind: None }
    }
}

impl Queue {
    /// With this one, who has been there since then.
    fn begin_with(&mut self, first: Option<(ConnId, Instant)>) {
        self.first = first.map(|(conn, _)| conn);
        self.due = first.zip(self.timeout).map(|((_, since), timeout)| after(since, timeout));
    }
}
