//! Pairs whose dialer has not chosen yet. Most connect directly: no relay thread ever hears of them.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use rdv_core::{ConnId, Matched, Output, Relay, RelayEvent};
use rdv_relay::Pair;

use super::handle::{Bell, ServerHandle};
use crate::driver::{Answer, Driver, Socket};

/// Their relays, by the dialer's connection.
pub(super) struct Undecided {
    server: ServerHandle,
    pairs: HashMap<ConnId, Box<Introduced>>,
    /// Whose accepter that is.
    dialers: HashMap<ConnId, ConnId>,
    deadlines: BTreeSet<(Instant, ConnId)>,
}

struct Introduced {
    relay: Relay,
    accepter: ConnId,
    deadline: Option<Instant>,
}

/// A pair that is to be copied.
pub(super) type Decided = Box<Pair<Socket, Bell>>;

impl Undecided {
    pub(super) fn new(server: ServerHandle) -> Self {
        Self { server, pairs: HashMap::new(), dialers: HashMap::new(), deadlines: BTreeSet::new() }
    }

    /// Introduces two clients to each other.
    pub(super) fn begin(&mut self, driver: &mut Driver, matched: Matched) -> Option<Decided> {
        let Matched { relay, dialer, accepter, .. } = matched;
        self.pairs.insert(dialer, Box::new(Introduced { relay, accepter, deadline: None }));
        self.dialers.insert(accepter, dialer);
        self.act(driver, dialer, |_| {})
    }

    pub(super) fn has(&self, conn: ConnId) -> bool {
        self.pairs.contains_key(&conn) || self.dialers.contains_key(&conn)
    }

    /// Takes the answer to an intent. A pair that comes back is to be copied.
    pub(super) fn handle(&mut self, driver: &mut Driver, answer: &Answer) -> Option<Decided> {
        let dialer = self.dialers.get(&answer.conn).copied().unwrap_or(answer.conn);
        self.act(driver, dialer, |relay| relay.handle_input(Instant::now(), answer.input()))
    }

    /// When the first of them has been idle for too long.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    pub(super) fn time_passes(&mut self, driver: &mut Driver) {
        let now = Instant::now();
        while let Some((_, dialer)) = self.deadlines.first().copied().filter(|(at, _)| *at <= now) {
            // Nobody is copied because of the time.
            let _ = self.act(driver, dialer, |relay| relay.handle_timeout(now));
        }
    }

    /// Cuts them all off.
    pub(super) fn close(&mut self, driver: &mut Driver) {
        for dialer in self.pairs.keys().copied().collect::<Vec<_>>() {
            let _ = self.act(driver, dialer, |relay| relay.close(Instant::now()));
        }
    }

    /// Tells a relay something, and has done what it wants.
    fn act(&mut self, driver: &mut Driver, dialer: ConnId, tell: impl FnOnce(&mut Relay)) -> Option<Decided> {
        let pair = self.pairs.get_mut(&dialer)?;
        tell(&mut pair.relay);
        let deadline = loop {
            match pair.relay.poll_output() {
                Output::Intent(intent) => driver.perform(intent),
                Output::Event(RelayEvent::Splice(splice)) => {
                    let Introduced { relay, accepter, .. } = *self.forget(dialer)?;
                    let sockets = [dialer, accepter].map(|conn| driver.remove(conn));
                    let bell = Bell(self.server.clone());
                    return Some(Box::new(Pair::new(relay, &splice, sockets, bell)));
                }
                Output::Event(RelayEvent::Finished(report)) => {
                    report.log();
                    let pair = self.forget(dialer)?;
                    driver.drop_answers([dialer, pair.accepter]);
                    return None;
                }
                Output::Event(_) => {}
                Output::Wait(deadline) => break deadline,
            }
        };
        if pair.deadline != deadline {
            if let Some(at) = std::mem::replace(&mut pair.deadline, deadline) {
                self.deadlines.remove(&(at, dialer));
            }
            self.deadlines.extend(deadline.map(|at| (at, dialer)));
        }
        None
    }

    fn forget(&mut self, dialer: ConnId) -> Option<Box<Introduced>> {
        let pair = self.pairs.remove(&dialer)?;
        self.dialers.remove(&pair.accepter);
        if let Some(at) = pair.deadline {
            self.deadlines.remove(&(at, dialer));
        }
        Some(pair)
    }
}
