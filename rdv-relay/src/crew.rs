//! The threads, as a server sees them: they are given pairs, and told to stop.
//!
//! Those in bulk have threads of their own, lest a word wait for what others send. How a pair goes shows only as it
//! [goes](rdv_socket::relay::Pace); it moves from one thread to another then.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use mio::{Poll, Token, Waker};
use rdv_socket::Wakeup;
use rdv_socket::relay::{Kind, Pool};

use crate::shift::Shift;
use crate::{Ending, Leg, Pair};

/// The relay threads of a server. They begin as they are needed, and end with it: then all that they relay is cut off.
pub struct Crew<L: Leg, E: Ending>(Arc<Teams<L, E>>);

/// The same as each of the threads sees it.
pub(crate) struct Teams<L: Leg, E: Ending> {
    /// So many for those who exchange a little, at most.
    talkers: usize,
    talk: Mutex<Team<L, E>>,
    bulk: Mutex<Team<L, E>>,
    pool: Pool,
}

/// The threads of a kind.
struct Team<L: Leg, E: Ending> {
    desks: Vec<Arc<Desk<L, E>>>,
    threads: Vec<JoinHandle<()>>,
    is_stopped: bool,
}

/// Where a thread takes its orders.
pub(crate) struct Desk<L: Leg, E: Ending> {
    pub(crate) kind: Kind,
    orders: Sender<Order<L, E>>,
    waker: Waker,
    /// How many it has, those on their way to it included.
    pairs: AtomicUsize,
}

/// What a thread is told.
pub(crate) enum Order<L: Leg, E: Ending> {
    /// Serve a pair, and pass one on for it, if there is a thread to pass it on to.
    Serve(Box<Pair<L, E>>, Option<Arc<Desk<L, E>>>),
    Stop,
}

impl<L: Leg, E: Ending> Crew<L, E> {
    /// Of so many threads at most, and twice as many for bulk, with pipes from this pool.
    pub fn new(talkers: usize, pool: Pool) -> Self {
        let (talk, bulk) = (Mutex::default(), Mutex::default());
        Self(Arc::new(Teams { talkers: talkers.max(1), talk, bulk, pool }))
    }

    /// Begins so many of those that are not for bulk, unless there are as many: so a server knows beforehand whether the system
    /// has threads.
    ///
    /// # Errors
    /// The system's.
    pub fn start(&self, threads: usize) -> io::Result<()> {
        let mut team = self.0.team(Kind::Talk);
        while team.desks.len() < threads.min(self.0.most(Kind::Talk)) && !team.is_stopped {
            team.start(Kind::Talk, &self.0)?;
        }
        Ok(())
    }

    /// Has a pair served to its end. Nothing is known of it yet, so it is taken for one of those who exchange a little.
    ///
    /// # Errors
    /// The pair comes back if the system has no thread, or they have been stopped.
    pub fn serve(&self, pair: Box<Pair<L, E>>) -> Result<(), Box<Pair<L, E>>> {
        self.0.serve(Kind::Talk, pair)
    }

    /// Cuts off all pairs, and waits for the threads to end; once is enough.
    pub fn stop(&self) {
        for thread in self.dismiss() {
            if thread.join().is_err() {
                log::error!(target: "server", "a relay thread has panicked");
            }
        }
    }

    /// How many pairs are served as ones of this kind.
    pub fn pairs(&self, kind: Kind) -> usize {
        self.0.team(kind).desks.iter().map(|desk| desk.pairs()).sum()
    }

    /// How many threads there are of this kind.
    pub fn threads(&self, kind: Kind) -> usize {
        self.0.team(kind).desks.len()
    }

    /// Has the threads end, which takes no longer than a turn of a pair.
    fn dismiss(&self) -> Vec<JoinHandle<()>> {
        let mut threads = Vec::new();
        for kind in [Kind::Talk, Kind::Bulk] {
            let mut team = self.0.team(kind);
            team.is_stopped = true;
            team.desks.iter().for_each(|desk| drop(desk.order(Order::Stop)));
            threads.append(&mut team.threads);
        }
        threads
    }
}

impl<L: Leg, E: Ending> Drop for Crew<L, E> {
    fn drop(&mut self) {
        drop(self.dismiss());
    }
}

impl<L: Leg, E: Ending> fmt::Debug for Crew<L, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [talk, bulk] = [Kind::Talk, Kind::Bulk].map(|kind| self.pairs(kind));
        f.debug_struct("Crew").field("talk", &talk).field("bulk", &bulk).finish_non_exhaustive()
    }
}

impl<L: Leg, E: Ending> Teams<L, E> {
    /// By one of the threads of this kind: the one with the fewest. In place of one that has failed there is another.
    pub(crate) fn serve(
        self: &Arc<Self>,
        kind: Kind,
        mut pair: Box<Pair<L, E>>,
    ) -> Result<(), Box<Pair<L, E>>> {
        let mut team = self.team(kind);
        if team.is_stopped {
            return Err(pair);
        }
        loop {
            if team.desks.len() < self.most(kind)
                && team.desks.iter().all(|desk| desk.pairs() > 0)
                && let Err(err) = team.start(kind, self)
            {
                log::debug!(target: "server", "cannot start another relay thread: {err}");
            }
            let Some(desk) = team.desks.iter().min_by_key(|desk| desk.pairs()).cloned() else {
                return Err(pair);
            };
            match team.serve(pair, &desk, None) {
                Ok(()) => return Ok(()),
                Err(back) => pair = back,
            }
        }
    }

