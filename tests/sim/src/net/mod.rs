//! TCP and the networks that it crosses, as machines without sockets: time and chance come in as values.
//!
//! Nothing in here knows of rdv.

mod firewall;
mod internet;
#[cfg(test)]
mod kit;
mod nat;
mod packet;
mod policy;
mod sessions;
pub mod tcp;
mod topology;

pub use firewall::Firewall;
pub use internet::Internet;
pub use nat::Nat;
pub use packet::{Body, Flags, Packet, Segment, Unreachable, Why};
pub use policy::{Dependence, FirewallPolicy, Lifetimes, NatPolicy, Ports, Unexpected};
pub use sessions::Verdict;
pub use topology::{Gateway, Host, HostId, Interface, Link, Next, Realm, RealmId, Topology};

/// Virtual time, counted from the beginning of the simulation.
pub type Time = std::time::Duration;
