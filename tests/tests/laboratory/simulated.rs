//! The same topologies in the simulator: by our rules, and by those of the reference.
//!
//! `cargo test -p rdv-tests --test laboratory simulated -- --nocapture` prints a table; it needs neither root nor time.
//! `RDV_LAB_SEEDS=100` simulates each a hundred times.

use std::env;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rdv_core::{AddrSpaces, Role, Route};
use rdv_sim::Scenario;
use rdv_sim::net::{
    Dependence, FirewallPolicy, Gateway, Host, Interface, Lifetimes, Link, NatPolicy, Ports, Realm, Time,
    Topology as World, Unexpected as Refusal,
};
use rdv_sim::oracle::{Verdict, foretell};
use rdv_sim::scenario::{Choice, Peer, Rules};
use rdv_tests::lab::{Delay, Families, Filtering, Lan, Mapping, Nat, Unexpected};

use crate::topologies::{Ideal, Topology, topologies};

#[test]
fn the_simulator_comes_to_the_ideals_too() {
    let seeds =
        env::var("RDV_LAB_SEEDS").map_or(5, |seeds| seeds.parse().expect("RDV_LAB_SEEDS is no number"));
    // Whose gateways map no ports.
    let simulated = topologies().into_iter().filter(|it| it.sides.iter().all(|side| side.mapper.is_none()));
    let rows: Vec<_> = simulated.map(|topology| Row::new(topology, seeds)).collect();
    println!("\n{}\n{}", markdown(&rows), summary(&rows, seeds));
    for Row { topology, direct: [.., [ours, _]] } in &rows {
        let Topology { name, ideal, .. } = topology;
        let as_ideal = match ideal {
            // Where it is relayed for once, lost packets may be why; not so for most.
            Ideal::Direct => *ours > seeds / 2,
            Ideal::Relay => *ours == 0,
            Ideal::Open => true,
        };
        assert!(as_ideal, "{name}: {ours} of {seeds} are direct");
        // The oracle takes into account what the ideal does not: all that can go wrong in between.
        for seed in 0..seeds {
            let verdict = foretell(&scenario(topology, seed, PATIENCE[1], Rules::Ours)).verdict;
            let agrees = match ideal {
                Ideal::Direct => verdict != Verdict::Relay,
                Ideal::Relay => verdict == Verdict::Relay,
                Ideal::Open => verdict == Verdict::Open,
            };
            assert!(agrees, "{name}: {ideal} here, but {verdict:?} says the oracle of seed {seed}");
        }
    }
}

/// A topology, and how many of its simulations are direct: for each patience, by our rules and by the reference's.
struct Row {
    topology: Topology,
    direct: [[u64; 2]; 2],
}

impl Row {
    fn new(topology: Topology, seeds: u64) -> Self {
        let count = |patience, rules| {
            (0..seeds).filter(|seed| is_direct(&scenario(&topology, *seed, patience, rules))).count() as u64
        };
        let direct = PATIENCE.map(|patience| RULES.map(|rules| count(patience, rules)));
        Self { topology, direct }
    }

    fn can_be_direct(&self) -> bool {
        self.topology.ideal != Ideal::Relay
    }
}

fn is_direct(scenario: &Scenario) -> bool {
    matches!(rdv_sim::world::run(scenario).courses[0].outcome, Some(Ok(Route::Direct)))
}

fn markdown(rows: &[Row]) -> String {
    let mut text = "| topology | ideal |".to_owned();
    for patience in PATIENCE {
        text += &format!(" ours, {0} s | the reference's rules, {0} s |", patience.as_secs());
    }
    text += "\n| --- | --- | --- | --- | --- | --- |\n";
    for Row { topology, direct } in rows {
        let counts = direct.as_flattened().iter().map(u64::to_string).collect::<Vec<_>>().join(" | ");
        text += &format!("| {} | {} | {counts} |\n", topology.name, topology.ideal);
    }
    text
}

