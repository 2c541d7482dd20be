//! The rdv/1 protocol as state machines.
#![forbid(unsafe_code)]

mod addr;
mod client;
mod io;
mod server;
mod token;
mod wire;

pub use addr::{AddrList, AddrListError, AddrSpace, AddrSpaces, AddrSpacesError, PeerAddrs, SelfAddrs};
pub use client::{
    Attempt, CandidateReport, Config, ConnectError, Connector, Event, Failure, Fate, HelloFault, Meta,
    Origin, Phase, Pick, PickFirst, Picker, Ready, Report, Route, Selected, Standings, WaitConstant,
    WaitForP2p,
};
pub use io::{ConnId, Input, Intent, Output, Target};
pub use server::{
    DataEnd, Early, Lobby, LobbyConfig, LobbyEvent, Matched, Observed, Reason, Relay, RelayEnd, RelayEvent,
    RelayReport, Splice, Traffic,
};
pub use token::{Token, TokenError};
pub use wire::{BadAnswer, HeaderError, Headers, Refusal, Reject, Request, Role, ServerUrl, UrlError};

/// The HTTP types that appear in this crate's API.
pub use http;
