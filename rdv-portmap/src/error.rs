//! Why no port is mapped.

use std::fmt;
use std::io;
use std::net::IpAddr;

use crate::codec::Refusal;

/// How a gateway is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Port Control Protocol, RFC 6887.
    Pcp,
    /// NAT Port Mapping Protocol, RFC 6886.
    NatPmp,
    /// UPnP Internet Gateway Device, version 1 or 2.
    Upnp,
}

/// Why no port is mapped: what became of each protocol that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapError {
    /// In the order in which they ended.
    pub tried: Vec<(Protocol, Why)>,
}

/// Why one protocol did not lead to a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// There is no gateway, or this system does not tell: Linux does.
    NoGateway,
    /// Nothing answered in time.
    NoAnswer,
    /// The gateway says no.
    Refused(Refusal),
    /// What the gateway says makes no sense.
    Malformed,
    /// The gateway has mapped an address that nobody can dial: it has none itself.
    Unusable(IpAddr),
    /// The system's.
    Io(io::ErrorKind),
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Pcp => "PCP",
            Protocol::NatPmp => "NAT-PMP",
            Protocol::Upnp => "UPnP-IGD",
        })
    }
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.tried.is_empty() {
            return f.write_str("nothing was tried");
        }
        for (i, (protocol, why)) in self.tried.iter().enumerate() {
            let comma = if i > 0 { "; " } else { "" };
            write!(f, "{comma}{protocol}: {why}")?;
        }
        Ok(())
    }
}

impl std::error::Error for MapError {}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::NoGateway if cfg!(target_os = "linux") => f.write_str("no default gateway"),
            Why::NoGateway => f.write_str("this system does not tell its default gateway"),
            Why::NoAnswer => f.write_str("no answer"),
            Why::Refused(Refusal { code, meaning: "" }) => write!(f, "refused with code {code}"),
            Why::Refused(Refusal { code, meaning }) => write!(f, "refused with code {code}: {meaning}"),
            Why::Malformed => f.write_str("an answer that makes no sense"),
            Why::Unusable(ip) => write!(f, "the gateway's own address is {ip}, where nobody can dial it"),
            Why::Io(kind) => write!(f, "{kind}"),
        }
    }
}

impl From<io::Error> for Why {
    fn from(error: io::Error) -> Self {
        let kind = error.kind();
        let is_silence = matches!(kind, io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
        if is_silence { Why::NoAnswer } else { Why::Io(kind) }
    }
}