fn summary(rows: &[Row], seeds: u64) -> String {
    let can = rows.iter().filter(|row| row.can_be_direct()).count();
    let mut text =
        format!("Of {} topologies, {can} can be direct; {seeds} simulations of each.\n", rows.len());
    for (at, patience) in PATIENCE.iter().enumerate() {
        let count = |rules: usize, least: u64| {
            rows.iter().filter(|row| row.can_be_direct() && row.direct[at][rules] >= least).count()
        };
        text += &format!(
            "With a patience of {} s, always direct: ours {}, the reference's rules {}. At least once: {} and {}.\n",
            patience.as_secs(),
            count(0, seeds),
            count(1, seeds),
            count(0, 1),
            count(1, 1),
        );
    }
    text
}

/// The topology as the simulator has it. The seed decides how far apart the peers begin, and whatever is chance.
fn scenario(topology: &Topology, seed: u64, patience: Time, rules: Rules) -> Scenario {
    let mut map = Map::new();
    let mut path = Vec::new();
    let hosts = [0, 1].map(|i| {
        path.truncate(if i == 0 { 0 } else { topology.shared });
        map.side(topology, i, &mut path)
    });
    if let Some(lan) = &topology.cable {
        map.cable(lan, hosts);
    }
    let mut chance = fastrand::Rng::with_seed(seed);
    let apart = Time::from_millis(chance.u64(..300));
    let comes = if chance.bool() { [apart, Time::ZERO] } else { [Time::ZERO, apart] };
    let peer = |role: Role| Peer {
        role,
        host: hosts[role as usize],
        port: chance.u16(32_768..60_999),
        spaces: AddrSpaces::DEFAULT,
        comes: comes[role as usize],
        choice: Choice::WaitForP2p(patience),
        timeout: Some(Time::from_secs(12)),
        second_opinion: rules == Rules::Ours,
        rules,
    };
    Scenario {
        peers: [Role::Dial, Role::Accept].map(peer),
        topology: map.world,
        server: SERVER,
        proxy: None,
        strangers: Vec::new(),
        mishap: None,
        slow: false,
        losable: u32::MAX,
        seed,
    }
}

/// A world in the making. It is numbered as the laboratory's networks are.
struct Map {
    world: World,
}

impl Map {
    /// An internet with a server.
    fn new() -> Self {
        let internet = Realm { gateway: None, subnet: None };
        let world = World { realms: vec![internet], hosts: Vec::new(), unroutable: Refusal::Unreachable };
        let mut map = Self { world };
        // Its answers are not with both peers at once.
        let link = Link { jitter: UNEVEN, ..link(None) };
        map.host(&[INTERNET], 10, Families::Both, link, None);
        map
    }

    /// The host of a side, behind its gateways, of which those in `path` are there already.
    fn side(&mut self, topology: &Topology, which: usize, path: &mut Vec<usize>) -> usize {
        let side = &topology.sides[which];
        for nat in side.gateways.iter().skip(path.len()) {
            let parent = path.last().copied().unwrap_or(INTERNET);
            let number = self.world.realms.len() as u8;
            let subnet = if path.len() + 1 == side.gateways.len() {
                Ipv4Addr::new(192, 168, side.subnet.unwrap_or(number), 0)
            } else {
                Ipv4Addr::new(100, 64, number, 0)
            };
            let external = match self.world.realms[parent].subnet {
                Some((net, _)) => Ipv4Addr::from_bits(net.to_bits() + 10 + u32::from(number)),
                None => Ipv4Addr::new(203, 0, 113, 10 + number),
            };
            let link = link(side.delay.filter(|_| parent == INTERNET));
            let firewall = (nat.unexpected != Unexpected::Answered)
                .then(|| filter(Filtering::AddressAndPort, nat.unexpected));
            let gateway = Gateway { parent, link, nat: policy(nat), external, firewall };
            self.world.realms.push(Realm { gateway: Some(gateway), subnet: Some((subnet, 24)) });
            path.push(self.world.realms.len() - 1);
        }
        let firewall = side.firewall.map(|unexpected| filter(Filtering::AddressAndPort, unexpected));
        let last = side.last.unwrap_or(if which == 0 { 21 } else { 22 });
        let link = link(side.delay.filter(|_| path.is_empty()));
        let realms: Vec<_> = std::iter::once(INTERNET).chain(path.iter().copied()).collect();
        self.host(&realms, last, side.families, link, firewall)
    }

