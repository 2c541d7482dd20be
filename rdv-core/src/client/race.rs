//! The race among the candidates (rdv/1 section 3): whom to dial, when to dial again, whom to admit.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use log::debug;

use super::distance::Distance;
use super::link::{Greeting, Link, Step};
use super::pace::{self, Refusal};
use super::{Attempt, CandidateReport, Config, Event, Fate, Origin, Ready, Route};
use crate::addr::{AddrSpace, AddrSpaces, PeerAddrs, SelfAddrs, unmapped};
use crate::io::{ConnId, Input, Outbox, Target, after, earlier};
use crate::wire::Role;

#[derive(Debug)]
pub(super) struct Race {
    role: Role,
    spaces: AddrSpaces,
    self_addrs: SelfAddrs,
    line_timeout: Duration,
    greeting: Greeting,
    rng: fastrand::Rng,
    candidates: Vec<Candidate>,
    links: BTreeMap<ConnId, Entrant>,
    /// Connections that came before the 101: they wait for it, as they would in the listen backlog.
    early: Vec<(ConnId, SocketAddr)>,
    started: Option<Instant>,
}

#[derive(Debug)]
struct Candidate {
    report: CandidateReport,
    /// When it was last dialled.
    dialled: Option<Instant>,
    /// When to dial it again.
    redial: Option<Instant>,
    /// After how long a dial has failed by an ICMP error, if one has since the candidate was begun anew,
    prohibited: Option<Duration>,
    /// how often it was dialled since then,
    dials: u32,
    /// and how often it was begun anew.
    turns: u32,
}

/// A link, and the index of the candidate that it belongs to, if that is listed.
#[derive(Debug)]
struct Entrant {
    link: Link,
    remote: SocketAddr,
    candidate: Option<usize>,
    /// Whether we have opened it, so that it does not come from whoever likes.
    is_ours: bool,
}

impl Race {
    pub(super) fn new(attempt: &Attempt, config: &Config) -> Self {
        Self {
            role: attempt.role,
            spaces: config.spaces,
            self_addrs: attempt.self_addrs.clone(),
            line_timeout: config.line_timeout,
            greeting: Greeting::new(attempt.role, &attempt.token),
            rng: fastrand::Rng::with_seed(attempt.seed),
            candidates: Vec::new(),
            links: BTreeMap::new(),
            early: Vec::new(),
            started: None,
        }
    }

    /// Begins with the 101: the relay is a candidate, and the enabled addresses are dialled, all at once if they are not
    /// too many. The nearest are the first.
    pub(super) fn start(
        &mut self,
        now: Instant,
        relay: (ConnId, SocketAddr),
        peer: &PeerAddrs,
        out: &mut Outbox<Event>,
    ) {
        self.started = Some(now);
        let (conn, remote) = relay;
        let candidate = self.list(now, remote, Origin::Relay, Fate::Ready);
        let link = Link::relay(conn, self.role, now, out);
        self.links.insert(conn, Entrant { link, remote, candidate, is_ours: true });

        let mut addrs: Vec<SocketAddr> = peer.iter().copied().collect();
        addrs.sort_by_key(|addr| Distance::between(addr.ip(), &self.self_addrs));
        for addr in addrs {
            let fate = if self.self_addrs.contains(&addr) {
                Fate::OwnAddr
            } else if addr.port() == 0 {
                Fate::Failed(io::ErrorKind::InvalidInput)
            } else if !self.spaces.includes(addr.ip()) {
                Fate::NotEnabled
            } else {
                Fate::Dialing
            };
            let candidate = self.list(now, addr, Origin::Listed, fate);
            if let (Fate::Dialing, Some(candidate)) = (fate, candidate) {
                self.dial_or_wait(now, candidate, out);
            }
        }
        for (conn, remote) in std::mem::take(&mut self.early) {
            self.admit(now, conn, remote, out);
        }
    }

