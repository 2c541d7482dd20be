//! What NATs and firewalls share: they remember connections, and let in what these permit (RFC 5382).

use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;

use super::Time;
use super::packet::{Body, Flags, Packet, Segment, Unreachable, Why};
use super::policy::{Dependence, FirewallPolicy, Unexpected};

/// What becomes of a packet that came to a NAT or a firewall.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// It goes on to the other side, rewritten.
    Forward(Packet),
    /// This goes back to the side it came from: the packet itself by hairpinning, or an answer to it.
    Back(Packet),
    /// Nothing comes of it.
    Dropped,
}

/// The sessions that are remembered, oldest first. Those whose lifetime is over count as forgotten.
///
/// A simulation has tens of them, so they are found by looking through all.
pub(super) struct Sessions {
    policy: FirewallPolicy,
    list: Vec<Session>,
    /// Before this time no session ends by itself.
    all_live_until: Time,
}

/// One connection, or an attempt at one. In a firewall `external` is `internal`.
pub(super) struct Session {
    pub(super) internal: SocketAddr,
    pub(super) external: SocketAddr,
    pub(super) remote: SocketAddr,
    acknowledged: BothWays,
    finished: BothWays,
    reset: bool,
    ends_at: Time,
}

/// What has been seen of the inside and of the outside.
#[derive(Clone, Copy, Default)]
struct BothWays {
    outward: bool,
    inward: bool,
}

#[derive(Clone, Copy)]
enum Direction {
    Outward,
    Inward,
}

impl Sessions {
    pub(super) fn new(policy: FirewallPolicy) -> Self {
        Sessions { policy, list: Vec::new(), all_live_until: Time::MAX }
    }

    /// Forgets what is over by now. The other methods expect this to have been done.
    pub(super) fn expire(&mut self, now: Time) {
        if now < self.all_live_until {
            return;
        }
        self.list.retain(|session| now < session.ends_at);
        self.all_live_until = self.list.iter().map(|session| session.ends_at).min().unwrap_or(Time::MAX);
    }

    pub(super) fn all(&self) -> &[Session] {
        &self.list
    }

    /// A packet from the inside, rewritten but for the source of an ICMP message. Where a new session is to
    /// appear from, `map` says: it gets the sessions, the internal endpoint and the remote one.
    pub(super) fn outbound(
        &mut self,
        now: Time,
        mut packet: Packet,
        map: impl FnOnce(&Self, SocketAddr, SocketAddr) -> Option<SocketAddr>,
    ) -> Verdict {
        match packet.body {
            Body::Tcp(ref segment) => {
                let (internal, remote, flags) = (packet.src, packet.dst, segment.flags);
                let at = match self.by_internal(internal, remote) {
                    Some(at) => at,
                    None if !opens(flags) => return Verdict::Dropped,
                    None => match map(self, internal, remote) {
                        Some(external) => self.add(Session::new(internal, external, remote)),
                        None => return Verdict::Dropped,
                    },
                };
                packet.src = self.list[at].external;
                self.pass(now, at, Direction::Outward, flags);
            }
            Body::Unreachable(ref mut report) => match self.by_internal(report.dst, report.src) {
                Some(at) => report.dst = self.list[at].external,
                None => return Verdict::Dropped,
            },
        }
        Verdict::Forward(packet)
    }

    /// A packet from the outside.
    pub(super) fn inbound(&mut self, now: Time, mut packet: Packet) -> Verdict {
        match packet.body {
            Body::Tcp(ref segment) => {
                let (external, remote, flags) = (packet.dst, packet.src, segment.flags);
                let at = match self.by_external(external, remote) {
                    Some(at) => at,
                    None if !opens(flags) => return Verdict::Dropped,
                    None => match self.permission(external, remote) {
                        None => return self.refuse(&packet),
                        // The host could not tell the two apart: the remote has been dialled through another mapping.
                        Some(internal) if self.by_internal(internal, remote).is_some() => {
                            return Verdict::Dropped;
                        }
                        Some(internal) => self.add(Session::new(internal, external, remote)),
                    },
                };
                packet.dst = self.list[at].internal;
                self.pass(now, at, Direction::Inward, flags);
            }
            Body::Unreachable(ref mut report) => match self.by_external(report.src, report.dst) {
                Some(at) => {
                    report.src = self.list[at].internal;
                    packet.dst = report.src;
                }
                None => return Verdict::Dropped,
            },
        }
        Verdict::Forward(packet)
    }

