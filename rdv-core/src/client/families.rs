//! In which order the server's addresses are dialled, and which is left for a second opinion.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::observation::Other;
use crate::io::ConnId;

/// The order in which addresses are dialled: IPv4 first, for it is the observed IPv4 address that opens NATs; from
/// then on the families take turns (RFC 8305 section 4), so that neither waits behind a row of dead addresses of the
/// other. Within a family the resolver's order.
pub(super) fn in_order(addrs: &[SocketAddr]) -> VecDeque<SocketAddr> {
    let mut unique: Vec<SocketAddr> = Vec::new();
    for addr in addrs {
        if !unique.contains(addr) {
            unique.push(*addr);
        }
    }
    let (four, six): (Vec<_>, Vec<_>) = unique.iter().partition(|addr| addr.is_ipv4());
    let turns = (0..unique.len()).flat_map(|at| [four.get(at), six.get(at)]);
    turns.flatten().copied().collect()
}

/// An address of the family that `connected` is not of, unless all of them have failed.
pub(super) fn other_family(
    connected: SocketAddr,
    dials: &[(ConnId, SocketAddr)],
    queue: &VecDeque<SocketAddr>,
) -> Option<Other> {
    let is_other = |addr: &SocketAddr| addr.is_ipv4() != connected.is_ipv4();
    let first = dials.iter().filter(|(_, addr)| is_other(addr)).min();
    let dialing = first.map(|(conn, addr)| Other::Dialing(*conn, *addr));
    dialing.or_else(|| queue.iter().copied().find(is_other).map(Other::Known))
}
