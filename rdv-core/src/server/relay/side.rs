//! A client of a pair.

use std::net::SocketAddr;

use crate::io::ConnId;
use crate::wire::Request;

/// One client of a pair.
#[derive(Debug)]
pub(in crate::server) struct Side {
    pub(in crate::server) conn: ConnId,
    pub(in crate::server) request: Request,
    pub(in crate::server) observed: SocketAddr,
    /// The address that it has on its other family, as the server saw it.
    pub(in crate::server) also_observed: Option<Box<SocketAddr>>,
    /// Whether the lobby's read of one byte is still under way.
    pub(in crate::server) reading: bool,
    /// What it has said behind its request.
    pub(in crate::server) behind: Box<[u8]>,
    /// Whether its 101 is written.
    pub(in crate::server) answered: bool,
}
