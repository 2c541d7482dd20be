//! The rdv/1 protocol as sans-IO state machines: how two peers find each other at a server, race for a direct
//! connection, and fall back to the relay.
//!
//! There is no socket, clock, thread or chance in here. A machine says what it wants done, a driver does it on
//! whatever runtime there is, and time and a seed come in as values. The same inputs give the same outputs.
//! Programs use one of the drivers: `rdv-blocking` is for threads, `rdv-tokio` and `rdv-smol` are for async runtimes.
//!
//! | machine | what it decides | ends with |
//! | --- | --- | --- |
//! | [`Connector`] | a client's attempt: request, answer, race, pick | [`Event::Selected`] or [`Event::Failed`] |
//! | [`Lobby`] | a server's front: reads requests, pairs tokens, answers | nothing: it serves on |
//! | [`Relay`] | a pair: CONTINUE or OTHER, then the idle policy | [`RelayEvent::Finished`] |
//!
//! The protocol has sections of its own: 1 request, 2 answer, 3 connect, 4 pick, 5 relay, 6 address spaces. Where
//! an item implements one, it says so.
//!
//! # The driver's contract
//!
//! All machines have the same four methods, and `handle_accept` if connections can come in:
//!
//! ```text
//! machine.poll_output() -> Output<Event>        machine.handle_input(now, input)
//! machine.handle_timeout(now)                   machine.handle_accept(now, remote) -> ConnId
//! ```
//!
//! 1. Call `poll_output` until it returns [`Output::Wait`], and carry out each [`Intent`] in its order.
//! 2. Wait for the answer to one of them, for a connection, or for the deadline that came with `Wait`.
//! 3. Feed what came, by `handle_input` or `handle_accept`; at the deadline call `handle_timeout`. Back to 1.
//!
//! Feeding several inputs before draining is fine, and so is calling `handle_timeout` when nothing is due. What a
//! driver can rely on, and must keep to:
//!
//! - On a connection at most one read and one write are under way. (Both at once only where the lobby's watch on
//!   a waiting client becomes the relay's first read: reads are reinterpreted, and given up only by name.)
//! - A read takes **at most** the bytes asked for off the stream. The machine never asks for one that might be
//!   the application's, so when it is done every stream stands exactly at the application's first byte. A server's
//!   machines ask for more, and keep it: it comes along with the [`Splice`].
//! - A write is one operation, however many system calls it takes.
//! - TLS is the driver's part: below a connection to [`Target::Server`] if the URL is https, and from
//!   [`Intent::Secure`] on below one to [`Target::Proxy`], or one that came in from a trusted proxy. The machine never sees more of it than that.
//! - A deadline is always later than the `now` of the last `handle_timeout`. Round waits up, not down.
//! - The addresses to resolve are those of [`Config::first_hop`]. `now` never goes backwards. Time spent before the attempt is told to [`Connector::new`].
//! - A connection that has failed is gone. Whether a Close still comes for it does not matter.
//! - After [`Intent::Close`] and [`Intent::Reset`] a connection's answers are ignored, should any still come.
//! - A pair is made when [`LobbyEvent::Matched`] is polled, and not before. Until then the answers of its two
//!   connections are the lobby's; from then on they are the relay's, those too that the driver has queued.
//! - Dropping a machine drops its promises: the driver closes whatever sockets it still has.
//!
//! With the feature `contract` there is a `Contract`, which watches a machine and its driver in tests. With the
//! feature `watch` every machine has one, so that whatever tests a driver has are tests of this contract too.
//!
//! # The canonical loop
//!
//! Two clients and a server, driven in memory over a network on which everything takes one trip. The attempt
//! that finds its peer waiting has a direct connection after seven trips: connect to the server (2), request (1),
//! answer (1), connect to the peer (2), line (1): that is 3.5 round trips. The relay, if nothing else is to be
//! tried, stands after four.
#![doc = include_str!("canonical_loop.md")]
#![forbid(unsafe_code)]

mod addr;
mod client;
mod conns;
#[cfg(any(test, feature = "contract"))]
mod contract;
mod io;
mod server;
mod states;
mod token;
// Tests of machines have a contract on their bench, and breach it where they mean to.
#[cfg(any(not(feature = "watch"), test))]
mod unwatched;
mod wire;

#[cfg(all(feature = "watch", not(test)))]
use contract::Watch;
#[cfg(any(not(feature = "watch"), test))]
use unwatched::Watch;

#[cfg(test)]
mod tests;

pub use addr::{
    AddrList, AddrListError, AddrSpace, AddrSpaces, AddrSpacesError, Cidr, CidrError, Interfaces, LocalAddr,
    MappedAddr, PeerAddrs, SelfAddrs, UnknownInterface,
};
pub use client::{
    Attempt, CandidateReport, Config, ConnectError, Connector, Event, Failure, Fate, HelloFault, Meta,
    Origin, Phase, Pick, PickFirst, Picker, Ready, Report, Route, SecondOpinion, Seen, Selected, Standings,
    WaitConstant, WaitForP2p,
};
pub use conns::ConnMap;
#[cfg(any(test, feature = "contract"))]
pub use contract::{Contract, Meaning, Watched};
pub use io::{ConnId, Input, Intent, Output, Target};
pub use server::{
    Admission, Allowance, ByteLimits, Caller, DataEnd, Early, Lobby, LobbyConfig, LobbyEvent, Matched,
    Metrics, Observed, Open, Readiness, Reason, Relay, RelayEnd, RelayEvent, RelayReport, Splice, TlsStart,
    Traffic,
};
pub use token::{Token, TokenError};
pub use wire::{
    Answered, BadAnswer, Denial, HeaderError, Headers, Proxy, ProxyError, ProxyFault, Refusal, Reject,
    Request, RequestHeaders, Role, ServerUrl, UrlError,
};

/// The HTTP types that appear in this crate's API.
pub use http;
