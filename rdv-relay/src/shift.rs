//! A relay thread's loop.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Instant;

use mio::event::Event;
use mio::{Events, Poll, Token};
use rdv_core::{Relay, Traffic};
use rdv_socket::relay::{BUFFER_LEN, Kind, Pool};
use slab::Slab;

use crate::alarm::Alarm;
use crate::crew::{Desk, Order, Teams};
use crate::pair::{Place, Turn};
use crate::rest::Rest;
use crate::round::Round;
use crate::trade::{Deal, Trade};
use crate::{Ending, Leg, Pair, wait};

/// The pairs of one thread.
pub(crate) struct Shift<L: Leg, E: Ending> {
    crew: Arc<Teams<L, E>>,
    desk: Arc<Desk<L, E>>,
    poll: Poll,
    alarm: Alarm,
    orders: Receiver<Order<L, E>>,
    pairs: Slab<Box<Pair<L, E>>>,
    deadlines: BTreeSet<(Instant, PairId)>,
    /// Pairs that had more to copy than one turn allows.
    busy: Round,
    rest: Rest,
    trade: Trade,
    /// Bytes on their way; one for all, since none stay in it.
    buffer: Vec<u8>,
    pool: Pool,
}

/// A pair's place. Its two connections have the tokens of twice that, and one more.
type PairId = usize;

impl<L: Leg, E: Ending> Shift<L, E> {
    /// On a poller that whoever has an order wakes, and with pipes from this pool.
    pub(crate) fn new(
        crew: Arc<Teams<L, E>>,
        desk: Arc<Desk<L, E>>,
        poll: Poll,
        orders: Receiver<Order<L, E>>,
        pool: Pool,
    ) -> Self {
        let alarm = Alarm::new(poll.registry(), ALARM);
        Self {
            crew,
            desk,
            poll,
            alarm,
            orders,
            pairs: Slab::new(),
            deadlines: BTreeSet::new(),
            busy: Round::default(),
            rest: Rest::default(),
            trade: Trade::new(Instant::now()),
            buffer: vec![0; BUFFER_LEN],
            pool,
        }
    }

