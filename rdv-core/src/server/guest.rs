//! A client in the lobby.

use std::net::SocketAddr;
use std::time::Instant;

use super::farewell::Farewell;
use super::households::Household;
use super::lobby::Introduction;
use crate::states::{Current, Named};
use crate::wire::{HeadReader, Request};

#[derive(Debug)]
pub(super) struct Guest {
    /// Of its connection, unless a PROXY header had another.
    pub(super) remote: SocketAddr,
    /// As what it counts.
    pub(super) household: Option<Household>,
    pub(super) stage: Current<Stage>,
    pub(super) reading: bool,
    pub(super) deadline: Option<Instant>,
    /// How often it has asked for its address, and been told.
    pub(super) told: u8,
    /// What it has said behind its request. For one that waits there is none: it is to be idle.
    pub(super) behind: Box<[u8]>,
}

#[derive(Debug)]
pub(super) enum Stage {
    /// Where the connection is a trusted proxy's, it comes first: a PROXY header.
    Introducing(Introduction),
    /// And then TLS.
    Securing,
    Asking(HeadReader),
    Seated {
        request: Request,
        observed: SocketAddr,
        /// On its other family, if it has had that looked at.
        also_observed: Option<Box<SocketAddr>>,
        /// When it took its seat.
        since: Instant,
    },
    Leaving(Farewell),
}

impl Named for Stage {
    const MACHINE: &'static str = "lobby";

    fn name(&self) -> &'static str {
        match self {
            // All that is its first words, or before them.
            Stage::Introducing(_) | Stage::Securing | Stage::Asking(_) => "Asking",
            Stage::Seated { .. } => "Seated",
            Stage::Leaving(_) => "Leaving",
        }
    }
}
