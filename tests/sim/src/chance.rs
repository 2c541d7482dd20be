//! Where a scenario's choices come from: a seed, or bytes of a fuzzer's that say the same in fewer steps.

/// A source of choices. The same source makes the same choices.
#[derive(Debug)]
pub struct Chance<'a> {
    bytes: &'a [u8],
    rng: fastrand::Rng,
}

impl<'a> Chance<'a> {
    /// All choices come from the seed.
    pub fn of_seed(seed: u64) -> Self {
        Self { bytes: &[], rng: fastrand::Rng::with_seed(seed) }
    }

    /// Each choice takes a byte, as long as there are any; a fuzzer that changes a byte changes one choice.
    pub fn of_bytes(bytes: &'a [u8]) -> Self {
        Self { bytes, rng: fastrand::Rng::with_seed(0) }
    }

    /// One of `0..count`.
    pub fn below(&mut self, count: usize) -> usize {
        match self.bytes.split_first() {
            Some((byte, rest)) => {
                self.bytes = rest;
                usize::from(*byte) % count
            }
            None => self.rng.usize(..count),
        }
    }

    /// True in `percent` of a hundred cases.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of several.
    pub fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// A number for generators further down.
    pub fn seed(&mut self) -> u64 {
        (0..8).fold(0, |seed, _| seed << 8 | self.below(256) as u64)
    }
}
