//! What the tests of the machines share.

pub(crate) mod bench;
pub(crate) mod cases;
pub(crate) mod storm;
