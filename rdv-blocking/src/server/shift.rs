//! A relay thread's loop: drives the relays of its pairs, and copies their bytes.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::{Events, Poll, Token};
use rdv_core::{Allowance, Output, Relay, RelayEvent, Splice};
use rdv_socket::relay::{BUFFER_LEN, Kind, Pace, Pool};
use slab::Slab;

use super::copy::{Copy, Pumped};
use super::crew::{Crew, Desk, Order};
use crate::driver::{self, Socket};

/// The pairs of one thread.
pub(super) struct Shift {
    crew: Arc<Crew>,
    desk: Arc<Desk>,
    poll: Poll,
    orders: Receiver<Order>,
    pairs: Slab<Box<Served>>,
    deadlines: BTreeSet<(Instant, PairId)>,
    /// Pairs that had more to copy than one turn allows.
    busy: VecDeque<PairId>,
    /// Bytes on their way; one for all, since none stay in it.
    buffer: Vec<u8>,
    pool: Pool,
}

/// A pair's place. Its two connections have the tokens of twice that, and one more.
type PairId = usize;

/// A pair that is copied.
pub(super) struct Served {
    relay: Relay,
    copy: Copy,
    pace: Pace,
    deadline: Option<Instant>,
    /// Whether it stands in the queue of busy pairs.
    queued: bool,
}

impl Shift {
    /// On a poller that whoever has an order wakes, and with pipes from this pool.
    pub(super) fn new(
        crew: Arc<Crew>,
        desk: Arc<Desk>,
        poll: Poll,
        orders: Receiver<Order>,
        pool: Pool,
    ) -> Self {
        Self {
            crew,
            desk,
            poll,
            orders,
            pairs: Slab::new(),
            deadlines: BTreeSet::new(),
            busy: VecDeque::new(),
            buffer: vec![0; BUFFER_LEN],
            pool,
        }
    }

    /// Until it is told to stop. What it has left then is to be [closed](Self::close), unless it has failed.
    pub(super) fn run(mut self) -> Option<Self> {
        let mut events = Events::with_capacity(1024);
        loop {
            while let Ok(order) = self.orders.try_recv() {
                match order {
                    Order::Serve(pair) => self.serve(pair),
                    Order::Stop => return Some(self),
                }
            }
            if self.busy.is_empty() && self.desk.kind == Kind::Bulk {
                thread::sleep(BREATH);
            }
            let deadline = match self.busy.is_empty() {
                true => self.deadlines.first().map(|(at, _)| *at),
                false => Some(Instant::now()),
            };
            if let Err(err) = driver::wait(&mut self.poll, &mut events, deadline) {
                log::error!(target: "server", "a relay thread cannot go on: {err}");
                self.close();
                return None;
            }
            for event in &events {
                self.happened(event);
            }
            for _ in 0..self.busy.len() {
                if let Some(id) = self.busy.pop_front()
                    && let Some(pair) = self.pairs.get_mut(id)
                {
                    pair.queued = false;
                    self.pump(id);
                }
            }
            self.time_passes();
        }
    }

    /// Cuts off all pairs, and those that were on their way here.
    pub(super) fn close(mut self) {
        while let Ok(order) = self.orders.try_recv() {
            if let Order::Serve(pair) = order {
                self.take(pair);
            }
        }
        let ids: Vec<PairId> = self.pairs.iter().map(|(id, _)| id).collect();
        for id in ids {
            let traffic = self.pairs.get(id).map(|pair| pair.copy.traffic());
            self.act(id, |relay| {
                if let Some(traffic) = traffic {
                    relay.handle_traffic(Instant::now(), traffic);
                }
                relay.close(Instant::now());
            });
        }
    }

    fn serve(&mut self, pair: Box<Served>) {
        let id = self.take(pair);
        self.act(id, |_| {});
        self.pump(id);
    }

    fn take(&mut self, mut pair: Box<Served>) -> PairId {
        let id = self.pairs.vacant_key();
        pair.copy.register(self.poll.registry(), [Token(2 * id), Token(2 * id + 1)]);
        self.pairs.insert(pair)
    }

    fn happened(&mut self, event: &Event) {
        let (id, which) = (event.token().0 / 2, event.token().0 % 2);
        let Some(pair) = self.pairs.get_mut(id) else {
            return;
        };
        match pair.copy.happened(which, event) {
            Some(end) => {
                let traffic = pair.copy.traffic();
                self.act(id, |relay| relay.handle_end(Instant::now(), traffic, end));
            }
            None => self.pump(id),
        }
    }

