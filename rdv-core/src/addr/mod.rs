//! Addresses: the spaces they belong to, which of them are offered, and the bounded lists in which they travel.

mod cidr;
mod interfaces;
mod list;
mod local;
mod packed;
mod space;

pub use cidr::{Cidr, CidrError};
pub use interfaces::{Interfaces, UnknownInterface};
pub use list::{AddrList, AddrListError, PeerAddrs, SelfAddrs};
pub(crate) use list::{parse_addr, push_addr, unmapped};
pub use local::{LocalAddr, MappedAddr};
pub(crate) use packed::{PackedAddr, PackedAddrs};
pub use space::{AddrSpace, AddrSpaces, AddrSpacesError};

#[cfg(test)]
mod tests;
