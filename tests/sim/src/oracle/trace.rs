//! Where each flow leads: what it opens on its way out, and what it has to pass on its way in.

use std::net::{IpAddr, SocketAddr};

use rdv_core::Role;

use super::Span;
use super::ways::Way;
use crate::net::{
    Dependence, FirewallPolicy, HostId, Link, NatPolicy, Next, Ports, RealmId, Time, Topology, Unexpected,
};
use crate::scenario::Scenario;

/// Every flow of a scenario.
pub(super) struct Atlas {
    /// When each side learns of the match.
    pub(super) matched: [Span; 2],
    pub(super) flows: Vec<Flow>,
}

/// One side dialling one address.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) from: Role,
    /// The one to the server stands before all others, and as long.
    pub(super) is_to_server: bool,
    pub(super) openings: Vec<Opening>,
    pub(super) gates: Vec<Gate>,
    pub(super) end: End,
    /// The whole way.
    pub(super) takes: Span,
    /// The socket's two ends, as the sender knows them.
    local: Endpoint,
    to: Endpoint,
    /// The same, as they are known where the flow has come to.
    src: Endpoint,
    dst: Endpoint,
}

/// A filter that a flow opens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening {
    filter: Filter,
    inside: Endpoint,
    outside: Endpoint,
    remote: Endpoint,
    /// How far on the way.
    pub(super) at: Span,
    pub(super) forgets_on_reset: bool,
}

/// A filter that a flow has to pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gate {
    filter: Filter,
    policy: FirewallPolicy,
    inside: Endpoint,
    outside: Endpoint,
    remote: Endpoint,
    /// How far on the way.
    pub(super) at: Span,
}

/// Where a flow ends, if all gates let it pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// At the peer, who admits it.
    Peer,
    /// At something that answers, if only by an RST.
    Stranger,
    /// Nowhere: it is lost, or no answer finds its way back.
    Nowhere,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filter {
    Host(HostId),
    Nat(RealmId),
    Firewall(RealmId),
}

/// An address and a port; a port that a NAT will make up has a name instead of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Endpoint {
    ip: IpAddr,
    port: Port,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    Number(u16),
    /// An index into the mappings.
    Mapped(usize),
}

/// Follows flows through a topology.
struct Tracer<'a> {
    topology: &'a Topology,
    /// Ports that NATs make up: for whom, and for which remotes.
    mappings: Vec<(RealmId, Endpoint, Key)>,
}

/// What a mapping depends on beside the internal endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Any,
    Address(IpAddr),
    Endpoint(Endpoint),
}

impl Atlas {
    /// With the way by which each side reaches the server.
    pub(super) fn new(scenario: &Scenario, ways: [Option<Way>; 2]) -> Self {
        let mut tracer = Tracer { topology: &scenario.topology, mappings: Vec::new() };
        let mut flows = Vec::new();
        let mut observed = [Vec::new(), Vec::new()];
        let mut matched = [Span::ZERO; 2];
        for role in [Role::Dial, Role::Accept] {
            let Some(way) = ways[role as usize] else {
                continue;
            };
            for (server, is_first, is_told) in way.connections() {
                if let Some(mut flow) = tracer.go_out(scenario, role, server.into()) {
                    flow.is_to_server = true;
                    observed[role as usize].extend(is_told.then_some(flow.src));
                    tracer.come_in(scenario, &mut flow, &[]);
                    if is_first {
                        matched[role as usize] = flow.takes;
                    }
                    flows.push(flow);
                }
            }
        }
        for role in [Role::Dial, Role::Accept] {
            let (own, spaces) = (scenario.self_addrs(role), scenario.peer(role).spaces);
            let listed = scenario.self_addrs(role.other());
            let listed = listed.iter().filter(|addr| !own.contains(addr)).map(|addr| Endpoint::from(*addr));
            let mut candidates: Vec<Endpoint> = listed.collect();
            for seen in &observed[role.other() as usize] {
                let is_own = own.iter().any(|addr| Endpoint::from(*addr) == *seen);
                if !is_own && !candidates.contains(seen) {
                    candidates.push(*seen);
                }
            }
            candidates.retain(|candidate| spaces.includes(candidate.ip));
            flows.extend(candidates.into_iter().filter_map(|to| tracer.go_out(scenario, role, to)));
        }
        // All are out now: what they have opened is known.
        let outgoing = flows.clone();
        flows
            .iter_mut()
            .filter(|flow| !flow.is_to_server)
            .for_each(|flow| tracer.come_in(scenario, flow, &outgoing));
        Self { matched, flows }
    }
}

