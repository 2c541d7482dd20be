//! What the fuzz targets do and check: the machines of rdv-core against whatever comes, in whatever order, and what
//! gateways say.
//!
//! This is ordinary Rust. `fuzz/fuzz_targets` gives each target to libFuzzer, and `tests/replay.rs` runs the corpus
//! through them on stable.

mod answer_head;
mod bench;
mod client;
mod connector;
mod head;
mod lines;
mod lobby;
mod pair;
mod port_map;
mod proxy;
mod proxy_header;
mod relay;
mod request_head;
mod script;
mod simulator;
mod stream;

pub use answer_head::answer_head;
pub use connector::{ConnectorScript, connector};
pub use lines::lines;
pub use lobby::{LobbyScript, lobby};
pub use port_map::port_map;
pub use proxy::proxy;
pub use proxy_header::proxy_header;
pub use relay::{RelayScript, relay};
pub use request_head::request_head;
pub use simulator::simulator;

/// A target: it panics at the first thing that is not as it should be.
pub type Target = fn(&[u8]);

/// All targets, by the names of their files.
pub const TARGETS: [(&str, Target); 10] = [
    ("answer_head", answer_head),
    ("connector", connector),
    ("lines", lines),
    ("lobby", lobby),
    ("port_map", port_map),
    ("proxy", proxy),
    ("proxy_header", proxy_header),
    ("relay", relay),
    ("request_head", request_head),
    ("simulator", simulator),
];
