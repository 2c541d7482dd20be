//! From what was seen to what it means. Mapping is meant as in RFC 4787 and RFC 5382.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};

use rdv_core::AddrSpace;

use super::facts::{Endpoint, Facts, Meeting, Sighting};

/// What the facts mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    /// What the server sees over IPv4, if it is reached so.
    pub ipv4: Option<Family>,
    /// What the server sees over IPv6, if it is reached so.
    pub ipv6: Option<Family>,
    /// Whether this machine has a public IPv6 address.
    pub has_public6: bool,
    /// Whether the NAT connects two of its own.
    pub hairpin: Hairpin,
    /// What a firewall on this machine does, as far as it shows.
    pub firewall: Firewall,
    /// What it all comes to.
    pub direct: Direct,
}

/// What a server sees over one address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// One of the addresses that it saw.
    pub observed: Option<SocketAddr>,
    /// What stands between it and us.
    pub between: Between,
    /// What becomes of our ports.
    pub ports: Ports,
    /// Whether each destination sees the same.
    pub mapping: Mapping,
}

/// What stands between a server and us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Between {
    /// The server does not say what it sees.
    Untold,
    /// Nothing: it sees our own address.
    Nothing,
    /// It sees our own address, but is on this machine or in its network.
    SameNetwork,
    /// A NAT, with a public address.
    Nat,
    /// Something whose address is not public, so there is more behind it: a second NAT, or a server in its network.
    PrivateNat,
    /// A proxy in front of the server, which does not pass our address on.
    Proxy,
    /// The proxy through which we have reached it.
    OurProxy,
}

/// What becomes of our ports on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// Nothing is known of them.
    Untold,
    /// The server sees them as they are.
    Kept,
    /// The server sees others.
    Changed,
    /// Different ports look the same: the server can't tell them apart.
    Hidden,
}

/// Whether a port looks the same to each destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// There is no NAT.
    NoNat,
    /// It does: endpoint-independent mapping.
    Independent,
    /// It does not: address-dependent mapping, or address-and-port-dependent.
    Dependent,
    /// There was only one destination.
    OneAddress,
    /// Ports are not seen, or not told.
    Unseen,
}

/// Whether the NAT connects two of its own by their outer addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hairpin {
    /// There is no NAT, or the two have not the same one.
    NotApplicable,
    /// It does.
    Works,
    /// It does not.
    Fails,
}

/// What a firewall on this machine does, as far as it shows from inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Firewall {
    /// Nothing of the kind was seen, which does not mean that there is none.
    NothingSeen,
    /// The system does not let us connect to a server.
    ForbidsOutgoing,
    /// Not even this machine itself gets a connection to one of its ports.
    BlocksIncoming,
}

/// Whether a direct connection can be expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direct {
    /// With most peers.
    Likely(Because),
    /// With some.
    Possible(Because),
    /// With few.
    Unlikely(Because),
    /// The server does not work for us.
    Unknown,
}

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// Our own address is public.
    NoNat,
    /// The NAT gives all destinations the same port.
    IndependentMapping,
    /// The NAT keeps our ports, so it probably gives all destinations the same.
    KeptPorts,
    /// The NAT changes our ports, and perhaps for each destination.
    UnknownMapping,
    /// The NAT gives each destination another port.
    DependentMapping,
    /// Over IPv6 there is hope, over IPv4 there is little.
    PublicIpv6,
    /// The server tells peers nothing of use about us.
    NotSeen,
    /// The proxy through which we reach the server hides our address from it.
    OurProxy,
    /// The server is in our own network, and does not see us as the internet does.
    SameNetwork,
    /// This machine's firewall.
    Firewall,
}

impl Family {
    /// Whether what the server saw is this machine's or its NAT's, and not that of somebody in between.
    pub fn is_us(&self) -> bool {
        self.ports != Ports::Hidden
            && match self.between {
                Between::Nothing | Between::SameNetwork | Between::Nat | Between::PrivateNat => true,
                Between::Untold | Between::Proxy | Between::OurProxy => false,
            }
    }
}

impl Findings {
    /// What the facts mean.
    pub fn of(facts: &Facts) -> Findings {
        let [ipv4, ipv6] = [SocketAddr::is_ipv4, SocketAddr::is_ipv6].map(|is_of| family(facts, is_of));
        let has_public6 =
            facts.interfaces.iter().any(|(_, ip)| AddrSpace::of(*ip) == Some(AddrSpace::Public6));
        let firewall = firewall(facts);
        Findings {
            ipv4,
            ipv6,
            has_public6,
            hairpin: hairpin(facts),
            firewall,
            direct: direct(ipv4, ipv6, firewall, has_public6),
        }
    }
}

