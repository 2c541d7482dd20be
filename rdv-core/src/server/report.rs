//! What became of a pair.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use log::{debug, info};

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

impl RelayEnd {
    /// All that [`code`](RelayEnd::code) can be.
    pub const CODES: &[&str] = &[
        "direct",
        "relayed",
        "no-command",
        "dialer-broken",
        "accepter-broken",
        "rejected",
        "idle",
        "shut-down",
    ];

    /// One word for machines, stable across versions.
    pub fn code(&self) -> &'static str {
        match self {
            RelayEnd::Direct(_) => "direct",
            RelayEnd::Relayed => "relayed",
            RelayEnd::NoCommand => "no-command",
            RelayEnd::Broken(Role::Dial, _) => "dialer-broken",
            RelayEnd::Broken(Role::Accept, _) => "accepter-broken",
            RelayEnd::Rejected => "rejected",
            RelayEnd::Idle => "idle",
            RelayEnd::ShutDown => "shut-down",
        }
    }
}

impl RelayReport {
    /// Logs the pair's end as one line for operators, with its figures as fields beside the text, for loggers that write
    /// such. Clients' addresses are in a line of their own at level `debug`.
    pub fn log(&self) {
        let Self { token, dialer, accepter, end, traffic, duration } = self;
        info!(
            target: "server",
            token:%, end = end.code(), dial_bytes = traffic.to_accepter, accept_bytes = traffic.to_dialer,
            duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
            "{self}"
        );
        debug!("pair token={token} dialer={dialer} accepter={accepter} end={end:?}");
    }
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
