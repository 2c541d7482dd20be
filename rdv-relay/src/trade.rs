//! Threads for bulk pass pairs on to each other, so that each pair has its share of all of them.

use std::time::{Duration, Instant};

use slab::Slab;

/// When a thread passes a pair on to the next one, and which. Threads get unequal parts of the machine, by whatever else runs on
/// their CPUs, and unequal numbers of pairs are left to them; but no pair stays with one for long.
#[derive(Debug)]
pub(crate) struct Trade {
    at: Instant,
    /// The next to go is the first from here on.
    from: usize,
}

/// What two threads do, by how many pairs they have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deal {
    /// Each passes one on to the other.
    Swap,
    /// The first has too many.
    Give,
}

impl Trade {
    pub(crate) fn new(now: Instant) -> Self {
        Self { at: now + TERM, from: 0 }
    }

    /// Whether it is time, at most once in a term.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        let is_due = now >= self.at;
        if is_due {
            self.at = now + TERM;
        }
        is_due
    }

    /// Which of them goes: each, one after the other.
    pub(crate) fn pick<T>(&mut self, pairs: &Slab<T>) -> Option<usize> {
        let ids = || pairs.iter().map(|(id, _)| id);
        let id = ids().find(|id| *id >= self.from).or_else(|| ids().next())?;
        self.from = id + 1;
        Some(id)
    }
}

impl Deal {
    pub(crate) fn of(here: usize, there: usize) -> Option<Self> {
        match (here, there) {
            _ if here > there + 1 => Some(Self::Give),
            (0, _) | (_, 0) => None,
            _ => Some(Self::Swap),
        }
    }
}

/// To pass a pair on takes some 20 us.
const TERM: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_time_once_in_a_term() {
        let now = Instant::now();
        let mut trade = Trade::new(now);
        assert!(!trade.is_due(now + TERM / 2));
        assert!(trade.is_due(now + TERM));
        assert!(!trade.is_due(now + TERM));
        assert!(trade.is_due(now + 10 * TERM));
        assert!(!trade.is_due(now + 10 * TERM), "what was missed is not made up for");
    }

    #[test]
    fn each_pair_goes_in_its_turn() {
        let mut trade = Trade::new(Instant::now());
        let mut pairs = Slab::new();
        assert_eq!(trade.pick(&pairs), None);
        for pair in 'a'..='d' {
            pairs.insert(pair);
        }
        pairs.remove(1);
        let went = [(); 4].map(|()| pairs[trade.pick(&pairs).unwrap()]);
        assert_eq!(went, ['a', 'c', 'd', 'a']);
        // The place of one that went is another's, and his turn comes last.
        pairs.remove(0);
        pairs.insert('e');
        let went = [(); 3].map(|()| pairs[trade.pick(&pairs).unwrap()]);
        assert_eq!(went, ['c', 'd', 'e']);
    }

    #[test]
    fn threads_deal_until_they_have_the_same() {
        let deals = [(0, 0), (1, 0), (0, 1), (1, 1), (2, 1), (1, 2), (1, 3)].map(|(a, b)| Deal::of(a, b));
        let swap = Some(Deal::Swap);
        assert_eq!(deals, [None, None, None, swap, swap, swap, swap]);
        assert_eq!([Deal::of(2, 0), Deal::of(3, 1)], [Some(Deal::Give); 2]);
    }
}
