//! A second opinion on our address: what the server sees of us on the family that the request did not take.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use log::debug;

use super::{Attempt, Config, Event, SecondOpinion, Seen};
use crate::addr::AddrSpaces;
use crate::io::{ConnId, Input, Outbox, Target};
use crate::states::{Current, Named};
use crate::wire::{AttemptId, HeadReader, Observe, Opinion};

/// How to ask, if a second opinion can be had at all: for that, the server must have both families, and direct
/// connections must be wanted.
#[derive(Debug)]
pub(super) struct Question {
    /// By which the server knows that it is us.
    pub(super) attempt: AttemptId,
    request: Bytes,
    spaces: AddrSpaces,
}

/// One connection to the server beside that of the handshake. Whatever becomes of it, the attempt goes on.
#[derive(Debug)]
pub(super) struct Observation {
    conn: ConnId,
    server: SocketAddr,
    request: Bytes,
    stage: Current<Stage>,
    /// How often it may still ask.
    left: u8,
    /// What it has been told, although it is to ask again.
    heard: Option<SocketAddr>,
    deadline: Instant,
}

/// Where to ask: an address of the server of the other family.
#[derive(Clone, Copy, Debug)]
pub(super) enum Other {
    /// One that is being dialled. A SYN that is out is not given up.
    Dialing(ConnId, SocketAddr),
    /// One that was not dialled yet.
    Known(SocketAddr),
}

impl Other {
    fn addr(self) -> SocketAddr {
        match self {
            Other::Dialing(_, addr) | Other::Known(addr) => addr,
        }
    }
}

#[derive(Debug)]
enum Stage {
    Dialing,
    /// The request is being written.
    Asking,
    /// The answer is being read.
    Hearing(HeadReader),
    /// The server did not know of us yet: the request on the other connection is still on its way.
    Pausing {
        until: Instant,
    },
}

impl Question {
    pub(super) fn new(attempt: &Attempt, config: &Config) -> Option<Self> {
        let Attempt { role, url, token, server_addrs, seed, .. } = attempt;
        let has = |ipv4| server_addrs.iter().any(|addr| addr.is_ipv4() == ipv4);
        let wanted = config.second_opinion && config.proxy.is_none() && !config.spaces.is_empty();
        (wanted && has(true) && has(false)).then(|| {
            let attempt = AttemptId::of(*seed, *role);
            let request = Observe::encode(url, token, attempt, &config.headers);
            Self { attempt, request, spaces: config.spaces }
        })
    }

    /// Whether the peer may dial an address of this family.
    fn is_about(&self, other: Other) -> bool {
        self.spaces.iter().any(|space| space.is_ipv4() == other.addr().is_ipv4())
    }
}

impl Observation {
    /// Nothing comes of it if no address of that family is of use.
    pub(super) fn begin(
        now: Instant,
        other: Other,
        question: Option<Question>,
        out: &mut Outbox<Event>,
    ) -> Option<Self> {
        let question = question.filter(|question| question.is_about(other));
        let (Some(question), server) = (question, other.addr()) else {
            if let Other::Dialing(conn, _) = other {
                out.close(conn);
            }
            return None;
        };
        let conn = match other {
            Other::Dialing(conn, _) => conn,
            Other::Known(server) => out.connect(server, Target::Server),
        };
        let stage = Current::new(Stage::Dialing);
        let (request, deadline) = (question.request, now + PATIENCE);
        Some(Self { conn, server, request, stage, left: ASKS_MAX, heard: None, deadline })
    }

    pub(super) fn conn(&self) -> ConnId {
        self.conn
    }