    fn time_passes(&mut self) {
        let now = Instant::now();
        while let Some((_, id)) = self.deadlines.first().copied().filter(|(at, _)| *at <= now) {
            let Some(pair) = self.pairs.get(id) else {
                return;
            };
            let traffic = pair.copy.traffic();
            self.act(id, |relay| {
                relay.handle_traffic(now, traffic);
                relay.handle_timeout(now);
            });
            if self.pairs.get(id).is_some_and(|pair| pair.relay.is_limited()) {
                self.queue(id);
            }
        }
    }

    /// Tells a relay something, and has done what it wants.
    fn act(&mut self, id: PairId, tell: impl FnOnce(&mut Relay)) {
        let Some(pair) = self.pairs.get_mut(id) else {
            return;
        };
        tell(&mut pair.relay);
        let deadline = loop {
            match pair.relay.poll_output() {
                Output::Intent(intent) => pair.copy.perform(&intent, self.poll.registry()),
                Output::Event(RelayEvent::Finished(report)) => {
                    report.log();
                    if let Some(pair) = self.forget(id) {
                        self.crew.has_ended(pair);
                    }
                    return;
                }
                Output::Event(_) => {}
                Output::Wait(deadline) => break deadline,
            }
        };
        if pair.deadline != deadline {
            if let Some(at) = std::mem::replace(&mut pair.deadline, deadline) {
                self.deadlines.remove(&(at, id));
            }
            self.deadlines.extend(deadline.map(|at| (at, id)));
        }
    }

    /// Copies what there is to copy, but not without end while others wait.
    fn pump(&mut self, id: PairId) {
        let Some(pair) = self.pairs.get_mut(id) else {
            return;
        };
        let is_limited = pair.relay.is_limited();
        let allowance = match is_limited {
            true => pair.relay.allowance(Instant::now()),
            false => Allowance::Carry(u64::MAX),
        };
        let Allowance::Carry(most) = allowance else {
            // There is a new deadline.
            return self.act(id, |_| {});
        };
        let pumped = pair.copy.pump(&self.pool, &mut self.buffer, most);
        let traffic = pair.copy.traffic();
        if let Pumped::Ended(end) = pumped {
            return self.act(id, |relay| relay.handle_end(Instant::now(), traffic, end));
        }
        if is_limited {
            self.act(id, |relay| relay.handle_traffic(Instant::now(), traffic));
        }
        if let Pumped::Busy = pumped {
            self.queue(id);
        }
        self.judge(id);
    }

    /// It has its turn when those in front of it had theirs.
    fn queue(&mut self, id: PairId) {
        if let Some(pair) = self.pairs.get_mut(id)
            && !std::mem::replace(&mut pair.queued, true)
        {
            self.busy.push_back(id);
        }
    }

    /// Has a pair that goes otherwise than those of this thread served by another one.
    fn judge(&mut self, id: PairId) {
        let Some(pair) = self.pairs.get_mut(id) else {
            return;
        };
        let (here, traffic) = (self.desk.kind, pair.copy.traffic());
        let kind = pair.pace.judge(here, traffic.to_accepter + traffic.to_dialer, Instant::now);
        if kind != here
            && let Some(mut pair) = self.forget(id)
        {
            pair.copy.deregister(self.poll.registry());
            if let Err(pair) = self.crew.serve(kind, pair) {
                self.desk.serve(pair);
            }
        }
    }

    fn forget(&mut self, id: PairId) -> Option<Box<Served>> {
        let mut pair = self.pairs.try_remove(id)?;
        self.desk.has_left();
        if let Some(at) = pair.deadline.take() {
            self.deadlines.remove(&(at, id));
        }
        if std::mem::take(&mut pair.queued) {
            // The next pair may have the same place.
            self.busy.retain(|busy| *busy != id);
        }
        Some(pair)
    }
}

impl Served {
    /// The dialer's socket and the accepter's; one that is missing has been closed.
    pub(super) fn new(relay: Relay, splice: Splice, sockets: [Option<Socket>; 2]) -> Self {
        let (copy, pace) = (Copy::new(splice, sockets), Pace::new(Instant::now()));
        Self { relay, copy, pace, deadline: None, queued: false }
    }
}

/// Before a thread for bulk looks whether there is more, once it has passed on all that was there: so that more has come by then,
/// and goes in one piece. As network cards do, which interrupt no more often than that.
const BREATH: Duration = Duration::from_micros(100);
