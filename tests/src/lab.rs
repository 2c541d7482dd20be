//! A laboratory of networks: hosts, home NATs, carriers and firewalls as they are made of Linux. A host is a network
//! namespace, a gateway is one with rules of nftables, and clients and servers of any adapter run in them.
//!
//! Namespaces have no names here. Whatever happens to a test, the kernel clears away what nobody refers to any more.

mod gateway;
mod mapper;
mod namespace;
mod node;
mod site;
mod wire;

pub use self::gateway::{Filtering, Mapping, Nat, Unexpected};
pub use self::mapper::{Mapper, Speaks, missing_mapper};
pub use self::namespace::{Namespace, missing};
pub use self::node::{Lan, Node};
pub use self::site::{Families, Network, PORT, Side};
pub use self::wire::{Delay, Wire};
