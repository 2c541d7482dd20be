//! Both directions of a pair.

use std::io;

use super::{Broken, Carried, End, Flow, Pool};

/// Two flows between the same two ends.
#[derive(Debug)]
pub struct Exchange {
    pub(super) forth: Flow,
    back: Flow,
}

impl Exchange {
    /// From the first end to the second one, and back.
    pub fn new(forth: Flow, back: Flow) -> Self {
        Self { forth, back }
    }

    /// Carries both for one turn, and `most` bytes at the most: each may have half of that, and what the other leaves.
    /// It has ended when both have.
    ///
    /// # Errors
    /// The system's, and which end has failed: 0 or 1.
    pub fn carry<E: End>(
        &mut self,
        [one, two]: [&mut E; 2],
        pool: &Pool,
        buffer: &mut [u8],
        most: u64,
    ) -> Result<Carried, (usize, io::Error)> {
        let mut rest = most.saturating_sub(self.forth.held() + self.back.held());
        let mut half = rest.div_ceil(2);
        rest -= half;
        let mut went = self.forth.carry(one, two, pool, buffer, &mut half).map_err(of([0, 1]))?;
        let is_short = half == 0;
        rest += half;
        let came = self.back.carry(two, one, pool, buffer, &mut rest).map_err(of([1, 0]))?;
        if is_short && rest > 0 {
            went = self.forth.carry(one, two, pool, buffer, &mut rest).map_err(of([0, 1]))?;
        }
        Ok(match (went, came) {
            (Carried::Ended, Carried::Ended) => Carried::Ended,
            (Carried::Busy, _) | (_, Carried::Busy) => Carried::Busy,
            (Carried::Blocked | Carried::Ended, Carried::Blocked | Carried::Ended) => Carried::Blocked,
        })
    }

    /// Bytes that have been written to the second end, and to the first one.
    pub fn carried(&self) -> [u64; 2] {
        [self.forth.carried(), self.back.carried()]
    }
}

/// Which of the two has failed, the one that was read from or the one that was written to.
fn of([from, to]: [usize; 2]) -> impl FnOnce(Broken) -> (usize, io::Error) {
    move |broken| match broken {
        Broken::From(err) => (from, err),
        Broken::To(err) => (to, err),
    }
}
