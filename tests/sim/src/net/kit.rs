//! What the tests of this module share: packets, policies, and middleboxes of either kind.

use std::net::SocketAddr;

use bytes::Bytes;

use super::{
    Body, Dependence, Firewall, FirewallPolicy, Flags, Lifetimes, Nat, NatPolicy, Packet, Ports, Segment,
    Time, Unexpected, Unreachable, Verdict, Why,
};

pub(super) const DEPENDENCES: [Dependence; 3] =
    [Dependence::Independent, Dependence::Address, Dependence::AddressAndPort];
pub(super) const PORTS: [Ports; 3] = [Ports::Preserved, Ports::Sequential, Ports::Random];
pub(super) const UNEXPECTED: [Unexpected; 3] =
    [Unexpected::Dropped, Unexpected::Reset, Unexpected::Unreachable];

pub(super) const TRANSITORY: Time = Time::from_secs(240);
pub(super) const ESTABLISHED: Time = Time::from_secs(7440);

const NO: Flags = Flags { syn: false, ack: false, fin: false, rst: false };
pub(super) const SYN: Flags = Flags { syn: true, ..NO };
pub(super) const SYN_ACK: Flags = Flags { ack: true, ..SYN };
pub(super) const ACK: Flags = Flags { ack: true, ..NO };
pub(super) const FIN: Flags = Flags { fin: true, ..ACK };
pub(super) const RST: Flags = Flags { rst: true, ..ACK };

/// A sequence number whose successor is 0.
pub(super) const SEQ: u32 = u32::MAX;

pub(super) fn at(endpoint: &str) -> SocketAddr {
    endpoint.parse().expect("an endpoint")
}

pub(super) fn tcp(src: SocketAddr, dst: SocketAddr, flags: Flags) -> Packet {
    Packet { src, dst, body: Body::Tcp(Segment { flags, seq: SEQ, ack: 0, data: Bytes::new() }) }
}

/// A report by `router` that a packet from `src` did not come to `dst`.
pub(super) fn unreachable(router: SocketAddr, src: SocketAddr, dst: SocketAddr) -> Packet {
    let quote = Unreachable { why: Why::Prohibited, src, dst, seq: SEQ };
    Packet { src: router, dst: src, body: Body::Unreachable(quote) }
}

/// What a SYN from `src` to `dst` gets that nobody has asked for.
pub(super) fn refusal(unexpected: Unexpected, src: SocketAddr, dst: SocketAddr) -> Verdict {
    match unexpected {
        Unexpected::Dropped => Verdict::Dropped,
        Unexpected::Reset => Verdict::Back(tcp_at(dst, src, RST, 0)),
        Unexpected::Unreachable => Verdict::Back(unreachable(SocketAddr::new(dst.ip(), 0), src, dst)),
    }
}

fn tcp_at(src: SocketAddr, dst: SocketAddr, flags: Flags, seq: u32) -> Packet {
    Packet { src, dst, body: Body::Tcp(Segment { flags, seq, ack: SEQ.wrapping_add(1), data: Bytes::new() }) }
}

pub(super) fn filter(
    filtering: Dependence,
    unexpected: Unexpected,
    forgets_on_reset: bool,
) -> FirewallPolicy {
    let lifetimes = Lifetimes { transitory: TRANSITORY, established: ESTABLISHED };
    FirewallPolicy { filtering, unexpected, forgets_on_reset, lifetimes }
}

/// Every filter there is.
pub(super) fn filters() -> Vec<FirewallPolicy> {
    let mut all = Vec::new();
    for filtering in DEPENDENCES {
        for unexpected in UNEXPECTED {
            all.extend([false, true].map(|forgets| filter(filtering, unexpected, forgets)));
        }
    }
    all
}

/// Every NAT with one of these filters, without hairpinning.
pub(super) fn nats(filters: &[FirewallPolicy]) -> Vec<NatPolicy> {
    let mut all = Vec::new();
    for &filter in filters {
        for mapping in DEPENDENCES {
            all.extend(PORTS.map(|ports| NatPolicy { mapping, ports, hairpin: false, filter }));
        }
    }
    all
}

/// A NAT or a firewall between one host and the world.
pub(super) trait Middlebox {
    fn outbound(&mut self, now: Time, packet: Packet) -> Verdict;
    fn inbound(&mut self, now: Time, packet: Packet) -> Verdict;
}

impl Middlebox for Nat {
    fn outbound(&mut self, now: Time, packet: Packet) -> Verdict {
        Nat::outbound(self, now, packet)
    }

    fn inbound(&mut self, now: Time, packet: Packet) -> Verdict {
        Nat::inbound(self, now, packet)
    }
}

impl Middlebox for Firewall {
    fn outbound(&mut self, now: Time, packet: Packet) -> Verdict {
        Firewall::outbound(self, now, packet)
    }

    fn inbound(&mut self, now: Time, packet: Packet) -> Verdict {
        Firewall::inbound(self, now, packet)
    }
}

/// A middlebox with a name for failure messages.
pub(super) struct Named {
    pub(super) name: String,
    pub(super) it: Box<dyn Middlebox>,
}

impl Named {
    /// Sends a packet out that must get through, and says from where it appears outside.
    pub(super) fn dial(&mut self, now: Time, packet: Packet) -> SocketAddr {
        match self.it.outbound(now, packet) {
            Verdict::Forward(packet) => packet.src,
            other @ (Verdict::Back(_) | Verdict::Dropped) => {
                panic!("{}: {other:?} for what goes out", self.name)
            }
        }
    }

    /// Whether a packet comes in.
    pub(super) fn admits(&mut self, now: Time, packet: Packet) -> bool {
        matches!(self.it.inbound(now, packet), Verdict::Forward(_))
    }
}

/// A firewall, and NATs of all kinds, that filter like this.
pub(super) fn middleboxes(filter: FirewallPolicy) -> Vec<Named> {
    let firewall = Named { name: format!("firewall, {filter:?}"), it: Box::new(Firewall::new(filter)) };
    let nat = |policy| Named { name: format!("{policy:?}"), it: Box::new(nat(policy)) };
    std::iter::once(firewall).chain(nats(&[filter]).into_iter().map(nat)).collect()
}

pub(super) fn nat(policy: NatPolicy) -> Nat {
    Nat::new(policy, "203.0.113.1".parse().expect("an address"), 7)
}
