//! Addresses in little room, for those of whom there are many.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use super::SelfAddrs;

/// A socket address in 24 bytes instead of 32: few have a zone or a flow label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PackedAddr {
    V4(Ipv4Addr, u16),
    V6(Ipv6Addr, u16),
    Zoned(Box<SocketAddrV6>),
}

/// What a client says of itself: how many addresses are IPv4; a port, if it is that of all; those addresses, then IPv6, each
/// with its port if it has one of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PackedAddrs(Box<[u8]>);

impl From<SocketAddr> for PackedAddr {
    fn from(addr: SocketAddr) -> Self {
        match addr {
            SocketAddr::V4(addr) => PackedAddr::V4(*addr.ip(), addr.port()),
            SocketAddr::V6(addr) if (addr.flowinfo(), addr.scope_id()) == (0, 0) => {
                PackedAddr::V6(*addr.ip(), addr.port())
            }
            SocketAddr::V6(addr) => PackedAddr::Zoned(Box::new(addr)),
        }
    }
}

impl PackedAddr {
    pub(crate) fn unpack(&self) -> SocketAddr {
        match self {
            PackedAddr::V4(ip, port) => SocketAddrV4::new(*ip, *port).into(),
            PackedAddr::V6(ip, port) => SocketAddrV6::new(*ip, *port, 0, 0).into(),
            PackedAddr::Zoned(addr) => SocketAddr::V6(**addr),
        }
    }
}

impl PackedAddrs {
    pub(crate) fn of(addrs: &SelfAddrs) -> Self {
        let Some(first) = addrs.first() else {
            return Self(Box::default());
        };
        // Most clients listen on one port.
        let has_one_port = addrs.iter().all(|addr| addr.port() == first.port());
        let v4 = addrs.iter().filter(|addr| addr.is_ipv4()).count();
        let port_len = if has_one_port { 0 } else { PORT_LEN };
        let len = v4 * (V4_LEN + port_len) + (addrs.len() - v4) * (V6_LEN + port_len);
        let mut bytes = Vec::with_capacity(1 + PORT_LEN - port_len + len);
        if has_one_port {
            bytes.push(v4 as u8 | ONE_PORT);
            bytes.extend_from_slice(&first.port().to_be_bytes());
        } else {
            bytes.push(v4 as u8);
        }
        // They are sorted, IPv4 before IPv6.
        for addr in addrs.iter() {
            match addr.ip() {
                IpAddr::V4(ip) => bytes.extend_from_slice(&ip.octets()),
                IpAddr::V6(ip) => bytes.extend_from_slice(&ip.octets()),
            }
            if !has_one_port {
                bytes.extend_from_slice(&addr.port().to_be_bytes());
            }
        }
        Self(bytes.into())
    }

    pub(crate) fn unpack(&self) -> SelfAddrs {
        SelfAddrs::sorted(self.iter().collect())
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// In their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = SocketAddr> {
        let (port, port_len, v4, addrs) = match &*self.0 {
            [v4, port_1, port_2, addrs @ ..] if v4 & ONE_PORT != 0 => {
                (u16::from_be_bytes([*port_1, *port_2]), 0, v4 ^ ONE_PORT, addrs)
            }
            [v4, addrs @ ..] => (0, PORT_LEN, *v4, addrs),
            [] => (0, PORT_LEN, 0, &[][..]),
        };
        let port_of = move |own: &[u8]| own.first_chunk().map_or(port, |own| u16::from_be_bytes(*own));
        let (v4, v6) = addrs.split_at(usize::from(v4) * (V4_LEN + port_len));
        let v4 = v4.chunks_exact(V4_LEN + port_len).map(move |addr| {
            let (ip, port) = addr.split_at(V4_LEN);
            (Ipv4Addr::from(<[u8; V4_LEN]>::try_from(ip).unwrap_or_default()), port_of(port)).into()
        });
        let v6 = v6.chunks_exact(V6_LEN + port_len).map(move |addr| {
            let (ip, port) = addr.split_at(V6_LEN);
            (Ipv6Addr::from(<[u8; V6_LEN]>::try_from(ip).unwrap_or_default()), port_of(port)).into()
        });
        v4.chain(v6)
    }
}

const V4_LEN: usize = 4;
const V6_LEN: usize = 16;
const PORT_LEN: usize = 2;
/// Beside the number of IPv4 addresses: there is one port.
const ONE_PORT: u8 = 0x80;
