//! What the tests of the machines share.

pub(crate) mod bench;
