//! The server as other threads see it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mio::Waker;
use rdv_core::{Metrics, RelayReport};
use rdv_relay::Ending;

/// A server as other threads see it: they can end it, and look at its metrics.
#[derive(Clone, Debug)]
pub struct ServerHandle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    stop: AtomicBool,
    drain: Mutex<Option<Duration>>,
    tls: Mutex<Option<Arc<rustls::ServerConfig>>>,
    metrics: Arc<Metrics>,
    /// How many wait for the lobby's loop to turn, and what tells them that it has.
    doctors: Mutex<usize>,
    turned: Condvar,
    waker: Waker,
}

impl ServerHandle {
    /// Of a server that this wakes.
    pub(super) fn new(waker: Waker, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        Self(Arc::new(Shared {
            stop: AtomicBool::new(false),
            drain: Mutex::default(),
            tls: Mutex::new(tls),
            metrics: Arc::default(),
            doctors: Mutex::default(),
            turned: Condvar::new(),
            waker,
        }))
    }

    /// Shuts the server down: it listens no more, clients that wait are answered 503, and relays are cut off with
    /// an RST. [`Server::run`](super::Server::run) returns soon after.
    pub fn shutdown(&self) {
        self.0.stop.store(true, Ordering::Release);
        self.wake();
    }

    /// Lets the server end once its relays have, at the latest after this time, when it [shuts down](Self::shutdown).
    /// Clients that wait, and those that come meanwhile, are answered 503 with `Retry-After`.
    pub fn drain(&self, time: Duration) {
        *lock(&self.0.drain) = Some(time);
        self.wake();
    }

    /// What the server has counted: [`Metrics::render`] is what Prometheus reads.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.0.metrics
    }

    /// Whether the lobby's loop turns: it is woken, and has this long to notice. For a health check; a server that does
    /// not run yet, or no longer, does not.
    pub fn is_alive(&self, patience: Duration) -> bool {
        let before = self.0.metrics.turns();
        let mut doctors = lock(&self.0.doctors);
        if self.0.waker.wake().is_err() {
            return false;
        }
        *doctors += 1;
        let has_not = |_: &mut usize| self.0.metrics.turns() == before;
        let waited = self.0.turned.wait_timeout_while(doctors, patience, has_not);
        let (mut doctors, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        *doctors -= 1;
        !waited.timed_out()
    }

    /// Has the connections that come from now on use another certificate, a renewed one for instance. A server
    /// that was bound without TLS begins to speak it.
    pub fn set_tls(&self, tls: Arc<rustls::ServerConfig>) {
        *lock(&self.0.tls) = Some(tls);
    }

    pub(super) fn tls(&self) -> Option<Arc<rustls::ServerConfig>> {
        lock(&self.0.tls).clone()
    }

    /// For how long at most, if it drains.
    pub(super) fn draining(&self) -> Option<Duration> {
        *lock(&self.0.drain)
    }

    pub(super) fn is_shut_down(&self) -> bool {
        self.0.stop.load(Ordering::Acquire)
    }

    /// The lobby has nothing more to do for now.
    pub(super) fn has_turned(&self) {
        if *lock(&self.0.doctors) > 0 {
            self.0.turned.notify_all();
        }
    }

    /// A pair has ended on another thread: the last one, perhaps, that a server that drains has waited for.
    fn pair_has_ended(&self) {
        if self.draining().is_some() {
            self.wake();
        }
    }

    fn wake(&self) {
        if let Err(err) = self.0.waker.wake() {
            log::warn!("cannot wake the server: {err}");
        }
    }
}

/// Rings once a pair is gone from the threads that relay.
pub(super) struct Bell(pub(super) ServerHandle);

impl Ending for Bell {
    fn finished(&mut self, _: RelayReport) {}
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.0.pair_has_ended();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
