//! A NAT with one external IPv4 address (RFC 4787, RFC 5382).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::Time;
use super::packet::Packet;
use super::policy::{Dependence, NatPolicy, Ports};
use super::sessions::{Sessions, Verdict};

/// A NAT. It may stand behind another one.
///
/// A mapping is nothing beside its sessions: it is the external endpoint that they share.
pub struct Nat {
    hairpin: bool,
    mappings: Mappings,
    sessions: Sessions,
}

/// How external endpoints are chosen.
struct Mappings {
    policy: NatPolicy,
    external: Ipv4Addr,
    /// From where [`Ports::Sequential`] goes on.
    next: u16,
    random: fastrand::Rng,
}

impl Nat {
    /// A NAT that has seen nothing yet. `seed` decides about ports that are not preserved.
    pub fn new(policy: NatPolicy, external: Ipv4Addr, seed: u64) -> Self {
        Nat {
            hairpin: policy.hairpin,
            mappings: Mappings::new(policy, external, seed),
            sessions: Sessions::new(policy.filter),
        }
    }

    /// The address that the outside sees.
    pub fn external(&self) -> Ipv4Addr {
        self.mappings.external
    }

    /// A packet from the inside. It is hairpinned if it goes to our own external address.
    pub fn outbound(&mut self, now: Time, packet: Packet) -> Verdict {
        self.sessions.expire(now);
        if packet.dst.ip() == self.external() {
            self.turn_back(now, packet)
        } else {
            self.translate(now, packet)
        }
    }

    /// A packet from the outside, to our external address.
    pub fn inbound(&mut self, now: Time, packet: Packet) -> Verdict {
        self.sessions.expire(now);
        self.sessions.inbound(now, packet)
    }

    /// Hairpinning (RFC 5382 section 7.2): out and in again, so that both see external endpoints.
    fn turn_back(&mut self, now: Time, packet: Packet) -> Verdict {
        let leads_inside = self.sessions.all().iter().any(|session| session.external == packet.dst);
        if !self.hairpin || !leads_inside {
            return self.sessions.refuse(&packet);
        }
        let verdict = match self.translate(now, packet) {
            Verdict::Forward(packet) => self.sessions.inbound(now, packet),
            Verdict::Back(_) | Verdict::Dropped => return Verdict::Dropped,
        };
        match verdict {
            Verdict::Forward(packet) => Verdict::Back(packet),
            // A refusal comes to the sender like any other answer from outside.
            Verdict::Back(answer) => match self.sessions.inbound(now, answer) {
                Verdict::Forward(answer) => Verdict::Back(answer),
                Verdict::Back(_) | Verdict::Dropped => Verdict::Dropped,
            },
            Verdict::Dropped => Verdict::Dropped,
        }
    }

    fn translate(&mut self, now: Time, packet: Packet) -> Verdict {
        let external = self.external();
        let map = |sessions: &Sessions, internal, remote| self.mappings.choose(sessions, internal, remote);
        match self.sessions.outbound(now, packet, map) {
            Verdict::Forward(mut packet) => {
                // The routers inside have no address that is worth anything outside.
                packet.src.set_ip(IpAddr::V4(external));
                Verdict::Forward(packet)
            }
            verdict @ (Verdict::Back(_) | Verdict::Dropped) => verdict,
        }
    }
}

impl Mappings {
    fn new(policy: NatPolicy, external: Ipv4Addr, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        Mappings { policy, external, next: random.u16(LOWEST_PORT..), random }
    }

    /// The external endpoint for a session that does not exist yet, or none if all ports are taken.
    fn choose(
        &mut self,
        sessions: &Sessions,
        internal: SocketAddr,
        remote: SocketAddr,
    ) -> Option<SocketAddr> {
        let mapping = self.policy.mapping;
        let mapped = sessions.all().iter().find(|s| s.internal == internal && mapping.same(s.remote, remote));
        if let Some(session) = mapped {
            return Some(session.external);
        }
        let port = self.free_port(sessions, internal, remote)?;
        Some(SocketAddr::new(self.external.into(), port))
    }

    fn free_port(&mut self, sessions: &Sessions, internal: SocketAddr, remote: SocketAddr) -> Option<u16> {
        let first = match self.policy.ports {
            Ports::Preserved => internal.port(),
            Ports::Sequential => self.next,
            Ports::Random => self.random.u16(LOWEST_PORT..),
        };
        let free = |port: &u16| match self.policy.ports {
            Ports::Preserved if self.overloads() => {
                !sessions.all().iter().any(|s| s.external.port() == *port && s.remote == remote)
            }
            Ports::Preserved => {
                !sessions.all().iter().any(|s| s.external.port() == *port && s.internal != internal)
            }
            Ports::Sequential | Ports::Random => {
                *port != internal.port() && !sessions.all().iter().any(|s| s.external.port() == *port)
            }
        };
        let port = (first..=u16::MAX).chain(LOWEST_PORT..first).find(free)?;
        self.next = port.checked_add(1).unwrap_or(LOWEST_PORT);
        Some(port)
    }

    /// Whether hosts may share a port: only if nothing is ever looked up without the remote endpoint.
    fn overloads(&self) -> bool {
        self.policy.mapping == Dependence::AddressAndPort
            && self.policy.filter.filtering == Dependence::AddressAndPort
    }
}

/// Above the well-known ports (RFC 4787 section 4.2.2).
const LOWEST_PORT: u16 = 1024;

#[cfg(test)]
mod tests;