    /// Until it is told to stop. Its pairs, and those that were on their way here, are cut off then.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        loop {
            while let Ok(order) = self.orders.try_recv() {
                match order {
                    Order::Serve(pair, back) => {
                        if let Some(to) = back {
                            self.pass(&to, Deal::Give);
                        }
                        self.serve(pair);
                    }
                    Order::Stop => return self.close(),
                }
            }
            if self.desk.kind == Kind::Bulk
                && self.busy.is_empty()
                && let Some(breath) = self.rest.due(Instant::now())
            {
                thread::sleep(breath);
            }
            let until = self.alarm.set(self.deadlines.first().map(|(at, _)| *at));
            let until = if self.busy.is_empty() { until } else { Some(Instant::now()) };
            if let Err(err) = wait(&mut self.poll, &mut events, until) {
                log::error!(target: "server", "a relay thread cannot go on: {err}");
                return self.close();
            }
            self.busy.begin();
            for event in &events {
                match event.token() {
                    ALARM => self.alarm.rang(),
                    _ => self.happened(event),
                }
            }
            while let Some(id) = self.busy.next() {
                if let Some(pair) = self.pairs.get_mut(id) {
                    pair.place.queued = false;
                    self.carry(id);
                }
            }
            if self.desk.kind == Kind::Bulk && self.trade.is_due(Instant::now()) {
                self.deal();
            }
            if !self.alarm.is_set() {
                self.time_passes();
            }
        }
    }

    /// Dropping a pair cuts it off.
    fn close(mut self) {
        let coming = self.orders.try_iter().filter_map(|order| match order {
            Order::Serve(pair, _) => Some(pair),
            Order::Stop => None,
        });
        for pair in self.pairs.drain().chain(coming) {
            drop(pair);
            self.desk.has_left();
        }
    }

    fn serve(&mut self, mut pair: Box<Pair<L, E>>) {
        let id = self.pairs.vacant_key();
        pair.register(self.poll.registry(), [Token(2 * id), Token(2 * id + 1)]);
        self.pairs.insert(pair);
        self.act(id, |_, _| {});
        self.carry(id);
    }

    fn happened(&mut self, event: &Event) {
        let (id, which) = (event.token().0 / 2, event.token().0 % 2);
        let Some(pair) = self.pairs.get_mut(id) else {
            return;
        };
        match pair.happened(which, event) {
            Some(end) => self.act(id, |relay, traffic| relay.handle_end(Instant::now(), traffic, end)),
            // It has a turn anyway.
            None if pair.place.queued => {}
            None => self.carry(id),
        }
    }

    fn time_passes(&mut self) {
        let now = Instant::now();
        while let Some((_, id)) = self.deadlines.first().copied().filter(|(at, _)| *at <= now) {
            self.act(id, |relay, traffic| {
                relay.handle_traffic(now, traffic);
                relay.handle_timeout(now);
            });
            if self.pairs.get(id).is_some_and(|pair| pair.is_limited()) {
                self.queue(id);
            }
        }
    }

    /// Tells a relay something, and has done what it wants.
    fn act(&mut self, id: PairId, tell: impl FnOnce(&mut Relay, Traffic)) {
        let Some(pair) = self.pairs.get_mut(id) else {
            return;
        };
        match pair.act(tell) {
            ControlFlow::Break(()) => drop(self.forget(id)),
            ControlFlow::Continue(deadline) if pair.place.deadline != deadline => {
                if let Some(at) = std::mem::replace(&mut pair.place.deadline, deadline) {
                    self.deadlines.remove(&(at, id));
                }
                self.deadlines.extend(deadline.map(|at| (at, id)));
            }
            ControlFlow::Continue(_) => {}
        }
    }

    /// Has a pair its turn.
    fn carry(&mut self, id: PairId) {
        let Some(pair) = self.pairs.get_mut(id) else {
            return;
        };
        let is_limited = pair.is_limited();
        let turn = pair.carry(&self.pool, &mut self.buffer);
        if let Turn::Ended(end) = turn {
            return self.act(id, |relay, traffic| relay.handle_end(Instant::now(), traffic, end));
        }
        if is_limited {
            // It has a new deadline, perhaps, or has had its last byte.
            self.act(id, |_, _| {});
        }
        if let Turn::Busy = turn {
            self.queue(id);
        }
        self.judge(id);
        if self.desk.kind == Kind::Bulk && self.pairs.get_mut(id).is_some_and(|pair| !pair.streams()) {
            self.rest.put_off(Instant::now());
        }
    }

    /// It has its turn when those in front of it had theirs.
    fn queue(&mut self, id: PairId) {
        if let Some(pair) = self.pairs.get_mut(id)
            && !std::mem::replace(&mut pair.place.queued, true)
        {
            self.busy.join(id);
        }
    }

    /// Has a pair that goes otherwise than those of this thread served by another one.
    fn judge(&mut self, id: PairId) {
        let here = self.desk.kind;
        let kind = self.pairs.get_mut(id).map_or(here, |pair| pair.judge(here));
        if kind != here
            && let Some(mut pair) = self.forget(id)
        {
            pair.deregister(self.poll.registry());
            if let Err(pair) = self.crew.serve(kind, pair) {
                self.keep(pair);
            }
        }
    }

    /// Has the next thread serve a pair of this one, perhaps for one of its own.
    fn deal(&mut self) {
        if let Some(next) = self.crew.beside(&self.desk)
            && let Some(deal) = Deal::of(self.desk.pairs(), next.pairs())
        {
            self.pass(&next, deal);
        }
    }

    fn pass(&mut self, to: &Arc<Desk<L, E>>, deal: Deal) {
        let Some(mut pair) = self.trade.pick(&self.pairs).and_then(|id| self.forget(id)) else {
            return;
        };
        pair.deregister(self.poll.registry());
        let back = (deal == Deal::Swap).then(|| self.desk.clone());
        if let Err(pair) = self.crew.pass(pair, to, back) {
            self.keep(pair);
        }
    }

    /// Takes back a pair that nobody else serves: the system has no thread, that one has failed, or they have all been stopped, and
    /// this one will hear of it.
    fn keep(&self, pair: Box<Pair<L, E>>) {
        // It does not come back: this thread has not ended.
        drop(self.desk.serve(pair, None));
    }

    fn forget(&mut self, id: PairId) -> Option<Box<Pair<L, E>>> {
        let mut pair = self.pairs.try_remove(id)?;
        self.desk.has_left();
        let Place { deadline, queued } = std::mem::take(&mut pair.place);
        if let Some(at) = deadline {
            self.deadlines.remove(&(at, id));
        }
        if queued {
            // The next pair may have the same place.
            self.busy.leave(id);
        }
        Some(pair)
    }
}

/// Beside the waker's, and no pair's either.
const ALARM: Token = Token(usize::MAX - 1);