fn family(facts: &Facts, is_of: fn(&SocketAddr) -> bool) -> Option<Family> {
    let endpoints = || facts.endpoints.iter().filter(|endpoint| is_of(&endpoint.addr));
    let all: Vec<Sighting> = endpoints().flat_map(|endpoint| endpoint.sightings.iter().copied()).collect();
    // A server can be reached by one family, and be told of another by its proxy.
    let first = endpoints().find_map(|endpoint| Some((endpoint.addr, *endpoint.sightings.first()?)))?;
    let (server, Sighting { observed, .. }) = first;
    let told: Vec<(SocketAddr, SocketAddr)> =
        all.iter().filter_map(|sighting| Some((sighting.local, sighting.observed?))).collect();
    let Some(observed) = observed else {
        let nothing = (Between::Untold, Ports::Untold, Mapping::Unseen);
        return Some(Family { observed, between: nothing.0, ports: nothing.1, mapping: nothing.2 });
    };
    if facts.proxy.is_some() {
        let (between, ports, mapping) = (Between::OurProxy, Ports::Untold, Mapping::Unseen);
        return Some(Family { observed: Some(observed), between, ports, mapping });
    }
    let ports = ports(&endpoints().map(|endpoint| endpoint.sightings.as_slice()).collect::<Vec<_>>());
    let between = between(facts, server.ip(), observed.ip(), ports);
    let mapping = match between {
        Between::Nothing | Between::SameNetwork => Mapping::NoNat,
        Between::Untold | Between::Proxy | Between::OurProxy => Mapping::Unseen,
        Between::Nat | Between::PrivateNat if ports == Ports::Hidden => Mapping::Unseen,
        Between::Nat | Between::PrivateNat => mapping(&told),
    };
    Some(Family { observed: Some(observed), between, ports, mapping })
}

fn ports(by_endpoint: &[&[Sighting]]) -> Ports {
    let told = |sightings: &[Sighting]| -> Vec<(SocketAddr, SocketAddr)> {
        sightings.iter().filter_map(|it| Some((it.local, it.observed?))).collect()
    };
    let all: Vec<_> = by_endpoint.iter().flat_map(|sightings| told(sightings)).collect();
    // A NAT may use a port again once it is free, but it does not use the same one for all.
    let is_hidden = |sightings: &&[Sighting]| {
        let told = told(sightings);
        told.iter().any(|(local, _)| *local != told[0].0) && told.iter().all(|(_, seen)| *seen == told[0].1)
    };
    if by_endpoint.iter().any(is_hidden) || all.iter().any(|(_, seen)| seen.port() == 0) {
        Ports::Hidden
    } else if all.iter().all(|(local, seen)| local.port() == seen.port()) {
        Ports::Kept
    } else {
        Ports::Changed
    }
}

fn between(facts: &Facts, server: IpAddr, observed: IpAddr, ports: Ports) -> Between {
    let is_ours = facts.is_ours(observed) && ports == Ports::Kept;
    match (is_ours, is_public(observed)) {
        // A server on this machine sees us as we do ourselves, whatever there is outside.
        (true, true) if !facts.is_ours(server) => Between::Nothing,
        (true, _) => Between::SameNetwork,
        // What is seen as our neighbour by a server out there can't be us.
        (false, false) if is_public(server) => Between::Proxy,
        (false, _) if is_loopback(observed) => Between::Proxy,
        (false, true) => Between::Nat,
        (false, false) => Between::PrivateNat,
    }
}

/// From one local address and port to several destinations.
fn mapping(told: &[(SocketAddr, SocketAddr)]) -> Mapping {
    let mut seen: BTreeMap<SocketAddr, Vec<SocketAddr>> = BTreeMap::new();
    for (local, observed) in told {
        seen.entry(*local).or_default().push(*observed);
    }
    let mut compared = seen.values().filter(|observed| observed.len() > 1).peekable();
    if compared.peek().is_none() {
        Mapping::OneAddress
    } else if compared.all(|observed| observed.iter().all(|it| *it == observed[0])) {
        Mapping::Independent
    } else {
        Mapping::Dependent
    }
}

