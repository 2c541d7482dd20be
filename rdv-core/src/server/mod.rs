//! The server: a lobby in which peers find each other, and a relay for every pair.

mod config;
mod farewell;
mod lobby;
mod relay;

pub use config::{LobbyConfig, Observed};
pub use lobby::{Lobby, LobbyEvent, Matched, Reason};
pub use relay::{DataEnd, Early, Relay, RelayEnd, RelayEvent, RelayReport, Splice, Traffic};

#[cfg(test)]
mod tests;