    /// The next thread of its kind, around the circle; there may be no other one.
    pub(crate) fn beside(&self, desk: &Arc<Desk<L, E>>) -> Option<Arc<Desk<L, E>>> {
        let team = self.team(desk.kind);
        let mut circle = team.desks.iter().chain(&team.desks);
        circle.find(|it| Arc::ptr_eq(it, desk))?;
        circle.next().filter(|it| !Arc::ptr_eq(it, desk)).cloned()
    }

    /// By a certain thread, which passes one on for it, if there is a thread to pass it on to.
    pub(crate) fn pass(
        &self,
        pair: Box<Pair<L, E>>,
        to: &Arc<Desk<L, E>>,
        back: Option<Arc<Desk<L, E>>>,
    ) -> Result<(), Box<Pair<L, E>>> {
        let mut team = self.team(to.kind);
        if team.is_stopped { Err(pair) } else { team.serve(pair, to, back) }
    }

    /// So many threads of a kind there may be. Where the CPUs have more to do than to relay, each thread gets an equal part of
    /// them: so those for bulk get the part that they need by their number, and fewer pairs wait for each.
    fn most(&self, kind: Kind) -> usize {
        match kind {
            Kind::Talk => self.talkers,
            Kind::Bulk => 2 * self.talkers,
        }
    }

    fn team(&self, kind: Kind) -> MutexGuard<'_, Team<L, E>> {
        let team = match kind {
            Kind::Talk => &self.talk,
            Kind::Bulk => &self.bulk,
        };
        team.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<L: Leg, E: Ending> Default for Team<L, E> {
    fn default() -> Self {
        Self { desks: Vec::new(), threads: Vec::new(), is_stopped: false }
    }
}

impl<L: Leg, E: Ending> Team<L, E> {
    fn start(&mut self, kind: Kind, crew: &Arc<Teams<L, E>>) -> io::Result<()> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let (orders, receiver) = channel();
        let desk = Arc::new(Desk { kind, orders, waker, pairs: AtomicUsize::new(0) });
        let shift = Shift::new(crew.clone(), desk.clone(), poll, receiver, crew.pool.clone());
        let (name, slice, wakeup) = match kind {
            Kind::Talk => ("rdv-relay", TALK_SLICE, Wakeup::Preempts),
            Kind::Bulk if self.desks.len().is_multiple_of(2) => ("rdv-bulk", BULK_SLICE, Wakeup::Waits),
            Kind::Bulk => ("rdv-bulk", BULK_SLICE, Wakeup::Preempts),
        };
        self.threads.push(Builder::new().name(name.into()).spawn(move || {
            if let Err(err) = rdv_socket::set_slice(slice, wakeup) {
                log::debug!(target: "server", "{name} threads are scheduled like any: {err}");
            }
            shift.run();
        })?);
        self.desks.push(desk);
        Ok(())
    }

    /// By one of them. If that has failed, the pair comes back, and the thread is none of theirs any more.
    fn serve(
        &mut self,
        pair: Box<Pair<L, E>>,
        by: &Arc<Desk<L, E>>,
        back: Option<Arc<Desk<L, E>>>,
    ) -> Result<(), Box<Pair<L, E>>> {
        let served = by.serve(pair, back);
        if served.is_err() {
            self.desks.retain(|desk| !Arc::ptr_eq(desk, by));
        }
        served
    }
}

impl<L: Leg, E: Ending> Desk<L, E> {
    /// The pair comes back if the thread has ended.
    pub(crate) fn serve(
        &self,
        pair: Box<Pair<L, E>>,
        back: Option<Arc<Self>>,
    ) -> Result<(), Box<Pair<L, E>>> {
        self.pairs.fetch_add(1, Ordering::Relaxed);
        match self.order(Order::Serve(pair, back)) {
            Err(Order::Serve(pair, _)) => {
                self.has_left();
                Err(pair)
            }
            Ok(()) | Err(Order::Stop) => Ok(()),
        }
    }

    /// A pair has ended, or has gone elsewhere.
    pub(crate) fn has_left(&self) {
        self.pairs.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn pairs(&self) -> usize {
        self.pairs.load(Ordering::Relaxed)
    }

    /// It comes back if the thread has ended: it has been stopped already, or has failed and said so.
    fn order(&self, order: Order<L, E>) -> Result<(), Order<L, E>> {
        self.orders.send(order).map_err(|unheard| unheard.0)?;
        if let Err(err) = self.waker.wake() {
            log::error!(target: "server", "cannot wake a relay thread: {err}");
        }
        Ok(())
    }
}

const WAKER: Token = Token(usize::MAX);
/// How long the threads of each kind run in one go. Those for bulk longest, so that a word is passed on before they go on. The
/// others still longer than most threads (3 ms): whoever is here and gets a word runs at once, and answers before it is waited
/// for. Were they short, a word that comes often would lose its turn to whatever else computes here.
///
/// Every second thread for bulk waits for its turn when it wakes up, the first included: so more has come by then, and goes in one
/// piece. Were it all of them, the programs beside the server would have the CPU for longer in one go, and a word that has come
/// waits for those.
const TALK_SLICE: Duration = Duration::from_millis(4);
const BULK_SLICE: Duration = Duration::from_millis(10);
