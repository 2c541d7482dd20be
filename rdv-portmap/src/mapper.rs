//! What a caller has of a mapping, and shares with the thread that makes it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{MapError, Protocol};
use crate::worker;

/// What is wanted of the gateway.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Order {
    /// The TCP port here. The same one outside is asked for, and another one taken.
    pub port: u16,
    /// The source of chance: of PCP's nonce, and of other ports. It must not be known to strangers.
    pub seed: u64,
    /// How long to try; a second by default, and a minute at most.
    pub patience: Duration,
    /// For how long a mapping is to last at a time; ten minutes by default. It is renewed when half of that is over. This
    /// is what remains if the program is killed.
    pub lease: Duration,
    /// To try one protocol alone.
    pub only: Option<Protocol>,
}

/// A port of the gateway that leads here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mapping {
    /// The gateway's address and port, as it says itself. The address may be a private one: then there is another NAT
    /// before the gateway.
    pub external: SocketAddr,
    /// The address of this machine to which the port leads.
    pub internal: IpAddr,
    /// How it was made.
    pub protocol: Protocol,
}

/// A mapping that is being made, or is there, for as long as this value is.
///
/// Dropping it has the mapping deleted, on a thread, within a second; `drop` does not wait for that, so it may
/// happen in a future. A program that ends right then calls [`settle`].
#[derive(Debug)]
pub struct PortMapper(Arc<Shared>);

impl Order {
    /// To map this TCP port, with defaults for the rest.
    pub fn new(port: u16, seed: u64) -> Self {
        let (patience, lease) = (Duration::from_secs(1), Duration::from_secs(600));
        Self { port, seed, patience, lease, only: None }
    }

    pub(crate) fn tries(&self, protocol: Protocol) -> bool {
        self.only.is_none_or(|only| only == protocol)
    }

    /// Never 0, which would mean none, or forever.
    pub(crate) fn lease_secs(&self) -> u32 {
        u32::try_from(self.lease.as_secs()).unwrap_or(u32::MAX).max(1)
    }
}

impl PortMapper {
    /// Begins. The gateway is that of the calling thread's network namespace.
    ///
    /// # Errors
    /// If there can be no thread.
    pub fn start(mut order: Order) -> io::Result<Self> {
        order.patience = order.patience.min(MOST_PATIENCE);
        let shared = Arc::new(Shared::default());
        let end = Ending(shared.clone());
        thread::Builder::new().name("rdv-port-map".into()).spawn(move || worker::run(&end.0, &order))?;
        Ok(Self(shared))
    }

    /// The outcome, once it is there: after [`Order::patience`] at the latest, give or take the scheduler. For futures of
    /// any runtime; the last waker counts.
    ///
    /// # Errors
    /// Why there is no mapping.
    pub fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<Mapping, MapError>> {
        let mut state = self.0.lock();
        match &state.outcome {
            Some(outcome) => Poll::Ready(outcome.clone()),
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Blocks until the outcome is there.
    ///
    /// # Errors
    /// Why there is no mapping.
    pub fn wait(&self) -> Result<Mapping, MapError> {
        let mut state = self.0.lock();
        loop {
            if let Some(outcome) = &state.outcome {
                return outcome.clone();
            }
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for PortMapper {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_released = true;
        if !state.is_ended {
            *lock(&RELEASING) += 1;
        }
        self.0.changed.notify_all();
    }
}

/// Waits until all mappings whose [`PortMapper`] was dropped are deleted, but no longer than this. Says whether they are.
pub fn settle(patience: Duration) -> bool {
    let until = Instant::now() + patience.min(Duration::from_secs(3600));
    let mut releasing = lock(&RELEASING);
    while *releasing > 0 {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        releasing = RELEASED.wait_timeout(releasing, left).unwrap_or_else(PoisonError::into_inner).0;
    }
    true
}

const MOST_PATIENCE: Duration = Duration::from_secs(60);

/// How many threads have a mapping to delete whose owner is gone.
static RELEASING: Mutex<usize> = Mutex::new(0);
static RELEASED: Condvar = Condvar::new();

/// Between the thread and the mapper.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    outcome: Option<Result<Mapping, MapError>>,
    waker: Option<Waker>,
    is_released: bool,
    is_ended: bool,
}

impl Shared {
    /// The outcome, which stays what it is.
    pub(crate) fn publish(&self, outcome: Result<Mapping, MapError>) {
        let mut state = self.lock();
        state.outcome.get_or_insert(outcome);
        let waker = state.waker.take();
        self.changed.notify_all();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Waits until the mapper is dropped, but no longer than this. Says whether it is.
    pub(crate) fn released_within(&self, patience: Duration) -> bool {
        let state = self.lock();
        let waited = self.changed.wait_timeout_while(state, patience, |state| !state.is_released);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_released
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// The end of the thread, whichever it is.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.publish(Err(MapError { tried: Vec::new() }));
        let mut state = self.0.lock();
        state.is_ended = true;
        if state.is_released {
            *lock(&RELEASING) -= 1;
            RELEASED.notify_all();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The `n`th number that comes of a seed (SplitMix64).
pub(crate) fn chance(seed: u64, n: u64) -> u64 {
    let mut z = seed.wrapping_add((n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Whether somebody could dial this address, be it only from the network before the gateway.
pub(crate) fn is_usable(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            !(ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_broadcast()
                || ip.is_loopback()
                || ip.is_link_local())
        }
        IpAddr::V6(_) => false,
    }
}

#[cfg(test)]
mod tests;
