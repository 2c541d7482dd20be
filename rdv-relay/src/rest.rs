//! When a thread for bulk rests: while all that it passes on are streams.

use std::time::{Duration, Instant};

/// Once such a thread has passed on all that was there, it rests before it looks again: so that more has come by then, and goes
/// in one piece. As network cards do, which interrupt no more often than that. Whoever waits for an answer would wait longer by
/// it, so while there is one there is no rest.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    /// Until when an answer is waited for.
    awaited: Option<Instant>,
}

impl Rest {
    /// Something happened to a pair that does not stream.
    pub(crate) fn put_off(&mut self, now: Instant) {
        self.awaited = Some(now + PATIENCE);
    }

    /// How long to rest now, if at all.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Duration> {
        self.awaited = self.awaited.filter(|until| now < *until);
        self.awaited.is_none().then_some(BREATH)
    }
}

const BREATH: Duration = Duration::from_micros(400);
/// An answer may take so long, and is passed on at once.
const PATIENCE: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_alone_are_no_reason_to_look_at_once() {
        let now = Instant::now();
        let mut rest = Rest::default();
        assert_eq!([rest.due(now), rest.due(now)], [Some(BREATH); 2]);
    }

    #[test]
    fn whoever_waits_for_an_answer_gets_it_at_once() {
        let asked = Instant::now();
        let mut rest = Rest::default();
        rest.put_off(asked);
        assert_eq!(rest.due(asked), None);
        assert_eq!(rest.due(asked + PATIENCE - Duration::from_nanos(1)), None);
        // The next question, just in time.
        rest.put_off(asked + PATIENCE);
        assert_eq!(rest.due(asked + PATIENCE), None);
        assert_eq!(rest.due(asked + 2 * PATIENCE), Some(BREATH), "nobody has asked for long");
    }
}