    /// A host in the innermost of these realms.
    fn host(
        &mut self,
        realms: &[usize],
        last: u8,
        families: Families,
        link: Link,
        firewall: Option<FirewallPolicy>,
    ) -> usize {
        let realm = *realms.last().expect("the internet is everywhere");
        let mut interfaces = Vec::new();
        let mut add =
            |realm, addr: IpAddr| interfaces.push(Interface { realm, addr, link, default_route: true });
        if families != Families::V6 {
            let net = self.world.realms[realm].subnet.map_or(Ipv4Addr::new(203, 0, 113, 0), |(net, _)| net);
            add(realm, Ipv4Addr::from_bits(net.to_bits() + u32::from(last)).into());
        }
        // Behind a carrier's NAT there is none.
        if families != Families::V4 && realms.len() <= 2 {
            let v6 = Ipv6Addr::new(0x2001, 0xdb8, realm as u16, 0, 0, 0, 0, last.into());
            let mut home = realm;
            if families == Families::Broken6 {
                // Its packets go nowhere, and nobody says so.
                self.world.realms.push(Realm { gateway: None, subnet: None });
                self.world.unroutable = Refusal::Dropped;
                home = self.world.realms.len() - 1;
            }
            add(home, v6.into());
        }
        self.world.hosts.push(Host { interfaces, firewall });
        self.world.hosts.len() - 1
    }

    fn cable(&mut self, lan: &Lan, hosts: [usize; 2]) {
        let addr = |last| lan.v4(last).parse::<Ipv4Addr>().expect("cables have IPv4");
        self.world.realms.push(Realm { gateway: None, subnet: Some((addr(0), 24)) });
        for (host, last) in hosts.into_iter().zip(1..) {
            let realm = self.world.realms.len() - 1;
            let side = Interface { realm, addr: addr(last).into(), link: link(None), default_route: false };
            self.world.hosts[host].interfaces.push(side);
        }
    }
}

fn policy(nat: &Nat) -> NatPolicy {
    let (mapping, ports) = match (nat.mapping, nat.filtering) {
        (Mapping::Random, _) => (Dependence::AddressAndPort, Ports::Random),
        // Linux's masquerading, to which the laboratory's rules add a lasting owner of each port.
        (Mapping::Preserved, Filtering::AddressAndPort) => (Dependence::AddressAndPort, Ports::Preserved),
        (Mapping::Preserved, Filtering::Address | Filtering::Independent) => {
            (Dependence::Independent, Ports::Preserved)
        }
    };
    NatPolicy { mapping, ports, hairpin: nat.hairpin, filter: filter(nat.filtering, nat.unexpected) }
}

fn filter(filtering: Filtering, unexpected: Unexpected) -> FirewallPolicy {
    FirewallPolicy {
        filtering: match filtering {
            Filtering::Independent => Dependence::Independent,
            Filtering::Address => Dependence::Address,
            Filtering::AddressAndPort => Dependence::AddressAndPort,
        },
        unexpected: match unexpected {
            Unexpected::Dropped => Refusal::Dropped,
            Unexpected::Reset | Unexpected::Answered => Refusal::Reset,
            Unexpected::Prohibited => Refusal::Unreachable,
        },
        // To Linux, a SYN that comes in behind an RST belongs to nothing.
        forgets_on_reset: true,
        lifetimes: Lifetimes { transitory: Time::from_secs(120), established: Time::from_secs(7440) },
    }
}

/// A wire.
fn link(delay: Option<Delay>) -> Link {
    let Delay { base, jitter, lost } = delay.unwrap_or(Delay::of_millis(0));
    let lost = u16::try_from(lost).expect("of a thousand");
    Link { delay: base + NEAR, jitter, lost }
}

const RULES: [Rules; 2] = [Rules::Ours, Rules::Reference];
/// How long the dialer waits for a direct connection: by default, and in the laboratory.
const PATIENCE: [Time; 2] = [Time::from_secs(1), Time::from_secs(3)];
const INTERNET: usize = 0;
const SERVER: usize = 0;
/// What a frame takes between two namespaces.
const NEAR: Time = Time::from_micros(10);
/// By how much one peer may be ahead of the other, since machines take their time.
const UNEVEN: Time = Time::from_micros(500);
