//! A stateful firewall: of an IPv6 gateway, or of a host.

use super::Time;
use super::packet::Packet;
use super::policy::FirewallPolicy;
use super::sessions::{Sessions, Verdict};

/// A firewall that lets in what is permitted by connections from the inside. Addresses stay as they are.
///
/// What a mapping is to a NAT's filter, an internal endpoint with a live session is to this one.
pub struct Firewall {
    sessions: Sessions,
}

impl Firewall {
    /// A firewall that has seen nothing yet.
    pub fn new(policy: FirewallPolicy) -> Self {
        Firewall { sessions: Sessions::new(policy) }
    }

    /// A packet from the inside.
    pub fn outbound(&mut self, now: Time, packet: Packet) -> Verdict {
        self.sessions.expire(now);
        self.sessions.outbound(now, packet, |_, internal, _| Some(internal))
    }

    /// A packet from the outside.
    pub fn inbound(&mut self, now: Time, packet: Packet) -> Verdict {
        self.sessions.expire(now);
        self.sessions.inbound(now, packet)
    }
}

#[cfg(test)]
mod tests;
