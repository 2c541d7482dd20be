//! What the fuzz targets do and check: the machines of rdv-core against whatever comes, in whatever order.
//!
//! This is ordinary Rust. `fuzz/fuzz_targets` gives each target to libFuzzer, and `tests/replay.rs` runs the corpus
//! through them on stable.

mod answer_head;
mod client;
mod head;
mod lines;
mod pair;
mod request_head;
mod stream;

pub use answer_head::answer_head;
pub use lines::lines;
pub use request_head::request_head;

/// A target: it panics at the first thing that is not as it should be.
pub type Target = fn(&[u8]);

/// All targets, by the names of their files.
pub const TARGETS: [(&str, Target); 3] =
    [("answer_head", answer_head), ("lines", lines), ("request_head", request_head)];
