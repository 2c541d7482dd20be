//! How many bytes relays may carry, and when: in a second, and in all.
//!
//! A [`Bucket`] is a rate as a point in time: when what was granted so far is paid for. A grant moves it on, and what of
//! the grant was not used moves it back. While it lies ahead, whoever asks has to wait for it; it never lags behind by more
//! than [`CREDIT`], so that a pause is no licence for a flood.
//!
//! The bucket of all pairs is asked for a place in a queue: each has one grant at a time, and its place is behind everybody
//! else's. So all pairs have equal parts, however many there are, and none of them is known to the bucket.

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes that relays may carry: those behind CONTINUE, both directions of a pair together. By default there is no limit.
///
/// A relay that the application has taken over is not slowed down, and takes nothing from others: its data path is not the
/// server's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ByteLimits {
    /// In a second, of all pairs of the server together. They have equal parts of it.
    pub rate: Option<NonZeroU64>,
    /// In a second, of one pair.
    pub rate_per_pair: Option<NonZeroU64>,
    /// In all, of one pair. If there is one more, the pair is ended by a reset:
    /// [`RelayEnd::OverLimit`](super::RelayEnd::OverLimit).
    pub bytes_per_pair: Option<NonZeroU64>,
}

/// What a relay's data path may do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// Carry at most so many bytes, both directions together.
    Carry(u64),
    /// Wait. It is the relay's deadline as well.
    Wait(Instant),
}

/// What the pairs of one server share. Two clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Rates {
    limits: ByteLimits,
    all: Option<Arc<Mutex<Bucket>>>,
}

/// What one pair has of it.
#[derive(Debug)]
pub(super) struct Pace {
    all: Option<Queued>,
    own: Option<Bucket>,
    most: u64,
    carried: u64,
    until: Option<Instant>,
}

/// A pair at the bucket of all.
#[derive(Debug)]
struct Queued {
    all: Arc<Mutex<Bucket>>,
    /// Its place in the queue: when, and for how many bytes.
    place: Option<(Instant, u64)>,
    /// Bytes that may be carried and have not been settled.
    granted: u64,
}

/// A rate, and when all that was granted is paid for.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    rate: NonZeroU64,
    /// Nothing before the first grant: a bucket has no credit to begin with.
    paid_at: Option<Instant>,
}

impl Rates {
    pub(super) fn new(limits: ByteLimits) -> Self {
        Self { limits, all: limits.rate.map(|rate| Arc::new(Mutex::new(Bucket::new(rate)))) }
    }

    /// For a new pair; nothing if there are no limits.
    pub(super) fn pace(&self) -> Option<Box<Pace>> {
        let ByteLimits { rate_per_pair, bytes_per_pair, .. } = self.limits;
        (self.limits != ByteLimits::default()).then(|| {
            Box::new(Pace {
                all: self.all.clone().map(|all| Queued { all, place: None, granted: 0 }),
                own: rate_per_pair.map(Bucket::new),
                most: bytes_per_pair.map_or(u64::MAX, NonZeroU64::get),
                carried: 0,
                until: None,
            })
        })
    }
}

impl Pace {
    /// What may be carried now. A grant is to be [settled](Self::settle) before the next is asked for.
    pub(super) fn allowance(&mut self, now: Instant) -> Allowance {
        if let Some(at) = self.until.filter(|at| *at > now) {
            return Allowance::Wait(at);
        }
        self.until = None;
        let mut bytes = u64::MAX;
        if let Some(own) = &mut self.own {
            if let Some(at) = own.ahead(now) {
                return self.wait(at);
            }
            bytes = own.quantum();
        }
        if let Some(queued) = &mut self.all {
            match queued.grant(now, bytes) {
                Ok(granted) => bytes = granted,
                Err(at) => return self.wait(at),
            }
        }
        // The one that is too many is how it is known that there is one.
        Allowance::Carry(bytes.min((self.most - self.carried).saturating_add(1)))
    }

