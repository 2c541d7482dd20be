//! Wakes a thread at its deadline, by a timer of the system's beside the sockets that it polls. Deadlines are far and seldom
//! change; a poller that is told of one has the system set a timer, and take it back, for each word that comes.

use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

pub(crate) struct Alarm {
    /// None if the system has none to give: then it is the poller that is told.
    timer: Option<TimerFd>,
    /// Not later than the deadline.
    set_to: Option<Instant>,
}

impl Alarm {
    /// One that a poller reports under this token.
    pub(crate) fn new(registry: &Registry, token: Token) -> Self {
        Self {
            timer: timer(registry, token).inspect_err(|err| log::debug!("no timer: {err}")).ok(),
            set_to: None,
        }
    }

    /// Until when the poller is to wait for the first of what has a deadline, or else for the alarm.
    pub(crate) fn set(&mut self, deadline: Option<Instant>) -> Option<Instant> {
        let (Some(timer), Some(at)) = (&self.timer, deadline) else {
            return deadline;
        };
        if self.set_to.is_some_and(|set_to| set_to <= at) {
            return None;
        }
        // None at all would be none ever.
        let after = at.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
        match timer.set(Expiration::OneShot(TimeSpec::from_duration(after)), TimerSetTimeFlags::empty()) {
            Ok(()) => {
                self.set_to = deadline;
                None
            }
            Err(err) => {
                log::debug!("cannot set a timer: {err}");
                deadline
            }
        }
    }

    /// It has rung.
    pub(crate) fn rang(&mut self) {
        self.set_to = None;
    }

    /// Whether it will ring, and nothing is due before.
    pub(crate) fn is_set(&self) -> bool {
        self.set_to.is_some()
    }
}

fn timer(registry: &Registry, token: Token) -> std::io::Result<TimerFd> {
    let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK)?;
    registry.register(&mut SourceFd(&timer.as_fd().as_raw_fd()), token, Interest::READABLE)?;
    Ok(timer)
}

#[cfg(test)]
mod tests {
    use mio::{Events, Poll};

    use super::*;
    use crate::wait;

    /// Polls for as long as it says, and expects it to ring by then.
    fn rings(poll: &mut Poll, alarm: &mut Alarm, deadline: Instant) {
        let patience = Instant::now() + Duration::from_secs(30);
        assert_eq!(alarm.set(Some(deadline)), None, "there is a timer");
        assert!(alarm.is_set());
        let mut events = Events::with_capacity(8);
        while events.is_empty() {
            wait(poll, &mut events, Some(patience)).unwrap();
            assert!(Instant::now() < patience, "it does not ring");
        }
        assert!(events.iter().all(|event| event.token() == Token(7)) && Instant::now() >= deadline);
        alarm.rang();
        assert!(!alarm.is_set());
    }

    #[test]
    fn it_rings_at_each_deadline() {
        let mut poll = Poll::new().unwrap();
        let mut alarm = Alarm::new(poll.registry(), Token(7));
        assert_eq!(alarm.set(None), None);
        assert!(!alarm.is_set());
        for millis in [20, 0, 5] {
            let deadline = Instant::now() + Duration::from_millis(millis);
            rings(&mut poll, &mut alarm, deadline);
        }
    }

    #[test]
    fn the_earlier_deadline_counts() {
        let mut poll = Poll::new().unwrap();
        let mut alarm = Alarm::new(poll.registry(), Token(7));
        let hour = Instant::now() + Duration::from_secs(3600);
        assert_eq!(alarm.set(Some(hour)), None);
        rings(&mut poll, &mut alarm, Instant::now() + Duration::from_millis(5));
        // A later one does not put it off.
        let soon = Instant::now() + Duration::from_millis(5);
        assert_eq!(alarm.set(Some(soon)), None);
        assert_eq!(alarm.set(Some(hour)), None);
        rings(&mut poll, &mut alarm, soon);
    }
}