    /// What there is to report, once it is over. `waits`: whether the server still may tell a peer of us.
    pub(super) fn handle_input(
        &mut self,
        now: Instant,
        input: Input<'_>,
        waits: bool,
        out: &mut Outbox<Event>,
    ) -> Option<SecondOpinion> {
        match (&mut *self.stage, input) {
            (_, Input::Failed(_, kind)) => return Some(self.saw(now, Seen::Failed(kind))),
            (Stage::Dialing, Input::Connected(_)) => self.ask(out),
            (Stage::Asking, Input::Wrote(_)) => {
                let reader = HeadReader::new(READ_AT_ONCE);
                out.read(self.conn, reader.next_read());
                self.stage.enter(Stage::Hearing(reader));
            }
            (Stage::Hearing(_), Input::Read(_, [])) => return Some(self.saw(now, Seen::NotTold)),
            (Stage::Hearing(reader), Input::Read(_, data)) => match reader.push(data) {
                Ok(false) => out.read(self.conn, reader.next_read()),
                Ok(true) => return self.heard(now, waits),
                Err(_) => return Some(self.saw(now, Seen::NotTold)),
            },
            (
                Stage::Dialing | Stage::Asking | Stage::Hearing(_) | Stage::Pausing { .. },
                Input::Connected(_) | Input::Read(..) | Input::Wrote(_) | Input::Quiet(_),
            ) => {}
        }
        None
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, out: &mut Outbox<Event>) -> Option<SecondOpinion> {
        match *self.stage {
            _ if self.deadline <= now => Some(self.saw(now, Seen::Failed(io::ErrorKind::TimedOut))),
            Stage::Pausing { until } if until <= now => {
                self.ask(out);
                None
            }
            Stage::Dialing | Stage::Asking | Stage::Hearing(_) | Stage::Pausing { .. } => None,
        }
    }

    pub(super) fn deadline(&self) -> Instant {
        match *self.stage {
            Stage::Pausing { until } => self.deadline.min(until),
            Stage::Dialing | Stage::Asking | Stage::Hearing(_) => self.deadline,
        }
    }

    /// There is a peer, and nobody to be told of us any more: no use in asking again.
    pub(super) fn is_idle(&self) -> bool {
        matches!(*self.stage, Stage::Pausing { .. })
    }

    /// What there is to report if it ends before its time.
    pub(super) fn so_far(&self, now: Instant) -> SecondOpinion {
        self.saw(now, Seen::Pending)
    }

    pub(super) fn end(self, out: &mut Outbox<Event>) {
        out.close(self.conn);
        self.stage.end();
    }

    fn ask(&mut self, out: &mut Outbox<Event>) {
        self.left = self.left.saturating_sub(1);
        out.write(self.conn, self.request.clone());
        self.stage.enter(Stage::Asking);
    }

    /// An answer is complete.
    fn heard(&mut self, now: Instant, waits: bool) -> Option<SecondOpinion> {
        let Stage::Hearing(reader) = &*self.stage else {
            return None;
        };
        let Some(Opinion { observed, noted, ask_again }) = Opinion::parse(reader.head()) else {
            return Some(self.saw(now, Seen::NotTold));
        };
        if ask_again && waits && self.left > 0 && reader.rest().is_empty() {
            self.heard = Some(observed);
            self.stage.enter(Stage::Pausing { until: now + PAUSE });
            return None;
        }
        Some(self.saw(now, Seen::Addr { observed, noted }))
    }

    fn saw(&self, now: Instant, seen: Seen) -> SecondOpinion {
        let seen = match (seen, self.heard) {
            (Seen::Pending | Seen::Failed(_) | Seen::NotTold, Some(observed)) => {
                Seen::Addr { observed, noted: false }
            }
            (seen, _) => seen,
        };
        debug!("second opinion of {}: {seen}", self.server);
        SecondOpinion { server: self.server, seen, at: now }
    }
}

impl Named for Stage {
    const MACHINE: &'static str = "observation";

    fn name(&self) -> &'static str {
        match self {
            Stage::Dialing => "Dialing",
            Stage::Asking => "Asking",
            Stage::Hearing(_) => "Hearing",
            Stage::Pausing { .. } => "Pausing",
        }
    }
}

/// For all of it, from the dial on.
const PATIENCE: Duration = Duration::from_secs(3);
/// Before it asks again.
const PAUSE: Duration = Duration::from_millis(500);
const ASKS_MAX: u8 = 3;
/// Nothing on this connection is the application's, so what follows the head may be read along with it.
const READ_AT_ONCE: usize = 1024;