    /// The answer, if any, to a packet that nobody has asked for. It is meant for the packet's source.
    pub(super) fn refuse(&self, packet: &Packet) -> Verdict {
        let segment = match &packet.body {
            Body::Tcp(segment) if opens(segment.flags) => segment,
            Body::Tcp(_) | Body::Unreachable(_) => return Verdict::Dropped,
        };
        match self.policy.unexpected {
            Unexpected::Dropped => Verdict::Dropped,
            Unexpected::Reset => Verdict::Back(Packet {
                src: packet.dst,
                dst: packet.src,
                body: Body::Tcp(Segment {
                    flags: Flags { rst: true, ack: true, ..Flags::default() },
                    seq: 0,
                    ack: segment.seq.wrapping_add(1),
                    data: Bytes::new(),
                }),
            }),
            Unexpected::Unreachable => Verdict::Back(Packet {
                src: SocketAddr::new(packet.dst.ip(), 0),
                dst: packet.src,
                body: Body::Unreachable(Unreachable {
                    why: Why::Prohibited,
                    src: packet.src,
                    dst: packet.dst,
                    seq: segment.seq,
                }),
            }),
        }
    }

    fn by_internal(&self, internal: SocketAddr, remote: SocketAddr) -> Option<usize> {
        self.list.iter().position(|session| session.internal == internal && session.remote == remote)
    }

    fn by_external(&self, external: SocketAddr, remote: SocketAddr) -> Option<usize> {
        self.list.iter().position(|session| session.external == external && session.remote == remote)
    }

    /// The internal endpoint that `remote` may reach at `external`.
    fn permission(&self, external: SocketAddr, remote: SocketAddr) -> Option<SocketAddr> {
        let filtering = self.policy.filtering;
        let permits =
            |session: &&Session| session.external == external && filtering.same(session.remote, remote);
        self.list.iter().find(permits).map(|session| session.internal)
    }

    fn add(&mut self, session: Session) -> usize {
        self.list.push(session);
        self.list.len() - 1
    }

    /// A segment passes: the session lives on from now, unless this is its end.
    fn pass(&mut self, now: Time, at: usize, direction: Direction, flags: Flags) {
        if flags.rst && self.policy.forgets_on_reset {
            self.list.remove(at);
            return;
        }
        let session = &mut self.list[at];
        session.note(direction, flags);
        let lifetimes = &self.policy.lifetimes;
        let lifetime = if session.is_open() { lifetimes.established } else { lifetimes.transitory };
        session.ends_at = now + lifetime;
        self.all_live_until = self.all_live_until.min(session.ends_at);
    }
}

impl Session {
    fn new(internal: SocketAddr, external: SocketAddr, remote: SocketAddr) -> Self {
        Session {
            internal,
            external,
            remote,
            acknowledged: BothWays::default(),
            finished: BothWays::default(),
            reset: false,
            ends_at: Time::ZERO,
        }
    }

    fn note(&mut self, direction: Direction, flags: Flags) {
        if opens(flags) && self.is_closing() {
            // The same two endpoints connect once more.
            *self = Session::new(self.internal, self.external, self.remote);
        }
        self.reset |= flags.rst;
        self.acknowledged.note(direction, flags.ack);
        self.finished.note(direction, flags.fin);
    }

    fn is_open(&self) -> bool {
        self.acknowledged.both() && !self.is_closing()
    }

    fn is_closing(&self) -> bool {
        self.reset || self.finished.both()
    }
}

impl BothWays {
    fn note(&mut self, direction: Direction, seen: bool) {
        match direction {
            Direction::Outward => self.outward |= seen,
            Direction::Inward => self.inward |= seen,
        }
    }

    fn both(self) -> bool {
        self.outward && self.inward
    }
}

impl Dependence {
    /// Whether what holds for one remote endpoint holds for the other.
    pub(super) fn same(self, one: SocketAddr, other: SocketAddr) -> bool {
        match self {
            Dependence::Independent => true,
            Dependence::Address => one.ip() == other.ip(),
            Dependence::AddressAndPort => one == other,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Forward(packet) => write!(f, "{packet}"),
            Verdict::Back(packet) => write!(f, "back {packet}"),
            Verdict::Dropped => f.write_str("dropped"),
        }
    }
}

/// Whether this asks for a new connection.
fn opens(flags: Flags) -> bool {
    flags.syn && !flags.ack && !flags.rst
}

#[cfg(test)]
mod tests;
