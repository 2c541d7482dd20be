//! Turns of the pairs that have more to copy than one turn allows.

use std::collections::VecDeque;

/// Who waits for a turn, in order. Each has one in a round, whatever happens to it meanwhile: a pair that hears of new bytes all the
/// time would take twice what it leaves to the others, if each of those were a turn too.
#[derive(Debug, Default)]
pub(crate) struct Round {
    queue: VecDeque<usize>,
    /// So many of them have their turn in this round.
    left: usize,
}

impl Round {
    /// A round of all that wait now. Whoever comes to the queue from now on, perhaps because it has had its turn, waits for the
    /// next one.
    pub(crate) fn begin(&mut self) {
        self.left = self.queue.len();
    }

    /// Whose turn it is, until the round is over.
    pub(crate) fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        self.queue.pop_front()
    }

    /// Comes to the queue, where it must not stand already.
    pub(crate) fn join(&mut self, id: usize) {
        self.queue.push_back(id);
    }

    /// Leaves it, and has no turn.
    pub(crate) fn leave(&mut self, id: usize) {
        if let Some(place) = self.queue.iter().position(|waits| *waits == id) {
            self.queue.remove(place);
            self.left -= usize::from(place < self.left);
        }
    }

    /// Whether nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ids: impl IntoIterator<Item = usize>) -> Round {
        let mut round = Round::default();
        ids.into_iter().for_each(|id| round.join(id));
        round.begin();
        round
    }

    #[test]
    fn each_has_one_turn_in_a_round() {
        let mut round = of(1..=3);
        round.join(4);
        let mut turns = Vec::new();
        while let Some(id) = round.next() {
            turns.push(id);
            // It is not done.
            round.join(id);
        }
        assert_eq!(turns, [1, 2, 3], "4 came when the round had begun");
        round.begin();
        let turns: Vec<_> = std::iter::from_fn(|| round.next()).collect();
        assert_eq!(turns, [4, 1, 2, 3]);
        assert!(round.is_empty());
    }

    #[test]
    fn who_leaves_takes_nobodys_turn() {
        let mut round = of(1..=3);
        round.join(4);
        round.leave(2);
        round.leave(4);
        round.join(5);
        round.leave(6);
        assert_eq!([round.next(), round.next(), round.next()], [Some(1), Some(3), None]);
        round.begin();
        assert_eq!([round.next(), round.next()], [Some(5), None]);
    }
}
