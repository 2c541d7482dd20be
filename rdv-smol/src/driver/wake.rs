//! Wakers that say which socket they are for: what is woken costs as much as what has happened, however many
//! sockets there are.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use rdv_core::ConnId;

/// The sockets that were woken since the driver was last polled, and the driver's own waker.
#[derive(Debug, Default)]
pub(super) struct Woken(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    conns: Vec<ConnId>,
    driver: Option<Waker>,
}

/// A waker for one socket. The first of them that is woken wakes the driver's task.
pub(super) fn waker(conn: ConnId, woken: &Arc<Woken>) -> Waker {
    Arc::new(Bell { conn, woken: woken.clone() }).into()
}

impl Woken {
    /// Takes the sockets, and has `driver` woken for the next one.
    pub(super) fn take(&self, driver: &Waker) -> Vec<ConnId> {
        let mut state = self.lock();
        match &mut state.driver {
            Some(waker) => waker.clone_from(driver),
            None => state.driver = Some(driver.clone()),
        }
        std::mem::take(&mut state.conns)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Bell {
    conn: ConnId,
    woken: Arc<Woken>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.woken.lock();
        state.conns.push(self.conn);
        let driver = state.driver.take();
        // Not under the lock: a waker may run anything.
        drop(state);
        if let Some(driver) = driver {
            driver.wake();
        }
    }
}

#[cfg(test)]
mod tests;
