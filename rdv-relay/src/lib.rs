//! The threads of an rdv server that relay, for the adapters whose servers have some: rdv-blocking and rdv-tokio.
//!
//! An adapter introduces two clients to each other in its own way, by the core's [`Relay`](rdv_core::Relay). Once that says
//! [`Splice`](rdv_core::Splice), the relay and both connections become a [`Pair`], which a [`Crew`] serves to its end: it copies
//! their bytes, by [`rdv_socket::relay`], and keeps to the relay's deadlines and limits. No protocol is spoken here.
//!
//! An idle pair takes its two sockets and some 700 bytes; it has no task, no timer and no buffer. A small exchange is three calls
//! of the system each way: the poller, a read and a write.
//!
//! Any stream will do that a poller of mio's can watch: see [`Leg`]. [`Plain`] is one of TCP alone.

#[cfg_attr(any(target_os = "linux", target_os = "android"), path = "alarm.rs")]
#[cfg_attr(not(any(target_os = "linux", target_os = "android")), path = "no_alarm.rs")]
mod alarm;
mod crew;
mod leg;
mod pair;
mod ready;
mod rest;
mod round;
mod shift;
mod trade;

#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use mio::{Events, Poll};

pub use crew::Crew;
pub use leg::{Leg, Plain};
pub use pair::{Ending, Pair};
pub use ready::Ready;

/// Waits on a poller until something happens, at the longest until `deadline`.
///
/// # Errors
/// The system's. That a signal has interrupted it is none.
pub fn wait(poll: &mut Poll, events: &mut Events, deadline: Option<Instant>) -> io::Result<()> {
    let timeout = deadline.map(|at| whole_millis(at.saturating_duration_since(Instant::now())));
    match poll.poll(events, timeout) {
        Err(err) if err.kind() != ErrorKind::Interrupted => Err(err),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Rounded up: the poller waits in whole milliseconds, and waking too early would be a busy loop.
fn whole_millis(wait: Duration) -> Duration {
    Duration::from_millis(wait.as_nanos().div_ceil(1_000_000).try_into().unwrap_or(u64::MAX))
}