    /// A connection has come in at the shared port.
    pub(super) fn handle_accept(
        &mut self,
        now: Instant,
        remote: SocketAddr,
        out: &mut Outbox<Event>,
    ) -> ConnId {
        let conn = out.issue();
        let remote = unmapped(remote);
        if self.started.is_some() {
            self.admit(now, conn, remote, out);
        } else if self.early.len() < STRANGERS_MAX && self.spaces.includes(remote.ip()) {
            self.early.push((conn, remote));
        } else {
            out.close(conn);
        }
        conn
    }

    /// The connection that the dialer has chosen, once an accepter knows of it.
    pub(super) fn handle_input(
        &mut self,
        now: Instant,
        input: Input<'_>,
        out: &mut Outbox<Event>,
    ) -> Option<ConnId> {
        let conn = input.conn();
        let entrant = self.links.get_mut(&conn)?;
        let candidate = entrant.candidate;
        let deadline = after(now, self.line_timeout);
        match entrant.link.handle_input(now, input, &self.greeting, deadline, out) {
            Step::Pending => {}
            Step::Connected => self.note(now, candidate, Fate::Greeting),
            Step::Ready => self.note(now, candidate, Fate::Ready),
            Step::Taken => return Some(conn),
            Step::Over(fate) => self.drop_link(now, conn, fate, out),
        }
        None
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, out: &mut Outbox<Event>) {
        let over = |entrant: &Entrant| match entrant.link.handle_timeout(now) {
            Step::Over(fate) => Some((entrant.link.conn, fate)),
            Step::Pending | Step::Connected | Step::Ready | Step::Taken => None,
        };
        let late: Vec<_> = self.links.values().filter_map(over).collect();
        for (conn, fate) in late {
            self.drop_link(now, conn, fate, out);
        }
        for candidate in 0..self.candidates.len() {
            if self.candidates[candidate].redial.is_some_and(|at| at <= now) {
                self.candidates[candidate].redial = None;
                if !self.has_link(candidate) {
                    self.dial_or_wait(now, candidate, out);
                }
            }
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let lines = self.links.values().filter_map(|entrant| entrant.link.deadline());
        let redials = self.candidates.iter().filter_map(|candidate| candidate.redial);
        lines.chain(redials).fold(None, |first, at| earlier(first, Some(at)))
    }

    /// What the dialer may choose from, in the order in which it became ready.
    pub(super) fn ready(&self) -> Vec<Ready> {
        let ready = |entrant: &Entrant| {
            let Link { conn, route, .. } = entrant.link;
            Some(Ready { conn, route, since: entrant.link.ready_since()? })
        };
        let mut all: Vec<Ready> = self.links.values().filter_map(ready).collect();
        all.sort_by_key(|ready| (ready.since, ready.conn));
        all
    }

    /// Whether a direct connection may still come: where any is admitted, the peer may always dial us.
    pub(super) fn more_may_come(&self) -> bool {
        !self.spaces.is_empty()
    }

    /// Whether any link is left on which the peer has made itself known.
    pub(super) fn has_greeted(&self) -> bool {
        self.links.values().any(|entrant| entrant.link.is_greeted())
    }

    pub(super) fn remote_of(&self, conn: ConnId) -> Option<(SocketAddr, Route)> {
        self.links.get(&conn).map(|entrant| (entrant.remote, entrant.link.route))
    }

    pub(super) fn relay(&self) -> Option<ConnId> {
        self.links
            .values()
            .map(|entrant| &entrant.link)
            .find(|link| link.route == Route::Relay)
            .map(|link| link.conn)
    }

    /// Ends the race: closes everything but the chosen connection, whose life goes on elsewhere.
    pub(super) fn finish(&mut self, now: Instant, chosen: Option<ConnId>, out: &mut Outbox<Event>) {
        for (conn, _) in std::mem::take(&mut self.early) {
            out.close(conn);
        }
        for (conn, entrant) in std::mem::take(&mut self.links) {
            if Some(conn) == chosen {
                self.note(now, entrant.candidate, Fate::Chosen);
            } else {
                out.close(conn);
                if entrant.link.is_greeted() {
                    self.note(now, entrant.candidate, Fate::Discarded);
                }
            }
            entrant.link.end();
        }
        self.candidates.iter_mut().for_each(|candidate| candidate.redial = None);
    }

    pub(super) fn report(&self) -> Vec<CandidateReport> {
        self.candidates.iter().map(|candidate| candidate.report.clone()).collect()
    }

    /// Lets a connection take part, if its address space is enabled and there are not too many.
    fn admit(&mut self, now: Instant, conn: ConnId, remote: SocketAddr, out: &mut Outbox<Event>) {
        let known = self.candidates.iter().position(|candidate| candidate.report.addr == remote);
        if let Some(at) = known.filter(|at| self.candidates[*at].prohibited.is_some()) {
            return self.begin_anew(now, at, conn, out);
        }
        let strangers = self.links.values().filter(|entrant| !entrant.link.is_greeted()).count();
        let fate = if !self.spaces.includes(remote.ip()) {
            Fate::NotEnabled
        } else if strangers >= STRANGERS_MAX + PeerAddrs::MAX || self.links.len() >= LINKS_MAX {
            Fate::Refused
        } else {
            Fate::Greeting
        };
        let candidate = known.or_else(|| self.list(now, remote, Origin::Inbound, fate));
        if fate == Fate::Greeting {
            self.note(now, candidate, fate);
            let link = Link::accepted(conn, &self.greeting, after(now, self.line_timeout), out);
            self.links.insert(conn, Entrant { link, remote, candidate, is_ours: false });
        } else {
            debug!("closing connection from {remote}: {fate}");
            out.close(conn);
        }
    }

    fn list(&mut self, now: Instant, addr: SocketAddr, origin: Origin, fate: Fate) -> Option<usize> {
        debug!("candidate {addr}: {fate}");
        if self.candidates.len() == CANDIDATES_MAX {
            return None;
        }
        let space = AddrSpace::of(addr.ip());
        let report = CandidateReport { addr, space, origin, dials: 0, fate, at: now };
        let (dialled, redial, prohibited) = (None, None, None);
        self.candidates.push(Candidate { report, dialled, redial, prohibited, dials: 0, turns: 0 });
        Some(self.candidates.len() - 1)
    }

    /// Dials, unless its address family has as many sockets of ours as it may have. A SYN that is out keeps its socket,
    /// so it is the least promising addresses that wait. Strangers' connections do not count, lest they keep us from it.
    fn dial_or_wait(&mut self, now: Instant, at: usize, out: &mut Outbox<Event>) {
        self.note(now, Some(at), Fate::Dialing);
        let is_ipv4 = self.candidates[at].report.addr.is_ipv4();
        let counts = |entrant: &&Entrant| entrant.is_ours && entrant.remote.is_ipv4() == is_ipv4;
        if LISTENER + self.links.values().filter(counts).count() < SOCKETS_MAX {
            self.dial(now, at, out);
        } else {
            self.candidates[at].redial = Some(now + CROWDED);
        }
    }

    fn dial(&mut self, now: Instant, candidate: usize, out: &mut Outbox<Event>) {
        let Candidate { report, dialled, dials, .. } = &mut self.candidates[candidate];
        report.dials += 1;
        *dials += 1;
        report.at = now;
        *dialled = Some(now);
        let conn = out.connect(report.addr, Target::Peer);
        let (link, remote) = (Link::dialing(conn), report.addr);
        let entrant = Entrant { link, remote, candidate: Some(candidate), is_ours: true };
        self.links.insert(conn, entrant);
    }

    fn drop_link(&mut self, now: Instant, conn: ConnId, fate: Fate, out: &mut Outbox<Event>) {
        out.close(conn);
        let Some(Entrant { link, candidate, .. }) = self.links.remove(&conn) else {
            return;
        };
        link.end();
        let Some(candidate) = candidate else {
            return;
        };
        if let Fate::Failed(io::ErrorKind::HostUnreachable | io::ErrorKind::PermissionDenied) = fate {
            let candidate = &mut self.candidates[candidate];
            candidate.prohibited = candidate.dialled.map(|dialled| now.duration_since(dialled));
        }
        // EADDRNOTAVAIL says that the peer's own connection has the same four-tuple: that one counts.
        if let Some(Entrant { link, is_ours, .. }) = self.connected_link(candidate) {
            if self.candidates[candidate].prohibited.is_some() && !is_ours {
                let conn = link.conn;
                self.begin_anew(now, candidate, conn, out);
            }
            return;
        }
        self.note(now, Some(candidate), fate);
        if let Fate::Failed(kind) = fate {
            self.redial(now, candidate, kind, out);
        }
    }

    /// Resets a connection that came in after an ICMP error had ended our own dial to the same peer.
    ///
    /// A firewall of ours, if it is Linux's, holds the two for one: it goes by the sequence number of our SYN, lets data
    /// in, but never the peer's FIN. The RST has it forget both. If the peer comes again without a dial of ours, there is
    /// no such firewall, and the connection is good. Else we dial, one who is near at once, and the SYNs may cross.
    fn begin_anew(&mut self, now: Instant, at: usize, conn: ConnId, out: &mut Outbox<Event>) {
        let racing = self.racing(now);
        let candidate = &mut self.candidates[at];
        debug!("candidate {}: begun anew, for a dial was prohibited", candidate.report.addr);
        let refused = candidate.prohibited.take().unwrap_or_default();
        candidate.dials = 0;
        let took = candidate.dialled.map_or(Duration::ZERO, |dialled| now.duration_since(dialled));
        let turn = pace::turn(took, refused, racing, candidate.turns);
        candidate.turns += 1;
        candidate.redial = turn.map(|turn| now + turn);
        out.reset(conn);
        if let Some(entrant) = self.links.remove(&conn) {
            entrant.link.end();
        }
        self.note(now, Some(at), Fate::Failed(io::ErrorKind::HostUnreachable));
        if turn.is_none() && !self.has_link(at) {
            self.dial_or_wait(now, at, out);
        }
    }

    /// Dials again, at once or later, but only after an error: giving up a SYN that is out can reset the peer's answer.
    fn redial(&mut self, now: Instant, at: usize, kind: io::ErrorKind, out: &mut Outbox<Event>) {
        let racing = self.racing(now);
        let candidate = &mut self.candidates[at];
        if candidate.report.origin != Origin::Listed {
            return;
        }
        let took = now.duration_since(candidate.dialled.unwrap_or(now));
        match pace::pause(Refusal { kind, took, racing, dials: candidate.dials }, &mut self.rng) {
            None => {}
            Some(Duration::ZERO) => self.dial_or_wait(now, at, out),
            Some(pause) => candidate.redial = Some(now + pause),
        }
    }

    /// For how long the race has been on.
    fn racing(&self, now: Instant) -> Duration {
        self.started.map_or(Duration::ZERO, |started| now.duration_since(started))
    }

    fn note(&mut self, now: Instant, candidate: Option<usize>, fate: Fate) {
        let Some(report) = candidate.and_then(|at| self.candidates.get_mut(at)).map(|it| &mut it.report)
        else {
            return;
        };
        if report.fate != fate {
            debug!("candidate {}: {fate}", report.addr);
            (report.fate, report.at) = (fate, now);
        }
    }

    fn has_link(&self, candidate: usize) -> bool {
        self.links.values().any(|entrant| entrant.candidate == Some(candidate))
    }

    fn connected_link(&self, candidate: usize) -> Option<&Entrant> {
        let mut links = self.links.values().filter(|entrant| entrant.candidate == Some(candidate));
        links.find(|entrant| entrant.link.is_connected())
    }
}

/// Sockets that an attempt opens in one address family at a time: the connection to the server, those to the peer,
const SOCKETS_MAX: usize = 9;
/// and the one that listens.
const LISTENER: usize = 1;
/// When to look again whether a socket may be opened.
const CROWDED: Duration = Duration::from_millis(100);
/// Connections from unlisted addresses that may be under way at once.
const STRANGERS_MAX: usize = 16;
/// Links that may be there when one more is admitted. Beside the strangers' there is room for what an honest peer
/// can have greeted: the relay, one that either has dialled to each address of the other's, and about as many
/// again that have died unnoticed.
const LINKS_MAX: usize = 64;
/// Candidates that are reported on.
const CANDIDATES_MAX: usize = 64;