fn hairpin(facts: &Facts) -> Hairpin {
    let Some(Meeting { observed, candidates }) = &facts.meeting else {
        return Hairpin::NotApplicable;
    };
    let is_one_nat = match observed[..] {
        [a, b] => a.ip() == b.ip() && !facts.is_ours(a.ip()) && is_public(a.ip()),
        _ => false,
    };
    let mut outer = candidates.iter().filter(|(addr, _)| observed.contains(addr)).peekable();
    if !is_one_nat || outer.peek().is_none() {
        Hairpin::NotApplicable
    } else if outer.any(|(_, stood)| *stood) {
        Hairpin::Works
    } else {
        Hairpin::Fails
    }
}

fn firewall(facts: &Facts) -> Firewall {
    let is_forbidden = |endpoint: &Endpoint| endpoint.connects == Err(ErrorKind::PermissionDenied);
    let candidates = facts.meeting.iter().flat_map(|meeting| &meeting.candidates);
    let mut own = candidates.filter(|(addr, _)| facts.is_ours(addr.ip())).peekable();
    if facts.endpoints.iter().any(is_forbidden) {
        Firewall::ForbidsOutgoing
    } else if own.peek().is_some() && own.all(|(_, stood)| !stood) {
        Firewall::BlocksIncoming
    } else {
        Firewall::NothingSeen
    }
}

/// The family with the better prospects counts: peers with both have both tried.
fn direct(ipv4: Option<Family>, ipv6: Option<Family>, firewall: Firewall, has_public6: bool) -> Direct {
    let prospects = [ipv4, ipv6].into_iter().flatten().map(|family| prospect(family, firewall));
    match prospects.min_by_key(|direct| direct.rank()).unwrap_or(Direct::Unknown) {
        // Peers are told of it by ourselves, though the server has not seen it.
        Direct::Unlikely(because) if has_public6 && (ipv6.is_none() || because == Because::OurProxy) => {
            Direct::Possible(Because::PublicIpv6)
        }
        direct @ (Direct::Likely(_) | Direct::Possible(_) | Direct::Unlikely(_) | Direct::Unknown) => direct,
    }
}

fn prospect(family: Family, firewall: Firewall) -> Direct {
    if firewall == Firewall::BlocksIncoming {
        return Direct::Possible(Because::Firewall);
    }
    if family.ports == Ports::Hidden {
        return Direct::Unlikely(Because::NotSeen);
    }
    match (family.between, family.mapping) {
        (Between::OurProxy, _) => Direct::Unlikely(Because::OurProxy),
        (Between::Untold | Between::Proxy, _) => Direct::Unlikely(Because::NotSeen),
        (Between::Nothing, _) => Direct::Likely(Because::NoNat),
        (Between::SameNetwork | Between::PrivateNat, _) => Direct::Possible(Because::SameNetwork),
        (Between::Nat, Mapping::Independent | Mapping::NoNat) => Direct::Likely(Because::IndependentMapping),
        (Between::Nat, Mapping::Dependent) => Direct::Unlikely(Because::DependentMapping),
        (Between::Nat, Mapping::Unseen) => Direct::Unlikely(Because::NotSeen),
        (Between::Nat, Mapping::OneAddress) => match family.ports {
            Ports::Kept => Direct::Likely(Because::KeptPorts),
            Ports::Changed | Ports::Hidden | Ports::Untold => Direct::Possible(Because::UnknownMapping),
        },
    }
}

impl Direct {
    /// Less is better.
    fn rank(self) -> u8 {
        match self {
            Direct::Likely(_) => 0,
            Direct::Possible(_) => 1,
            Direct::Unlikely(_) => 2,
            Direct::Unknown => 3,
        }
    }

    /// The reason, if there is a prospect at all.
    pub fn because(self) -> Option<Because> {
        match self {
            Direct::Likely(because) | Direct::Possible(because) | Direct::Unlikely(because) => Some(because),
            Direct::Unknown => None,
        }
    }
}

/// Whether an address is one of the internet.
pub(super) fn is_public(ip: IpAddr) -> bool {
    matches!(AddrSpace::of(ip), Some(AddrSpace::Public4 | AddrSpace::Public6))
}

fn is_loopback(ip: IpAddr) -> bool {
    matches!(AddrSpace::of(ip), Some(AddrSpace::Loopback4 | AddrSpace::Loopback6))
}

#[cfg(test)]
mod tests;