/// How long it takes to an address. `None`: there is no way.
pub(super) fn time_to(scenario: &Scenario, role: Role, addr: SocketAddr) -> Option<Span> {
    let mut tracer = Tracer { topology: &scenario.topology, mappings: Vec::new() };
    let mut flow = tracer.go_out(scenario, role, addr.into())?;
    tracer.come_in(scenario, &mut flow, &[]);
    Some(flow.takes)
}

impl Tracer<'_> {
    /// The way out of the sender's realms, up to where the way in begins.
    fn go_out(&mut self, scenario: &Scenario, role: Role, dst: Endpoint) -> Option<Flow> {
        let peer = scenario.peer(role);
        let local = Endpoint { ip: dst.ip, port: Port::Number(peer.port) };
        let mut flow = Flow {
            from: role,
            is_to_server: false,
            openings: Vec::new(),
            gates: Vec::new(),
            end: End::Nowhere,
            takes: Span::ZERO,
            local,
            to: dst,
            src: local,
            dst,
        };
        if self.topology.is_own(peer.host, dst.ip) {
            return Some(flow);
        }
        let at = self.topology.route(peer.host, dst.ip)?;
        let interface = self.topology.hosts[peer.host].interfaces[at];
        flow.local.ip = interface.addr;
        flow.src = flow.local;
        if let Some(policy) = self.topology.hosts[peer.host].firewall {
            flow.open(Filter::Host(peer.host), policy, flow.src);
        }
        flow.takes = flow.takes.after(interface.link);
        let mut realm = interface.realm;
        while let (Next::Up, Some(gateway)) =
            (self.topology.next(realm, dst.ip), self.topology.realms[realm].gateway)
        {
            if dst.ip.is_ipv4() {
                let inside = flow.src;
                flow.src = Endpoint {
                    ip: gateway.external.into(),
                    port: self.port(realm, gateway.nat, inside, dst),
                };
                flow.open(Filter::Nat(realm), gateway.nat.filter, inside);
                if dst.ip == IpAddr::V4(gateway.external) {
                    break;
                }
            } else if let Some(policy) = gateway.firewall {
                flow.open(Filter::Firewall(realm), policy, flow.src);
            }
            flow.takes = flow.takes.after(gateway.link);
            realm = gateway.parent;
        }
        Some(flow)
    }

    /// The way in, from where [`go_out`](Self::go_out) has stopped.
    fn come_in(&self, scenario: &Scenario, flow: &mut Flow, all: &[Flow]) {
        let sender = scenario.peer(flow.from).host;
        if self.topology.is_own(sender, flow.dst.ip) {
            flow.takes = Span::at(Time::from_micros(10));
            flow.end = self.end_at(scenario, flow, sender, None);
            return;
        }
        let Some(at) = self.topology.route(sender, flow.dst.ip) else {
            return;
        };
        let mut realm = self.topology.hosts[sender].interfaces[at].realm;
        loop {
            match (self.topology.next(realm, flow.dst.ip), self.topology.realms[realm].gateway) {
                (Next::Up, Some(gateway)) if flow.dst.ip == IpAddr::V4(gateway.external) => {
                    if !gateway.nat.hairpin || !self.enter(flow, realm, gateway.nat.filter, all) {
                        flow.end = refused_by(gateway.nat.filter);
                        return;
                    }
                }
                (Next::Up, Some(gateway)) => realm = gateway.parent,
                (Next::Down(child), _) => {
                    let Some(gateway) = self.topology.realms[child].gateway else {
                        return;
                    };
                    flow.takes = flow.takes.after(gateway.link);
                    realm = child;
                    if flow.dst.ip.is_ipv4() {
                        if !self.enter(flow, child, gateway.nat.filter, all) {
                            flow.end = refused_by(gateway.nat.filter);
                            return;
                        }
                    } else if let Some(policy) = gateway.firewall {
                        flow.gate(Filter::Firewall(child), policy, flow.dst);
                    }
                }
                (Next::Host(host, at), _) => {
                    flow.takes = flow.takes.after(self.topology.hosts[host].interfaces[at].link);
                    if let Some(policy) = self.topology.hosts[host].firewall {
                        flow.gate(Filter::Host(host), policy, flow.dst);
                    }
                    flow.end = self.end_at(scenario, flow, host, Some(at));
                    return;
                }
                (Next::Up | Next::Nobody | Next::Unroutable, _) => return,
            }
        }
    }

    /// Through a NAT from outside. False: it has no such mapping.
    fn enter(&self, flow: &mut Flow, realm: RealmId, policy: FirewallPolicy, all: &[Flow]) -> bool {
        let filter = Filter::Nat(realm);
        let openings = all.iter().flat_map(|flow| &flow.openings);
        let inside =
            openings.filter(|it| it.filter == filter && it.outside == flow.dst).map(|it| it.inside).next();
        if let Some(inside) = inside {
            flow.gate(filter, policy, inside);
            flow.dst = inside;
        }
        inside.is_some()
    }

    fn end_at(&self, scenario: &Scenario, flow: &Flow, host: HostId, interface: Option<usize>) -> End {
        let peer = scenario.peer(flow.from.other());
        if host != peer.host || flow.dst.port != Port::Number(peer.port) {
            return End::Stranger;
        }
        // The answer must leave to where the question came from.
        let realm = |at: usize| self.topology.hosts[host].interfaces[at].realm;
        let leaves = self.topology.route(host, flow.src.ip).map(realm);
        let returns = self.topology.is_own(host, flow.src.ip) || leaves == interface.map(realm);
        match (returns, peer.spaces.includes(flow.src.ip)) {
            (true, true) => End::Peer,
            (true, false) => End::Stranger,
            (false, _) => End::Nowhere,
        }
    }

    /// The external port of a mapping, made up if it is not yet.
    fn port(&mut self, realm: RealmId, nat: NatPolicy, inside: Endpoint, remote: Endpoint) -> Port {
        if nat.ports == Ports::Preserved {
            return inside.port;
        }
        let key = match nat.mapping {
            Dependence::Independent => Key::Any,
            Dependence::Address => Key::Address(remote.ip),
            Dependence::AddressAndPort => Key::Endpoint(remote),
        };
        let mapping = (realm, inside, key);
        Port::Mapped(self.mappings.iter().position(|it| *it == mapping).unwrap_or_else(|| {
            self.mappings.push(mapping);
            self.mappings.len() - 1
        }))
    }
}

