//! Addresses: the spaces they belong to, and the bounded lists in which they travel.

mod list;
mod space;

pub use list::{AddrList, AddrListError, PeerAddrs, SelfAddrs};
pub(crate) use list::{parse_addr, unmapped};
pub use space::{AddrSpace, AddrSpaces, AddrSpacesError};

#[cfg(test)]
mod tests;
