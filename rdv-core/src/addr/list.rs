//! Address lists as they travel in `Rdv-Self-Addrs` and `Rdv-Peer-Addrs` (rdv/1 sections 1 and 2).

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::ops::Deref;
use std::str::FromStr;

/// What a client says of itself: at most 9 addresses.
pub type SelfAddrs = AddrList<9>;

/// What a client learns of its peer: the peer's 9 and its observed address.
pub type PeerAddrs = AddrList<10>;

/// At most `MAX` addresses, sorted (IPv4 before IPv6, then by address and port), none twice.
///
/// IPv4-mapped addresses are unmapped, and IPv6 zones dropped: they mean something on one machine only.
///
/// ```
/// use rdv_core::PeerAddrs;
/// let addrs: PeerAddrs = "[2001:DB8:0:0::1]:5, 10.0.0.1:6, 10.0.0.1:6".parse().unwrap();
/// assert_eq!(addrs.to_string(), "10.0.0.1:6, [2001:db8::1]:5");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddrList<const MAX: usize>(Box<[SocketAddr]>);

impl<const MAX: usize> AddrList<MAX> {
    /// The most addresses there may be.
    pub const MAX: usize = MAX;

    /// Sorts and deduplicates; fails when more than `MAX` are given, duplicates counted.
    pub fn new(addrs: impl IntoIterator<Item = SocketAddr>) -> Result<Self, AddrListError> {
        let addrs: Vec<_> = addrs.into_iter().take(MAX + 1).collect();
        if addrs.len() > MAX {
            return Err(AddrListError::TooMany { max: MAX });
        }
        Ok(Self::normalized(addrs))
    }

    /// Of addresses that are in order, as a list has them.
    pub(super) fn sorted(addrs: Box<[SocketAddr]>) -> Self {
        debug_assert!(addrs.len() <= MAX && addrs.is_sorted());
        Self(addrs)
    }

    pub(super) fn normalized(addrs: impl IntoIterator<Item = SocketAddr>) -> Self {
        let mut addrs: Vec<_> = addrs.into_iter().map(unmapped).collect();
        addrs.sort_unstable();
        addrs.dedup();
        Self(addrs.into())
    }
}

impl PeerAddrs {
    /// What the server tells a client of its peer: all the peer said of itself, and what the server saw. Of the other
    /// family only if there is room: clients of the reference take no more than 10.
    pub(crate) fn of(
        selfs: impl Iterator<Item = SocketAddr>,
        observed: SocketAddr,
        also: Option<SocketAddr>,
    ) -> PeerAddrs {
        let addrs = Self::normalized(selfs.chain([observed]));
        match also.filter(|_| addrs.len() < Self::MAX) {
            Some(also) => Self::normalized(addrs.iter().copied().chain([also])),
            None => addrs,
        }
    }
}

impl<const MAX: usize> Deref for AddrList<MAX> {
    type Target = [SocketAddr];

    fn deref(&self) -> &[SocketAddr] {
        &self.0
    }
}

impl<const MAX: usize> FromStr for AddrList<MAX> {
    type Err = AddrListError;

    /// A blank text is an empty list; an empty element is an error.
    fn from_str(text: &str) -> Result<Self, AddrListError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        if text.bytes().filter(|byte| *byte == b',').count() >= MAX {
            return Err(AddrListError::TooMany { max: MAX });
        }
        let invalid = |element: &str| AddrListError::Invalid { element: element.chars().take(100).collect() };
        text.split(',')
            .map(str::trim)
            .map(|element| parse_addr(element).ok_or_else(|| invalid(element)))
            .collect::<Result<Vec<_>, _>>()
            .map(Self::normalized)
    }
}

impl<const MAX: usize> fmt::Display for AddrList<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, addr) in self.iter().enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            write!(f, "{comma}{addr}")?;
        }
        Ok(())
    }
}

/// Why a text is no address list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddrListError {
    /// More elements than the list may have; duplicates count.
    TooMany {
        /// The most there may be.
        max: usize,
    },
    /// An element that is no `ip:port`.
    Invalid {
        /// The element, its first 100 characters.
        element: String,
    },
}

impl fmt::Display for AddrListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AddrListError::TooMany { max } => write!(f, "at most {max} addresses are allowed"),
            AddrListError::Invalid { element } => {
                write!(f, "{element:?} is not an address: expected 192.0.2.1:80 or [2001:db8::1]:80")
            }
        }
    }
}

impl std::error::Error for AddrListError {}

/// One `ip:port`, IPv6 in brackets and perhaps with a zone, which is dropped.
pub(crate) fn parse_addr(text: &str) -> Option<SocketAddr> {
    if let Ok(addr) = text.parse() {
        return Some(unmapped(addr));
    }
    // A zone that is a name, such as [fe80::1%eth0]:5, which std does not read.
    let (ip, rest) = text.strip_prefix('[')?.split_once('%')?;
    let (zone, port) = rest.split_once("]:")?;
    let ip: Ipv6Addr = ip.parse().ok()?;
    let named = !zone.is_empty() && zone.bytes().all(|b| b.is_ascii_graphic() && !b"[]%".contains(&b));
    let port = SocketAddr::from_str(&format!("[::]:{port}")).ok()?.port();
    named.then(|| unmapped(SocketAddr::new(ip.into(), port)))
}

/// Adds what `Display` would, which takes several times as long for IPv4: most of an answer is addresses.
pub(crate) fn push_addr(text: &mut String, addr: SocketAddr) {
    match addr {
        SocketAddr::V4(addr) => {
            for (octet, behind) in addr.ip().octets().into_iter().zip(['.', '.', '.', ':']) {
                push_number(text, octet.into());
                text.push(behind);
            }
            push_number(text, addr.port());
        }
        SocketAddr::V6(addr) => text.push_str(&addr.to_string()),
    }
}

fn push_number(text: &mut String, number: u16) {
    let digit = |place: u16| char::from(b'0' + (number / place % 10) as u8);
    let places = [10_000, 1_000, 100, 10].into_iter().skip_while(|place| number < *place);
    text.extend(places.chain([1]).map(digit));
}

/// The address without IPv4 mapping, zone and flow label: as it is compared and sent.
pub(crate) fn unmapped(addr: SocketAddr) -> SocketAddr {
    match addr.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(ip.into(), addr.port()),
        IpAddr::V6(ip) => SocketAddrV6::new(ip, addr.port(), 0, 0).into(),
    }
}
