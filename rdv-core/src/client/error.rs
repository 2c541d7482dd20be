//! Why an attempt fails.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use super::Report;
use crate::wire::{BadAnswer, Proxy, ProxyFault, Refusal};

/// A failed attempt: the reason, and the course it took.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// The reason.
    pub error: ConnectError,
    /// The course.
    pub report: Report,
}

/// Why an attempt failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// None of the server's addresses could be reached.
    Unreachable {
        /// Each with what became of it, in the order of trying. Empty if the name has no addresses.
        tried: Vec<(SocketAddr, io::ErrorKind)>,
    },
    /// There is no way through the proxy to the server.
    Proxy {
        /// The proxy.
        proxy: Box<Proxy>,
        /// What went wrong.
        fault: ProxyFault,
    },
    /// The server was reached through a proxy, but there is no TLS with it. (Without a proxy, such a server is
    /// [unreachable](Self::Unreachable).)
    NotSecured(io::ErrorKind),
    /// The connection to the server broke before its answer was there.
    ServerLost(io::ErrorKind),
    /// The server ended the connection without an answer.
    NoAnswer,
    /// The server's answer is no rdv/1 answer: this may be another kind of server.
    BadAnswer(BadAnswer),
    /// The server refused.
    Refused(Box<Refusal>),
    /// The relay ended, and no direct connection came: the peer has probably given up.
    PeerGone,
    /// The connection that was chosen broke before it could be used.
    ChosenLost(io::ErrorKind),
    /// The time for the whole attempt is over.
    TimedOut(Phase),
}

/// How far an attempt had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Connecting to the server.
    Connecting,
    /// Waiting for the peer to come to the server.
    Waiting,
    /// Looking for a connection to the peer.
    Racing,
}

impl ConnectError {
    /// None of the addresses could be reached: the proxy's, if there is one, or else the server's.
    pub(super) fn unreachable(proxy: Option<Proxy>, tried: Vec<(SocketAddr, io::ErrorKind)>) -> Self {
        match proxy {
            Some(proxy) => {
                ConnectError::Proxy { proxy: Box::new(proxy), fault: ProxyFault::Unreachable { tried } }
            }
            None => ConnectError::Unreachable { tried },
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::Unreachable { tried } if tried.is_empty() => {
                f.write_str("the server has no address")
            }
            ConnectError::Unreachable { tried } => {
                f.write_str("cannot reach the server: ")?;
                for (i, (addr, kind)) in tried.iter().enumerate() {
                    let comma = if i > 0 { ", " } else { "" };
                    write!(f, "{comma}{addr} {kind}")?;
                }
                Ok(())
            }
            ConnectError::Proxy { proxy, fault } => write!(f, "no way through the proxy {proxy}: {fault}"),
            ConnectError::NotSecured(kind) => {
                write!(f, "cannot secure the connection to the server by TLS: {kind}")
            }
            ConnectError::ServerLost(kind) => write!(f, "lost the connection to the server: {kind}"),
            ConnectError::NoAnswer => f.write_str("the server closed the connection without an answer"),
            ConnectError::BadAnswer(why) => write!(f, "this is no rdv/1 server: {why}"),
            ConnectError::Refused(refusal) => write!(f, "refused by the server: {refusal}"),
            ConnectError::PeerGone => {
                f.write_str("the relay ended and no direct connection came: is the peer gone?")
            }
            ConnectError::ChosenLost(kind) => write!(f, "the chosen connection broke: {kind}"),
            ConnectError::TimedOut(phase) => write!(f, "timed out while {phase}"),
        }
    }
}

impl std::error::Error for ConnectError {}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Connecting => "connecting to the server",
            Phase::Waiting => "waiting for the peer",
            Phase::Racing => "looking for a connection to the peer",
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Failure {}
