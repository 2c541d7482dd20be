//! Chance, for the machines that have none of their own.

use std::hash::{BuildHasher, RandomState};

/// A number that is another one each time, and that nobody outside can guess: it comes from the keys with which the
/// system's own source of randomness protects hash maps.
pub fn random_seed() -> u64 {
    RandomState::new().hash_one(())
}

#[cfg(test)]
mod tests;
