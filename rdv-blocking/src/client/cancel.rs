//! Ending an attempt from another thread.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mio::Waker;

/// Ends attempts early: give a clone to [`connect_until`](crate::Client::connect_until), and call
/// [`cancel`](Self::cancel) on another.
///
/// ```
/// use rdv_blocking::{Canceller, Client, Error};
/// use rdv_core::Role;
///
/// let canceller = Canceller::new();
/// canceller.cancel();
/// let (url, token) = ("http://127.0.0.1:1".parse().unwrap(), "d8f1a2".parse().unwrap());
/// let result = Client::default().connect_until(Role::Dial, &url, &token, &canceller);
/// assert!(matches!(result, Err(Error::Cancelled)));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Canceller(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    cancelled: bool,
    wakers: Vec<Arc<Waker>>,
}

impl Canceller {
    /// One that has not been used yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the attempts under way, and every later one at its beginning.
    pub fn cancel(&self) {
        let mut state = self.lock();
        state.cancelled = true;
        for waker in &state.wakers {
            if let Err(err) = waker.wake() {
                log::warn!("cannot wake an attempt that is cancelled: {err}");
            }
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.lock().cancelled
    }

    /// Has `waker` woken on cancelling, for as long as the returned guard lives.
    pub(super) fn watch(&self, waker: Arc<Waker>) -> io::Result<Watch<'_>> {
        let mut state = self.lock();
        if state.cancelled {
            waker.wake()?;
        }
        state.wakers.push(waker.clone());
        Ok(Watch { canceller: self, waker })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct Watch<'a> {
    canceller: &'a Canceller,
    waker: Arc<Waker>,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.canceller.lock().wakers.retain(|waker| !Arc::ptr_eq(waker, &self.waker));
    }
}
