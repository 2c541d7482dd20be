//! What a lobby tells its driver.

use std::net::SocketAddr;

use super::super::Relay;
use crate::io::ConnId;
use crate::wire::Reject;

/// When TLS is to begin on a connection that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsStart {
    /// Before anything is read.
    AtOnce,
    /// When the lobby says so, by [`Intent::Secure`](crate::Intent::Secure): a trusted proxy's words come first, in clear.
    WhenTold,
}

/// What a driver needs to know of a lobby.
#[derive(Debug)]
#[non_exhaustive]
pub enum LobbyEvent {
    /// Two clients found each other. Both connections are the relay's from here on, and so is every answer of
    /// theirs that the lobby has not been fed.
    Matched(Box<Matched>),
    /// A client left without a peer. Its connection may stay open a little, for it to read the answer.
    Left {
        /// Its connection's remote address, or the one that its proxy's PROXY header had in its place.
        remote: SocketAddr,
        /// Why.
        reason: Reason,
    },
}

/// A pair.
#[derive(Debug)]
#[non_exhaustive]
pub struct Matched {
    /// The machine that serves the pair. It has outputs already.
    pub relay: Relay,
    /// The dialer's connection.
    pub dialer: ConnId,
    /// The accepter's connection.
    pub accepter: ConnId,
}

/// Why a client left the lobby alone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It was told so.
    Rejected(Reject),
    /// It went away, or never said a word.
    Gone,
    /// It asked for its address alone, and was told. (That is a client's second connection, beside the one on which
    /// it waits.)
    Observed,
    /// It was a browser, and was shown [the page](crate::LobbyConfig::page).
    Visited,
}
