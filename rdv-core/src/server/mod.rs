//! The server: a lobby in which peers find each other, and a relay for every pair.

mod admission;
mod config;
mod farewell;
mod guest;
mod households;
mod lobby;
mod look;
mod metrics;
mod observed;
mod queues;
mod rate;
mod relay;
mod report;

pub use admission::{Admission, Caller, Open};
pub use config::LobbyConfig;
pub use lobby::{Lobby, LobbyEvent, Matched, Reason, TlsStart};
pub use metrics::{Metrics, Readiness};
pub use observed::Observed;
pub use rate::{Allowance, ByteLimits};
pub use relay::{Early, Relay, RelayEvent, Splice};
pub use report::{DataEnd, RelayEnd, RelayReport, Traffic};

#[cfg(test)]
mod tests;
