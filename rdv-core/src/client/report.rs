//! What became of an attempt: every step and every candidate, with its time.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use crate::addr::AddrSpace;
use crate::wire::Proxy;

/// How the bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Route {
    /// From machine to machine.
    Direct,
    /// Through the server.
    Relay,
}

/// The course of one attempt. Steps that were not reached have no time.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The attempt began.
    pub started: Instant,
    /// The proxy through which the server was to be reached, if there was one. If so, whatever the server saw of us is
    /// the proxy's, and the relay's address is the proxy's too.
    pub proxy: Option<Proxy>,
    /// The connection to the proxy stood, if there is one.
    pub proxy_connected: Option<Instant>,
    /// The connection to the server stood, TLS included.
    pub server_connected: Option<Instant>,
    /// The request was written.
    pub requested: Option<Instant>,
    /// What came of asking the server for our address of the other family. `None`: it was not asked.
    pub second_opinion: Option<SecondOpinion>,
    /// The 101 was there, and the race began.
    pub matched: Option<Instant>,
    /// A connection was picked, or the attempt failed.
    pub ended: Option<Instant>,
    /// The remote address of the connection that was picked, and its route.
    pub chosen: Option<(SocketAddr, Route)>,
    /// The relay, every address of the peer, and every address that reached us, in the order of their coming.
    /// At most 64: strangers that come after that are not listed.
    pub candidates: Vec<CandidateReport>,
}

impl Report {
    pub(super) fn new(started: Instant, proxy: Option<Proxy>) -> Self {
        Self {
            started,
            proxy,
            proxy_connected: None,
            server_connected: None,
            requested: None,
            second_opinion: None,
            matched: None,
            ended: None,
            chosen: None,
            candidates: Vec::new(),
        }
    }
}

/// What came of asking the server for our address of the family that the request did not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecondOpinion {
    /// The server's address that was asked.
    pub server: SocketAddr,
    /// What came of it.
    pub seen: Seen,
    /// Since when that is so.
    pub at: Instant,
}

/// What a second opinion says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Seen {
    /// Nothing until the attempt had ended.
    Pending,
    /// The connection failed, or took more than 3 s.
    Failed(io::ErrorKind),
    /// It does not know such a question. Ordinary with servers of other make.
    NotTold,
    /// It sees us by this address.
    Addr {
        /// Our address as the server saw it.
        observed: SocketAddr,
        /// Whether the peer is told of it. If not, it was there already, or there was no room.
        noted: bool,
    },
}

impl Seen {
    /// The address, if that was told.
    pub fn addr(self) -> Option<SocketAddr> {
        match self {
            Seen::Addr { observed, .. } => Some(observed),
            Seen::Pending | Seen::Failed(_) | Seen::NotTold => None,
        }
    }
}

/// One candidate and its fate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CandidateReport {
    /// The remote address.
    pub addr: SocketAddr,
    /// Its address space, if it has one.
    pub space: Option<AddrSpace>,
    /// How we came to know of it.
    pub origin: Origin,
    /// How often it was dialled.
    pub dials: u32,
    /// What became of it.
    pub fate: Fate,
    /// Since when that is so.
    pub at: Instant,
}

/// How a candidate became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// It is the server, as the relay.
    Relay,
    /// The server listed it among the peer's addresses.
    Listed,
    /// A connection came from it that was not listed.
    Inbound,
}

/// What became of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// Not dialled, or not admitted: its address space is not enabled.
    NotEnabled,
    /// Not dialled: it is one of our own addresses.
    OwnAddr,
    /// The dial had no result yet.
    Dialing,
    /// The last dial or the connection failed.
    Failed(io::ErrorKind),
    /// The connection stood, but the peer's line was not there yet.
    Greeting,
    /// The line was not the peer's.
    BadHello(HelloFault),
    /// Closed since there were too many connections from unlisted addresses.
    Refused,
    /// It could have been chosen.
    Ready,
    /// It could have been chosen, and another one was.
    Discarded,
    /// The one.
    Chosen,
}

/// What was wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HelloFault {
    /// No rdv/1 line, or a line of more than 4096 bytes.
    Malformed,
    /// It names our own role.
    WrongRole,
    /// It names another token.
    WrongToken,
    /// It did not come in time.
    TimedOut,
    /// The connection ended before it.
    Eof,
    /// Good, but what followed was no `CONTINUE`.
    NotContinued,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Route::Direct => "direct",
            Route::Relay => "relay",
        })
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Seen::Pending => f.write_str("no answer yet"),
            Seen::Failed(kind) => write!(f, "{kind}"),
            Seen::NotTold => f.write_str("not given by this server"),
            Seen::Addr { observed, noted: true } => write!(f, "{observed}, as the peer is told"),
            Seen::Addr { observed, noted: false } => write!(f, "{observed}, as the peer is not told"),
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fate::NotEnabled => f.write_str("address space not enabled"),
            Fate::OwnAddr => f.write_str("our own address"),
            Fate::Dialing => f.write_str("still dialling"),
            // Ordinary, where both dial each other at once: one of the two connections counts.
            Fate::Failed(io::ErrorKind::AddrNotAvailable) => {
                f.write_str("the peer's own connection came first, or no route")
            }
            Fate::Failed(kind) => write!(f, "{kind}"),
            Fate::Greeting => f.write_str("connected, no line from the peer yet"),
            Fate::BadHello(fault) => write!(f, "{fault}"),
            Fate::Refused => f.write_str("too many unlisted connections"),
            Fate::Ready => f.write_str("ready"),
            Fate::Discarded => f.write_str("ready, another one was chosen"),
            Fate::Chosen => f.write_str("chosen"),
        }
    }
}

impl fmt::Display for HelloFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HelloFault::Malformed => "not an rdv/1 line",
            HelloFault::WrongRole => "line of a peer with our own role",
            HelloFault::WrongToken => "line with another token",
            HelloFault::TimedOut => "no line in time",
            HelloFault::Eof => "closed by the other side",
            HelloFault::NotContinued => "discarded by the dialer",
        })
    }
}
