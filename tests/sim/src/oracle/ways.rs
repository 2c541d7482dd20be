//! By which of the server's addresses each side may come to it, and what the server may see of it.

use std::net::SocketAddr;

use rdv_core::Role;

use super::trace::time_to;
use crate::net::Time;
use crate::scenario::Scenario;

/// How one side comes to the server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    /// The address that has its request.
    first: SocketAddr,
    /// The one that it asks for a second opinion.
    second: Option<Second>,
}

#[derive(Clone, Copy, Debug)]
struct Second {
    addr: SocketAddr,
    /// Whether the peer is told of what the server sees.
    is_told: bool,
}

impl Way {
    /// The connections to the server: to where, whether it is that of the request, and whether the peer is told of
    /// the observed address.
    pub(super) fn connections(self) -> impl Iterator<Item = (SocketAddr, bool, bool)> {
        let second = self.second.map(|second| (second.addr, false, second.is_told));
        [(self.first, true, true)].into_iter().chain(second)
    }
}

/// All ways that a side may have. If packets are lost, either of the server's addresses may answer first, and nothing
/// need be in time.
pub(super) fn ways(scenario: &Scenario, role: Role, lossy: bool) -> Vec<Way> {
    let addrs = scenario.server_addrs_for(role);
    let [four, six] = addrs[..] else {
        return addrs.iter().map(|addr| Way { first: *addr, second: None }).collect();
    };
    let mut ways = Vec::new();
    for (first, other) in [(four, six), (six, four)] {
        if lossy || may_be_first(scenario, role, first, other) {
            let seconds =
                if wants(scenario, role, other) { seconds(scenario, role, other, lossy) } else { vec![None] };
            ways.extend(seconds.into_iter().map(|second| Way { first, second }));
        }
    }
    ways
}

/// Whether the dial to `first` can be the one that connects, although there is another.
fn may_be_first(scenario: &Scenario, role: Role, first: SocketAddr, other: SocketAddr) -> bool {
    let dialled = |addr: SocketAddr| if addr.is_ipv4() { Time::ZERO } else { HEAD_START };
    let (Some(ours), Some(theirs)) = (time_to(scenario, role, first), time_to(scenario, role, other)) else {
        return true;
    };
    theirs.until.is_none_or(|until| dialled(first) + 2 * ours.from <= dialled(other) + 2 * until)
}

fn wants(scenario: &Scenario, role: Role, other: SocketAddr) -> bool {
    let peer = scenario.peer(role);
    let is_of_use = |name: &str| name.ends_with(if other.is_ipv4() { '4' } else { '6' });
    peer.second_opinion && peer.spaces.iter().any(|space| is_of_use(space.name()))
}

/// What may come of asking.
fn seconds(scenario: &Scenario, role: Role, addr: SocketAddr, lossy: bool) -> Vec<Option<Second>> {
    let [told, untold] = [true, false].map(|is_told| Some(Second { addr, is_told }));
    let (own, peers) = (scenario.peer(role).comes, scenario.peer(role.other()).comes);
    let waits = peers.saturating_sub(own);
    if !lossy && (DONE..STALE).contains(&waits) {
        vec![told]
    } else if !lossy && own.saturating_sub(peers) >= DONE {
        // The peer was there, so the pair was made at once. It is open what comes first, its SYN or that to us.
        vec![None, untold]
    } else {
        vec![None, untold, told]
    }
}

/// Of IPv4.
const HEAD_START: Time = Time::from_millis(250);
/// After this time a second opinion is there.
const DONE: Time = Time::from_secs(3);
/// After this time a NAT or a firewall may have forgotten its connection, which has ended.
const STALE: Time = Time::from_secs(9);
