//! The addresses from which connections leave.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use super::state::{self, State};

/// The address to dial an IPv6 address from, where the one of the system's choice is temporary: the
/// lasting one of the same network.
///
/// A peer can only be told of the latter, so that is where its packets come: the packets that make a
/// firewall let them in must leave from there too.
pub(crate) fn lasting_source(remote: SocketAddr) -> Option<Ipv6Addr> {
    if remote.is_ipv4() {
        return None;
    }
    let states = state::of_all();
    if !states.iter().any(State::is_temporary) {
        return None;
    }
    source(remote).and_then(|source| lasting(source, &states))
}

/// The addresses from which a packet to somewhere far off leaves: of each family one, if there is a
/// default route.
pub(super) fn of_default_routes(states: &[State]) -> Vec<IpAddr> {
    let sources = FAR_OFF.into_iter().filter_map(source);
    sources.map(|source| lasting(source, states).map_or(source, IpAddr::V6)).collect()
}

/// The lasting sibling of an address that is temporary.
fn lasting(source: IpAddr, states: &[State]) -> Option<Ipv6Addr> {
    let source = states.iter().find(|state| state.ip == source && state.is_temporary())?;
    let network = source.ip.octets()[..8].to_vec();
    let lasting = states.iter().find(|state| {
        state.interface == source.interface
            && state.ip.octets()[..8] == network
            && state.is_settled()
            && !state.is_temporary()
            && !state.is_deprecated()
    });
    lasting.map(|state| state.ip)
}

/// The source address of the system's choice. To connect a UDP socket sends nothing.
fn source(remote: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = match remote {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(remote).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Root name server A, which no network has a route of its own for.
const FAR_OFF: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 41, 0, 4)), 53),
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0x2001, 0x503, 0xba3e, 0, 0, 0, 2, 0x30)), 53),
];

#[cfg(test)]
mod tests;
