//! A client in the lobby.

use std::net::SocketAddr;
use std::time::Instant;

use super::farewell::Farewell;
use super::households::Household;
use super::lobby::Introduction;
use super::queues::{Patience, Place};
use crate::addr::{PackedAddr, PackedAddrs, PeerAddrs, unmapped};
use crate::states::{Current, Named};
use crate::token::Token;
use crate::wire::{AttemptId, HeadReader, Request, RequestHeaders, Role};

#[derive(Debug)]
pub(super) struct Guest {
    /// Of its connection, unless a PROXY header had another.
    pub(super) remote: PackedAddr,
    /// As what it counts.
    pub(super) household: Option<Household>,
    pub(super) stage: Current<Stage>,
    /// What it is given time for, and its place among those who are given that. (Two fields, for they take less room.)
    pub(super) queue: Option<Patience>,
    pub(super) place: Place,
    pub(super) reading: bool,
    /// Whether the server speaks TLS with it.
    pub(super) is_tls: bool,
    /// How often it has asked for its address, and been told.
    pub(super) told: u8,
    /// What it has said behind its request. For one that waits there is none: it is to be idle.
    pub(super) behind: Box<[u8]>,
}

#[derive(Debug)]
pub(super) enum Stage {
    /// Where the connection is a trusted proxy's, it comes first: a PROXY header.
    Introducing(Box<Introduction>),
    /// And then TLS.
    Securing,
    Asking(HeadReader),
    Seated(Seat),
    Leaving(Farewell),
}

/// What a client has asked, in little room: most of those in a lobby sit there for long.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) role: Role,
    /// Whether it is known to be alive, now that its peer has come.
    pub(super) confirmed: bool,
    pub(super) token: Token,
    self_addrs: PackedAddrs,
    headers: RequestHeaders,
    pub(super) attempt: Option<AttemptId>,
    /// Where that is not its connection's remote address.
    observed: Option<Box<SocketAddr>>,
    /// On its other family, if it has had that looked at.
    pub(super) also_observed: Option<Box<SocketAddr>>,
}

impl Guest {
    pub(super) fn new(now: Instant, remote: SocketAddr, household: Option<Household>, first: Stage) -> Self {
        Self {
            remote: remote.into(),
            household,
            stage: Current::new(first),
            queue: None,
            place: Place::none(now),
            reading: false,
            is_tls: false,
            told: 0,
            behind: Box::default(),
        }
    }

    pub(super) fn seat(&self) -> Option<&Seat> {
        match &*self.stage {
            Stage::Seated(seat) => Some(seat),
            Stage::Introducing(_) | Stage::Securing | Stage::Asking(_) | Stage::Leaving(_) => None,
        }
    }

    pub(super) fn seat_mut(&mut self) -> Option<&mut Seat> {
        match &mut *self.stage {
            Stage::Seated(seat) => Some(seat),
            Stage::Introducing(_) | Stage::Securing | Stage::Asking(_) | Stage::Leaving(_) => None,
        }
    }
}

impl Seat {
    pub(super) fn new(request: Request, remote: SocketAddr, observed: SocketAddr) -> Self {
        let Request { role, token, self_addrs, headers, attempt } = request;
        Self {
            role,
            confirmed: false,
            token,
            self_addrs: PackedAddrs::of(&self_addrs),
            headers,
            attempt,
            observed: (observed != unmapped(remote)).then(|| Box::new(observed)),
            also_observed: None,
        }
    }

    /// By the server, given the connection's remote address.
    pub(super) fn observed(&self, remote: SocketAddr) -> SocketAddr {
        self.observed.as_deref().copied().unwrap_or_else(|| unmapped(remote))
    }

    /// What its peer is told of it.
    pub(super) fn peer_addrs(&self, observed: SocketAddr, also: Option<SocketAddr>) -> PeerAddrs {
        PeerAddrs::of(self.self_addrs.iter(), observed, also)
    }

    /// As the client had asked.
    pub(super) fn request(&self) -> Request {
        let Self { role, token, self_addrs, headers, attempt, .. } = self;
        Request {
            role: *role,
            token: token.clone(),
            self_addrs: self_addrs.unpack(),
            headers: headers.clone(),
            attempt: *attempt,
        }
    }
}

impl Named for Stage {
    const MACHINE: &'static str = "lobby";

    fn name(&self) -> &'static str {
        match self {
            // All that is its first words, or before them.
            Stage::Introducing(_) | Stage::Securing | Stage::Asking(_) => "Asking",
            Stage::Seated(_) => "Seated",
            Stage::Leaving(_) => "Leaving",
        }
    }
}
