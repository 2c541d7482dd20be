//! What a relay tells its driver.

use bytes::Bytes;

use super::super::RelayReport;
use crate::io::ConnId;

/// What a driver needs to know of a relay.
#[derive(Debug)]
#[non_exhaustive]
pub enum RelayEvent {
    /// Copy between the two, from now on and in both directions.
    Splice(Splice),
    /// The pair is history.
    Finished(Box<RelayReport>),
}

/// The order to copy. No operation is under way on either connection.
///
/// Every byte from one goes to the other. When one has ended its stream (FIN) and all its bytes are passed on,
/// the driver ends the other's incoming stream by a FIN, and the opposite direction goes on. The end is reported
/// by [`Relay::handle_end`](super::Relay::handle_end): complete once both have ended, broken at the first error. The relay then says how
/// to close.
#[derive(Debug)]
#[non_exhaustive]
pub struct Splice {
    /// The dialer's connection.
    pub dialer: ConnId,
    /// The accepter's connection.
    pub accepter: ConnId,
    /// What the accepter said before it was time.
    pub early: Early,
    /// What came with the dialer's command, and is the application's: the accepter gets it first. Mostly nothing.
    pub behind_command: Bytes,
}

/// What an accepter said before CONTINUE; the dialer gets it behind CONTINUE.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Early {
    /// Perhaps a byte, or what came in one piece with its request.
    pub data: Bytes,
    /// Whether it has ended its stream already.
    pub eof: bool,
}
