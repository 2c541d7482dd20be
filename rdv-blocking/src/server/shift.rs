//! A worker's loop: drives the relays of its pairs, and copies their bytes.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Instant;

use mio::{Events, Poll};
use rdv_core::{Allowance, ConnId, Output, Relay, RelayEvent};
use rdv_socket::relay::{BUFFER_LEN, Pool};

use super::copy::{Copy, Pumped};
use super::worker::{Order, Pair};
use crate::driver::Driver;

/// The pairs of one thread.
pub(super) struct Shift {
    driver: Driver,
    pairs: HashMap<PairId, Box<Served>>,
    pair_of: HashMap<ConnId, PairId>,
    deadlines: BTreeSet<(Instant, PairId)>,
    /// Pairs that had more to copy than one turn allows.
    busy: VecDeque<PairId>,
    served: PairId,
    /// Bytes on their way; one for all, since none stay in it.
    buffer: Vec<u8>,
    pool: Pool,
}

type PairId = u64;

struct Served {
    relay: Relay,
    conns: [ConnId; 2],
    deadline: Option<Instant>,
    copy: Copy,
    /// Whether it stands in the queue of busy pairs.
    queued: bool,
}

impl Shift {
    /// On a poller that whoever has an order wakes.
    pub(super) fn new(poll: Poll, pool: Pool) -> Self {
        Self {
            driver: Driver::new(poll),
            pairs: HashMap::new(),
            pair_of: HashMap::new(),
            deadlines: BTreeSet::new(),
            busy: VecDeque::new(),
            served: 0,
            buffer: vec![0; BUFFER_LEN],
            pool,
        }
    }

    pub(super) fn run(mut self, orders: &Receiver<Order>) {
        let mut events = Events::with_capacity(1024);
        let mut ready = Vec::new();
        loop {
            loop {
                match orders.try_recv() {
                    Ok(Order::Serve(pair)) => self.serve(*pair),
                    Ok(Order::Stop) | Err(TryRecvError::Disconnected) => return self.stop(),
                    Err(TryRecvError::Empty) => break,
                }
            }
            let deadline = match self.busy.is_empty() {
                true => self.deadlines.first().map(|(at, _)| *at),
                false => Some(Instant::now()),
            };
            let waited = self.driver.wait(&mut events, deadline, |conn, failed| ready.push((conn, failed)));
            if let Err(err) = waited {
                log::error!(target: "server", "a relay thread cannot go on: {err}");
                return self.stop();
            }
            while let Some(answer) = self.driver.next_answer() {
                if let Some(id) = self.pair_of.get(&answer.conn).copied() {
                    self.act(id, |relay| relay.handle_input(Instant::now(), answer.input()));
                }
            }
            for (conn, failed) in ready.drain(..) {
                self.conn_ready(conn, failed);
            }
            for _ in 0..self.busy.len() {
                if let Some(id) = self.busy.pop_front() {
                    self.pairs.entry(id).and_modify(|pair| pair.queued = false);
                    self.pump(id);
                }
            }
            self.time_passes();
        }
    }

    fn serve(&mut self, pair: Pair) {
        self.served += 1;
        let id = self.served;
        let conns = pair.sockets.each_ref().map(|(conn, _)| *conn);
        for (conn, socket) in pair.sockets {
            self.pair_of.insert(conn, id);
            self.driver.add(socket.ok_or_else(|| io::ErrorKind::NotConnected.into()), conn);
        }
        let copy = Copy::new(pair.splice);
        let served = Served { relay: pair.relay, conns, deadline: None, copy, queued: false };
        self.pairs.insert(id, Box::new(served));
        self.act(id, |_| {});
        self.pump(id);
    }

    fn stop(mut self) {
        let ids: Vec<PairId> = self.pairs.keys().copied().collect();
        for id in ids {
            let traffic = self.pairs.get(&id).map(|pair| pair.copy.traffic());
            self.act(id, |relay| {
                if let Some(traffic) = traffic {
                    relay.handle_traffic(Instant::now(), traffic);
                }
                relay.close(Instant::now());
            });
        }
    }

    fn conn_ready(&mut self, conn: ConnId, failed: bool) {
        let Some(id) = self.pair_of.get(&conn).copied() else {
            return;
        };
        let Some(pair) = self.pairs.get(&id) else {
            return;
        };
        let error =
            if failed { self.driver.stream_mut(conn).and_then(|it| it.take_error().ok()?) } else { None };
        match error {
            // A connection that nothing is read from or written to at the moment can only fail like this.
            Some(err) => {
                let (traffic, end) = (pair.copy.traffic(), rdv_core::DataEnd::Broken(conn, err.kind()));
                self.act(id, |relay| relay.handle_end(Instant::now(), traffic, end));
            }
            None => self.pump(id),
        }
    }

    fn time_passes(&mut self) {
        let now = Instant::now();
        while let Some((_, id)) = self.deadlines.first().copied().filter(|(at, _)| *at <= now) {
            let Some(pair) = self.pairs.get(&id) else {
                return;
            };
            let traffic = pair.copy.traffic();
            self.act(id, |relay| {
                relay.handle_traffic(now, traffic);
                relay.handle_timeout(now);
            });
            if self.pairs.get(&id).is_some_and(|pair| pair.relay.is_limited()) {
                self.queue(id);
            }
        }
    }

    /// Tells a relay something, and has done what it wants.
    fn act(&mut self, id: PairId, tell: impl FnOnce(&mut Relay)) {
        let Some(pair) = self.pairs.get_mut(&id) else {
            return;
        };
        tell(&mut pair.relay);
        let deadline = loop {
            match pair.relay.poll_output() {
                Output::Intent(intent) => self.driver.perform(intent),
                Output::Event(RelayEvent::Finished(report)) => {
                    report.log();
                    return self.forget(id);
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
        let Some(pair) = self.pairs.get_mut(&id) else {
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
        let pumped = pair.copy.pump(&mut self.driver, &self.pool, &mut self.buffer, most);
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
    }

    /// It has its turn when those in front of it had theirs.
    fn queue(&mut self, id: PairId) {
        if let Some(pair) = self.pairs.get_mut(&id)
            && !std::mem::replace(&mut pair.queued, true)
        {
            self.busy.push_back(id);
        }
    }

    fn forget(&mut self, id: PairId) {
        if let Some(pair) = self.pairs.remove(&id) {
            if let Some(at) = pair.deadline {
                self.deadlines.remove(&(at, id));
            }
            for conn in pair.conns {
                self.pair_of.remove(&conn);
            }
        }
    }
}
