//! What the tests of the machines share.

pub(crate) mod bench;
pub(crate) mod cases;
pub(crate) mod journal;
pub(crate) mod storm;
