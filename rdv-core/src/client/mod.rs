//! The client: one attempt to reach one peer.
//!
//! [`Connector`] is composed of a handshake with the server (perhaps by a tunnel through a proxy), a race among the candidates, and a [`Picker`].

mod config;
mod connector;
mod distance;
mod error;
mod families;
mod handshake;
mod link;
mod observation;
mod pace;
mod pick;
mod race;
mod report;
mod tunnel;

pub use config::{Attempt, Config};
pub use connector::{Connector, Event, Meta, Selected};
pub use error::{ConnectError, Failure, Phase};
pub use pick::{Pick, PickFirst, Picker, Ready, Standings, WaitConstant, WaitForP2p};
pub use report::{CandidateReport, Fate, HelloFault, Origin, Report, Route, SecondOpinion, Seen};

#[cfg(test)]
mod tests;
