//! How NATs and firewalls behave, in the terms of RFC 4787 and, for TCP, RFC 5382.

use super::Time;

/// A NAT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NatPolicy {
    /// What a mapping depends on beside the internal endpoint (RFC 4787 section 4.1).
    pub mapping: Dependence,
    /// How a new mapping gets its external port (RFC 4787 section 4.2).
    pub ports: Ports,
    /// Whether two internal hosts can meet at external endpoints (RFC 5382 section 7.2).
    pub hairpin: bool,
    /// Who may come in by a mapping.
    pub filter: FirewallPolicy,
}

/// A stateful filter: that of a NAT, or a firewall by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirewallPolicy {
    /// To what the permission of an outgoing connection extends (RFC 4787 section 5).
    pub filtering: Dependence,
    /// What an incoming SYN gets that nobody has asked for (RFC 5382 section 4.3).
    pub unexpected: Unexpected,
    /// Whether an RST that passes, in either direction, ends its session at once, with the permission.
    pub forgets_on_reset: bool,
    /// How long an idle session is remembered.
    pub lifetimes: Lifetimes,
}

/// Endpoint-independent, address-dependent, or address-and-port-dependent (RFC 4787).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dependence {
    /// The same for every remote endpoint.
    Independent,
    /// The same for every port of one remote address.
    Address,
    /// Different for each remote endpoint.
    AddressAndPort,
}

/// How external ports are given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// The internal port, unless that would make two sessions indistinguishable; then the next one that is free.
    /// So an endpoint keeps its port towards every remote endpoint, whatever the mapping depends on.
    ///
    /// If mapping and filtering are both address-and-port-dependent, ports are overloaded, as by Linux: internal
    /// endpoints share one as long as their remote endpoints differ. Otherwise a port belongs to one internal
    /// endpoint at a time.
    Preserved,
    /// One after the other, from somewhere; never the internal port.
    Sequential,
    /// Any that is free; never the internal port.
    Random,
}

/// What becomes of an incoming SYN that nobody has asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unexpected {
    /// Nothing.
    Dropped,
    /// It is answered by an RST.
    Reset,
    /// It is answered by an ICMP message: administratively prohibited.
    Unreachable,
}

/// How long a session is remembered without a packet (RFC 5382 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// One that is not open in both directions yet, or is closing.
    pub transitory: Time,
    /// One that is open.
    pub established: Time,
}
