//! What became of a pair.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::io::ConnId;
use crate::token::Token;
use crate::wire::Role;

/// Bytes that were passed on so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// From the dialer to the accepter.
    pub to_accepter: u64,
    /// From the accepter to the dialer.
    pub to_dialer: u64,
}

/// How the copying ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataEnd {
    /// Both streams ended, and all bytes were passed on.
    Complete,
    /// A connection failed.
    Broken(ConnId, io::ErrorKind),
}

/// What became of a pair.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RelayReport {
    /// The token of both.
    pub token: Token,
    /// The dialer's observed address.
    pub dialer: SocketAddr,
    /// The accepter's observed address.
    pub accepter: SocketAddr,
    /// How it ended.
    pub end: RelayEnd,
    /// The bytes relayed behind CONTINUE.
    pub traffic: Traffic,
    /// From the match to the end.
    pub duration: Duration,
}

/// How a pair ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RelayEnd {
    /// With a direct connection, the good end; the address as the dialer saw it.
    Direct(Option<SocketAddr>),
    /// After relaying both streams to their end.
    Relayed,
    /// The dialer said neither CONTINUE nor OTHER.
    NoCommand,
    /// A connection failed.
    Broken(Role, io::ErrorKind),
    /// The application did not want it.
    Rejected,
    /// No byte came for the idle timeout.
    Idle,
    /// The server shut down.
    ShutDown,
}

/// The line that a server logs for a pair. The token is shortened.
impl fmt::Display for RelayReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { token, traffic, .. } = self;
        let ms = self.duration.as_millis();
        if let RelayEnd::Direct(_) = self.end {
            return write!(f, "peers connected directly token={token} dur={ms}ms");
        }
        write!(
            f,
            "relay ended token={token} dial_bytes={} accept_bytes={} dur={ms}ms end={:?}",
            traffic.to_accepter,
            traffic.to_dialer,
            self.end.to_string(),
        )
    }
}

impl fmt::Display for RelayEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RelayEnd::Direct(_) => f.write_str("the peers connected directly"),
            RelayEnd::Relayed => f.write_str("both streams ended"),
            RelayEnd::NoCommand => f.write_str("the dialer left without choosing"),
            RelayEnd::Broken(Role::Dial, kind) => write!(f, "the dialer's connection failed: {kind}"),
            RelayEnd::Broken(Role::Accept, kind) => write!(f, "the accepter's connection failed: {kind}"),
            RelayEnd::Rejected => f.write_str("rejected by the application"),
            RelayEnd::Idle => f.write_str("idle for too long"),
            RelayEnd::ShutDown => f.write_str("the server shut down"),
        }
    }
}
