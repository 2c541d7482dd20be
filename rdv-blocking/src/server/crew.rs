//! The threads that relay, as the front sees them: they are given pairs, and told to stop.
//!
//! Those in bulk have threads of their own, lest a word wait for what others send. How a pair goes shows only as it
//! [goes](rdv_socket::relay::Pace); it moves from one thread to another then.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use mio::{Poll, Token, Waker};
use rdv_socket::relay::{Kind, Pool};

use super::ServerHandle;
use super::shift::{Served, Shift};

/// All of them, as each of them sees them too.
pub(super) struct Crew {
    /// So many of each kind, at most.
    each: usize,
    talk: Mutex<Team>,
    bulk: Mutex<Team>,
    pool: Pool,
    server: ServerHandle,
}

/// The threads of a kind.
#[derive(Default)]
struct Team {
    desks: Vec<Arc<Desk>>,
    /// A thread returns what it has left, unless it has failed.
    threads: Vec<JoinHandle<Option<Shift>>>,
    is_stopped: bool,
}

/// Where a thread takes its orders.
pub(super) struct Desk {
    pub(super) kind: Kind,
    orders: Sender<Order>,
    waker: Waker,
    /// How many it has, those on their way to it included.
    pairs: AtomicUsize,
}

/// What a thread is told.
pub(super) enum Order {
    Serve(Box<Served>),
    Stop,
}

impl Crew {
    /// So many threads, and as many again for bulk once they are needed.
    pub(super) fn start(each: usize, server: ServerHandle) -> io::Result<Arc<Self>> {
        let crew = Arc::new(Self {
            each: each.max(1),
            talk: Mutex::default(),
            bulk: Mutex::default(),
            pool: Pool::default(),
            server,
        });
        for _ in 0..crew.each {
            let started = crew.team(Kind::Talk).start(Kind::Talk, &crew);
            if let Err(err) = started {
                crew.stop();
                return Err(err);
            }
        }
        Ok(crew)
    }

    /// Has a pair copied by one of the threads of this kind: the one with the fewest. It comes back if there is none.
    pub(super) fn serve(self: &Arc<Self>, kind: Kind, pair: Box<Served>) -> Result<(), Box<Served>> {
        let mut team = self.team(kind);
        if team.desks.len() < self.each
            && !team.is_stopped
            && team.desks.iter().all(|desk| desk.pairs() > 0)
            && let Err(err) = team.start(kind, self)
        {
            log::debug!(target: "server", "cannot start another relay thread: {err}");
        }
        match team.desks.iter().min_by_key(|desk| desk.pairs()) {
            Some(desk) => desk.serve(pair),
            None => return Err(pair),
        }
        Ok(())
    }

    /// Cuts off all pairs, and ends the threads; once is enough.
    pub(super) fn stop(&self) {
        let mut threads = Vec::new();
        for kind in [Kind::Talk, Kind::Bulk] {
            let mut team = self.team(kind);
            team.is_stopped = true;
            team.desks.iter().for_each(|desk| desk.order(Order::Stop));
            threads.append(&mut team.threads);
        }
        // Those who are on their way from one to the other are found once nobody moves any more.
        let shifts: Vec<_> = threads.into_iter().map(JoinHandle::join).collect();
        for shift in shifts {
            match shift {
                Ok(shift) => shift.into_iter().for_each(Shift::close),
                Err(_) => log::error!(target: "server", "a relay thread has panicked"),
            }
        }
    }

    /// One of them has ended.
    pub(super) fn has_ended(&self, pair: Box<Served>) {
        // It counts until it is gone.
        drop(pair);
        self.server.pair_has_ended();
    }

    fn team(&self, kind: Kind) -> MutexGuard<'_, Team> {
        let team = match kind {
            Kind::Talk => &self.talk,
            Kind::Bulk => &self.bulk,
        };
        team.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Team {
    fn start(&mut self, kind: Kind, crew: &Arc<Crew>) -> io::Result<()> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let (orders, receiver) = channel();
        let desk = Arc::new(Desk { kind, orders, waker, pairs: AtomicUsize::new(0) });
        let shift = Shift::new(crew.clone(), desk.clone(), poll, receiver, crew.pool.clone());
        let (name, slice) = match kind {
            Kind::Talk => ("rdv-relay", TALK_SLICE),
            Kind::Bulk => ("rdv-bulk", BULK_SLICE),
        };
        self.threads.push(Builder::new().name(name.into()).spawn(move || {
            if let Err(err) = rdv_socket::set_slice(slice) {
                log::debug!(target: "server", "{name} threads run for as long in one go as any: {err}");
            }
            shift.run()
        })?);
        self.desks.push(desk);
        Ok(())
    }
}

impl Desk {
    pub(super) fn serve(&self, pair: Box<Served>) {
        self.pairs.fetch_add(1, Ordering::Relaxed);
        self.order(Order::Serve(pair));
    }

    /// A pair has ended, or has gone elsewhere.
    pub(super) fn has_left(&self) {
        self.pairs.fetch_sub(1, Ordering::Relaxed);
    }

    fn pairs(&self) -> usize {
        self.pairs.load(Ordering::Relaxed)
    }

    fn order(&self, order: Order) {
        if self.orders.send(order).is_err() {
            // It has been stopped already, or has failed and said so.
            return;
        }
        if let Err(err) = self.waker.wake() {
            log::error!(target: "server", "cannot wake a relay thread: {err}");
        }
    }
}

const WAKER: Token = Token(usize::MAX);
/// How long the threads of each kind run in one go. Those for bulk longest, so that a word is passed on before they go on. The
/// others still longer than most threads (3 ms): whoever is here and gets a word runs at once, and answers before it is waited
/// for. Were they short, a word that comes often would lose its turn to whatever else computes here.
const TALK_SLICE: Duration = Duration::from_millis(4);
const BULK_SLICE: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests;
