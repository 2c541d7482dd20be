//! Networks of addresses, as operators write them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

/// A network of addresses: `10.0.0.0/8`, `2001:db8::/32`, or a single address.
///
/// ```
/// use rdv_core::Cidr;
/// let network: Cidr = "10.0.0.0/8".parse().unwrap();
/// assert!(network.contains("10.1.2.3".parse().unwrap()));
/// assert!(!network.contains("192.0.2.1".parse().unwrap()));
/// assert!("10.0.0.0/33".parse::<Cidr>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr(IpNet);

impl Cidr {
    /// Whether an address belongs to it. An IPv4-mapped IPv6 address is taken as IPv4.
    pub fn contains(&self, ip: IpAddr) -> bool {
        self.0.contains(&ip.to_canonical())
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let net = text.parse().ok().or_else(|| text.parse().ok().map(|ip: IpAddr| IpNet::from(ip)));
        let net: IpNet = net.ok_or_else(|| CidrError(text.to_owned()))?;
        // An IPv4-mapped one means IPv4.
        let mapped = match net.addr().to_canonical() {
            IpAddr::V4(ip) if net.addr().is_ipv6() => {
                net.prefix_len().checked_sub(96).and_then(|len| Ipv4Net::new(ip, len).ok())
            }
            IpAddr::V4(_) | IpAddr::V6(_) => None,
        };
        Ok(Self(mapped.map_or(net, IpNet::from).trunc()))
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text that is no network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CidrError(String);

impl fmt::Display for CidrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no network: expected 10.0.0.0/8, 2001:db8::/32 or an address", self.0)
    }
}

impl std::error::Error for CidrError {}