    /// Takes the bytes that have been carried, all of them since the beginning. Whether they are too many.
    pub(super) fn settle(&mut self, now: Instant, carried: u64) -> bool {
        let used = carried.saturating_sub(self.carried);
        self.carried = self.carried.max(carried).min(self.most);
        if let Some(own) = &mut self.own {
            own.reserve(now, used);
        }
        if let Some(queued) = &mut self.all {
            queued.settle(now, used);
        }
        carried > self.most
    }

    /// Until when it waits, if it does.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Takes note of the time.
    pub(super) fn time_passes(&mut self, now: Instant) {
        self.until = self.until.filter(|at| *at > now);
    }

    fn wait(&mut self, at: Instant) -> Allowance {
        self.until = Some(at);
        Allowance::Wait(at)
    }
}

impl Queued {
    /// So many bytes may be carried now, or then.
    fn grant(&mut self, now: Instant, most: u64) -> Result<u64, Instant> {
        let Self { all, place, .. } = self;
        let (at, bytes) = *place.get_or_insert_with(|| {
            let mut all = lock(all);
            let bytes = all.quantum().min(most);
            (all.reserve(now, bytes), bytes)
        });
        if at > now {
            return Err(at);
        }
        (self.place, self.granted) = (None, bytes);
        Ok(bytes)
    }

    fn settle(&mut self, now: Instant, used: u64) {
        let granted = std::mem::take(&mut self.granted);
        // Without a grant it is an application's relay. What that carries is not to be paid for by all others.
        if granted > 0 && used != granted {
            lock(&self.all).correct(now, granted, used);
        }
    }
}

/// What it has not used is there for others.
impl Drop for Queued {
    fn drop(&mut self) {
        let place = self.place.take();
        let unused = self.granted + place.map_or(0, |(_, bytes)| bytes);
        lock(&self.all).give_back(unused);
    }
}

impl Bucket {
    pub(super) fn new(rate: NonZeroU64) -> Self {
        Self { rate, paid_at: None }
    }

    /// Bytes of a grant: what takes some milliseconds, within what is worth a system call.
    fn quantum(&self) -> u64 {
        (self.rate.get() / PER_SECOND).clamp(SMALLEST, LARGEST)
    }

    /// When there is something to be had, unless it is now.
    fn ahead(&self, now: Instant) -> Option<Instant> {
        self.paid_at.filter(|at| *at > now)
    }

    /// Takes so many bytes. When they may be carried: now, or once all that was taken before is paid for.
    fn reserve(&mut self, now: Instant, bytes: u64) -> Instant {
        let at = match self.paid_at {
            Some(at) if now.saturating_duration_since(at) <= CREDIT => at,
            Some(_) => now - CREDIT,
            None => now,
        };
        self.paid_at = Some(at.checked_add(self.cost(bytes)).unwrap_or(at));
        at.max(now)
    }

    /// So many were taken, and other ones used.
    fn correct(&mut self, now: Instant, taken: u64, used: u64) {
        if used > taken {
            self.reserve(now, used - taken);
        } else {
            self.give_back(taken - used);
        }
    }

    fn give_back(&mut self, bytes: u64) {
        let at = self.paid_at.and_then(|at| at.checked_sub(self.cost(bytes)));
        self.paid_at = at.or(self.paid_at);
    }

    fn cost(&self, bytes: u64) -> Duration {
        let nanos = (u128::from(bytes) * NANOS).div_ceil(u128::from(self.rate.get()));
        Duration::from_nanos(nanos.try_into().unwrap_or(u64::MAX))
    }
}

/// What is in there is right at any time.
fn lock(bucket: &Mutex<Bucket>) -> impl std::ops::DerefMut<Target = Bucket> + '_ {
    bucket.lock().unwrap_or_else(PoisonError::into_inner)
}

const NANOS: u128 = 1_000_000_000;
/// What may be made up for: timers that are late, and a machine that is busy.
const CREDIT: Duration = Duration::from_millis(100);
/// Grants in a second, between these sizes.
const PER_SECOND: u64 = 256;
const SMALLEST: u64 = 1024;
const LARGEST: u64 = 1024 * 1024;
