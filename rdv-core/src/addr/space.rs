//! Address spaces (rdv/1 section 6): which kinds of address take part in an attempt.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The kind of a unicast address, as far as reaching it is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum AddrSpace {
    /// IPv4 reachable from anywhere; 100.64.0.0/10 (RFC 6598) counts as public too, as in the reference.
    Public4,
    /// IPv6 reachable from anywhere.
    Public6,
    /// IPv4 of RFC 1918.
    Private4,
    /// Unique local IPv6, fc00::/7 (RFC 4193).
    Private6,
    /// IPv4 link-local, 169.254.0.0/16 (RFC 3927).
    Link4,
    /// IPv6 link-local, fe80::/10 (RFC 4291).
    Link6,
    /// 127.0.0.0/8.
    Loopback4,
    /// ::1.
    Loopback6,
}

impl AddrSpace {
    /// Every space, in the order in which sets are written.
    pub const EACH: [AddrSpace; 8] = [
        AddrSpace::Public4,
        AddrSpace::Public6,
        AddrSpace::Private4,
        AddrSpace::Private6,
        AddrSpace::Link4,
        AddrSpace::Link6,
        AddrSpace::Loopback4,
        AddrSpace::Loopback6,
    ];

    /// The space of an address; `None` for unspecified, multicast and broadcast addresses.
    ///
    /// An IPv4-mapped IPv6 address is the IPv4 address it stands for.
    ///
    /// ```
    /// use rdv_core::AddrSpace;
    /// assert_eq!(AddrSpace::of("192.168.1.16".parse().unwrap()), Some(AddrSpace::Private4));
    /// assert_eq!(AddrSpace::of("::ffff:1.1.1.1".parse().unwrap()), Some(AddrSpace::Public4));
    /// assert_eq!(AddrSpace::of("ff02::1".parse().unwrap()), None);
    /// ```
    pub fn of(ip: IpAddr) -> Option<AddrSpace> {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::of_v4(ip),
            IpAddr::V6(ip) => Self::of_v6(ip),
        }
    }

    /// The name used on the command line and in logs, such as `public4`.
    pub fn name(self) -> &'static str {
        match self {
            AddrSpace::Public4 => "public4",
            AddrSpace::Public6 => "public6",
            AddrSpace::Private4 => "private4",
            AddrSpace::Private6 => "private6",
            AddrSpace::Link4 => "link4",
            AddrSpace::Link6 => "link6",
            AddrSpace::Loopback4 => "loopback4",
            AddrSpace::Loopback6 => "loopback6",
        }
    }

    pub(crate) fn is_ipv4(self) -> bool {
        match self {
            AddrSpace::Public4 | AddrSpace::Private4 | AddrSpace::Link4 | AddrSpace::Loopback4 => true,
            AddrSpace::Public6 | AddrSpace::Private6 | AddrSpace::Link6 | AddrSpace::Loopback6 => false,
        }
    }

    fn of_v4(ip: Ipv4Addr) -> Option<AddrSpace> {
        if ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast() {
            None
        } else if ip.is_loopback() {
            Some(AddrSpace::Loopback4)
        } else if ip.is_private() {
            Some(AddrSpace::Private4)
        } else if ip.is_link_local() {
            Some(AddrSpace::Link4)
        } else {
            Some(AddrSpace::Public4)
        }
    }

    fn of_v6(ip: Ipv6Addr) -> Option<AddrSpace> {
        if ip.is_unspecified() || ip.is_multicast() {
            None
        } else if ip.is_loopback() {
            Some(AddrSpace::Loopback6)
        } else if ip.is_unique_local() {
            Some(AddrSpace::Private6)
        } else if ip.is_unicast_link_local() {
            Some(AddrSpace::Link6)
        } else {
            Some(AddrSpace::Public6)
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for AddrSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of address spaces.
///
/// Parsed from `default`, `all`, `public`, `none`, or a comma list of these and of single spaces:
///
/// ```
/// use rdv_core::{AddrSpace, AddrSpaces};
/// let spaces: AddrSpaces = "public, loopback4".parse().unwrap();
/// assert!(spaces.contains(AddrSpace::Public6));
/// assert!(spaces.includes("127.0.0.1".parse().unwrap()));
/// assert_eq!(spaces.to_string(), "public4,public6,loopback4");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddrSpaces(u8);

impl AddrSpaces {
    /// No space: no direct connection is tried or admitted, which forces the relay.
    pub const NONE: AddrSpaces = AddrSpaces(0);
    /// Public IPv4 and IPv6.
    pub const PUBLIC: AddrSpaces = AddrSpaces(0b0000_0011);
    /// Public and private: what connects machines across the internet and in one network.
    pub const DEFAULT: AddrSpaces = AddrSpaces(0b0000_1111);
    /// Every space, loopback and link-local included.
    pub const ALL: AddrSpaces = AddrSpaces(0b1111_1111);

    /// Whether `space` is in the set.
    pub fn contains(self, space: AddrSpace) -> bool {
        self.0 & space.bit() != 0
    }

    /// Whether the space of `ip` is in the set. Addresses without a space never are.
    pub fn includes(self, ip: IpAddr) -> bool {
        AddrSpace::of(ip).is_some_and(|space| self.contains(space))
    }

    /// Whether the set is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The spaces in the set.
    pub fn iter(self) -> impl Iterator<Item = AddrSpace> {
        AddrSpace::EACH.into_iter().filter(move |space| self.contains(*space))
    }

    fn named(name: &str) -> Option<AddrSpaces> {
        match name {
            "none" => Some(AddrSpaces::NONE),
            "public" => Some(AddrSpaces::PUBLIC),
            "default" => Some(AddrSpaces::DEFAULT),
            "all" => Some(AddrSpaces::ALL),
            _ => AddrSpace::EACH.into_iter().find(|space| space.name() == name).map(AddrSpaces::from),
        }
    }
}

impl Default for AddrSpaces {
    fn default() -> Self {
        AddrSpaces::DEFAULT
    }
}

impl From<AddrSpace> for AddrSpaces {
    fn from(space: AddrSpace) -> Self {
        AddrSpaces(space.bit())
    }
}

impl FromIterator<AddrSpace> for AddrSpaces {
    fn from_iter<I: IntoIterator<Item = AddrSpace>>(spaces: I) -> Self {
        AddrSpaces(spaces.into_iter().fold(0, |set, space| set | space.bit()))
    }
}

impl FromStr for AddrSpaces {
    type Err = AddrSpacesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',').map(str::trim).try_fold(AddrSpaces::NONE, |set, name| {
            let named = AddrSpaces::named(name).ok_or_else(|| AddrSpacesError { name: name.to_owned() })?;
            Ok(AddrSpaces(set.0 | named.0))
        })
    }
}

impl fmt::Display for AddrSpaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        for (i, space) in self.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            write!(f, "{comma}{space}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for AddrSpaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AddrSpaces({self})")
    }
}

/// A name that is no address space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddrSpacesError {
    name: String,
}

impl fmt::Display for AddrSpacesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "unknown address space {:?}: expected default, all, public, none, or a comma list of public4, \
             public6, private4, private6, link4, link6, loopback4, loopback6",
            self.name
        )
    }
}

impl std::error::Error for AddrSpacesError {}