impl Flow {
    /// Whether both have the same four-tuple, one as a dial and the other as what comes in.
    pub(super) fn is_twin_of(&self, other: &Flow) -> bool {
        other.end == End::Peer && self.from != other.from && self.local == other.dst && self.to == other.src
    }

    fn open(&mut self, filter: Filter, policy: FirewallPolicy, inside: Endpoint) {
        self.openings.push(Opening {
            filter,
            inside,
            outside: self.src,
            remote: self.dst,
            at: self.takes,
            forgets_on_reset: policy.forgets_on_reset,
        });
    }

    fn gate(&mut self, filter: Filter, policy: FirewallPolicy, inside: Endpoint) {
        self.gates.push(Gate { filter, policy, inside, outside: self.dst, remote: self.src, at: self.takes });
    }
}

impl Gate {
    /// Whether it lets pass who comes after this opening.
    pub(super) fn is_opened_by(&self, opening: &Opening) -> bool {
        self.filter == opening.filter
            && self.outside == opening.outside
            && match self.policy.filtering {
                Dependence::Independent => true,
                Dependence::Address => self.remote.ip == opening.remote.ip,
                Dependence::AddressAndPort => self.remote == opening.remote,
            }
    }

    /// Whether what is behind it also dials the same host, but as somebody else: then it depends on the order of
    /// things by which mapping the NAT answers.
    pub(super) fn is_confused_by(&self, opening: &Opening) -> bool {
        self.filter == opening.filter
            && self.inside == opening.inside
            && self.remote.ip == opening.remote.ip
            && self.outside != opening.outside
    }

    pub(super) fn refusal(&self) -> Unexpected {
        self.policy.unexpected
    }
}

impl Span {
    pub(super) const ZERO: Span = Span::at(Time::ZERO);

    pub(super) const fn at(time: Time) -> Span {
        Span { from: time, until: Some(time) }
    }

    fn after(self, link: Link) -> Span {
        self.plus(Span { from: link.delay, until: Some(link.delay + link.jitter) })
    }

    /// The one or the other.
    pub(super) fn or(self, other: Span) -> Span {
        let until = self.until.zip(other.until).map(|(a, b)| a.max(b));
        Span { from: self.from.min(other.from), until }
    }

    pub(super) fn plus(self, other: Span) -> Span {
        let until = self.until.zip(other.until).map(|(a, b)| a + b);
        Span { from: self.from + other.from, until }
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(addr: SocketAddr) -> Self {
        Endpoint { ip: addr.ip(), port: Port::Number(addr.port()) }
    }
}

/// Where a flow ends that finds no mapping.
fn refused_by(policy: FirewallPolicy) -> End {
    match policy.unexpected {
        Unexpected::Reset => End::Stranger,
        Unexpected::Dropped | Unexpected::Unreachable => End::Nowhere,
    }
}
