//! The client against servers that do as they please (rdv/1 sections 1, 2, 4 and 5).

mod answers;
mod reaching;
mod relay;

use std::time::Duration;

use rdv_blocking::Client;
use rdv_tests::attempt::client;

pub(crate) const SWITCH: &str =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n\r\n";

/// No address space: the relay is the only way.
pub(crate) fn relay_only() -> Client {
    client("none", |config| config.orphan_timeout = Duration::from_millis(100))
}
