//! Random scenarios: any network that people have, and some that nobody should.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use rdv_core::{AddrSpace, AddrSpaces, Role};

use crate::chance::Chance;
use crate::net::{
    Dependence, FirewallPolicy, Gateway, Host, HostId, Interface, Lifetimes, Link, NatPolicy, Ports, Realm,
    RealmId, Time, Topology, Unexpected,
};
use crate::scenario::{Choice, Mishap, Peer, Proxy, Rules, Says, Scenario, Stranger, Temper};

impl Scenario {
    /// The scenario that has this number, without mishaps: the oracle knows its outcome.
    pub fn of_seed(seed: u64) -> Scenario {
        Self::quiet(&mut Chance::of_seed(seed))
    }

    /// A scenario in which nothing breaks but packets get lost.
    pub fn quiet(chance: &mut Chance<'_>) -> Scenario {
        let mut plan = Plan::new(chance);
        let hosts = plan.place_peers();
        let strangers = plan.place_strangers(hosts);
        let peers = plan.peers(hosts);
        let Plan { topology, losable, chance, .. } = plan;
        Scenario {
            topology,
            server: SERVER,
            proxy: None,
            peers,
            strangers,
            mishap: None,
            slow: false,
            losable,
            seed: chance.seed(),
        }
    }

    /// A scenario in which something goes wrong.
    pub fn troubled(chance: &mut Chance<'_>) -> Scenario {
        let mut scenario = Self::quiet(chance);
        let role = chance.one_of(&[Role::Dial, Role::Accept]);
        // Most of what matters happens around the time when the second peer comes.
        let second = scenario.peers.iter().map(|peer| peer.comes).max().unwrap_or_default();
        let at =
            second.saturating_sub(ms(200)) + ms(chance.one_of(&[0, 100, 190, 200, 205, 250, 300, 400, 1200]));
        let says = chance.one_of(&SAYINGS);
        scenario.mishap = Some(match chance.below(9) {
            0 => Mishap::ServerCloses(at),
            1 => Mishap::PeerDies(role, at),
            2 => Mishap::PeerVanishes(role, at),
            3 => Mishap::PeerReplaced(role, at),
            4 => Mishap::LobbyTimeout(ms(chance.one_of(&[0, 50, 1000]))),
            5 => Mishap::IdleTimeout(ms(chance.one_of(&[20, 100, 1500]))),
            6 => Mishap::ServerFull,
            7 => Mishap::PairRejected,
            _ => Mishap::NoServer(says),
        });
        scenario.slow = chance.percent(50);
        for peer in &mut scenario.peers {
            // Whom the server does not answer any more, nothing else ends.
            peer.timeout = Some(Duration::from_secs(chance.one_of(&[2, 10, 30])));
        }
        scenario
    }

    /// A scenario in which peers reach the server through a proxy, and perhaps something goes wrong.
    pub fn proxied(chance: &mut Chance<'_>) -> Scenario {
        let mut scenario = if chance.percent(50) { Self::quiet(chance) } else { Self::troubled(chance) };
        // On the internet, beside the server, and with addresses of the same families.
        let mut host = scenario.topology.hosts[scenario.server].clone();
        for interface in &mut host.interfaces {
            interface.addr = match interface.addr {
                IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits() + 200).into(),
                IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() + 200).into(),
            };
        }
        scenario.topology.hosts.push(host);
        let after = chance.below(4);
        let calm = scenario.mishap.is_none() && chance.percent(50);
        let temper = chance.one_of(&[
            Temper::Serves,
            Temper::Refuses(after),
            Temper::Hangs(after),
            Temper::Resets(after),
        ]);
        scenario.proxy = Some(Proxy {
            host: scenario.topology.hosts.len() - 1,
            socks: chance.percent(70),
            locked: chance.percent(60),
            tls: chance.percent(50),
            used_by: chance.one_of(&[[true, false], [false, true], [true, true]]),
            temper: if calm { Temper::Serves } else { temper },
        });
        if !calm {
            scenario.slow = chance.percent(70);
            // A peer whose proxy leads nowhere never comes to the server, and the other waits in vain.
            for peer in &mut scenario.peers {
                peer.timeout = peer.timeout.or(Some(Duration::from_secs(chance.one_of(&[2, 10, 60]))));
            }
        }
        scenario
    }
}

/// A scenario in the making.
struct Plan<'a, 'b> {
    chance: &'a mut Chance<'b>,
    topology: Topology,
    jitter: bool,
    losable: u32,
    /// IPv6 only, for each peer; the server has both then.
    only6: [bool; 2],
    dual: [bool; 2],
}

impl<'a, 'b> Plan<'a, 'b> {
    fn new(chance: &'a mut Chance<'b>) -> Self {
        let jitter = chance.percent(25);
        let losable = if chance.percent(20) { 1 + chance.below(3) as u32 } else { 0 };
        let only6 = [chance.percent(8), chance.percent(8)];
        let dual = [chance.percent(40), chance.percent(40)];
        let unroutable = chance.one_of(&[Unexpected::Dropped, Unexpected::Unreachable]);
        let internet = Realm { gateway: None, subnet: None };
        let topology = Topology { realms: vec![internet], hosts: Vec::new(), unroutable };
        let mut plan = Plan { chance, topology, jitter, losable, only6, dual };
        let mut addrs: Vec<IpAddr> = vec![Ipv4Addr::new(203, 0, 113, 1).into()];
        if only6 != [false; 2] || plan.chance.percent(40) {
            addrs.push(Ipv6Addr::new(0x2001, 0xdb8, 5, 0, 0, 0, 0, 1).into());
        }
        let link = plan.link(&[1, 10, 40]);
        let server = plan.host(INTERNET, &addrs, link, None);
        if addrs.len() > 1 && plan.chance.percent(20) {
            // So late that IPv6 is first, or almost.
            plan.topology.hosts[server].interfaces[0].link.delay += ms(plan.chance.one_of(&[100, 130, 400]));
        }
        plan
    }

    /// Puts both peers somewhere, and returns their hosts.
    fn place_peers(&mut self) -> [HostId; 2] {
        match self.chance.below(20) {
            0 => {
                let realm = self.site(0);
                let host = self.peer_host(realm, 0);
                [host, host]
            }
            1..=2 => {
                let realm = self.site(0);
                [self.peer_host(realm, 0), self.peer_host(realm, 1)]
            }
            3..=5 => {
                let carrier = self.carrier(0);
                let homes = [self.home(carrier, 0), self.home(carrier, 1)];
                [self.peer_host(homes[0], 0), self.peer_host(homes[1], 1)]
            }
            6..=7 => {
                let homes = [self.site(0), self.site(1)];
                let hosts = [self.peer_host(homes[0], 0), self.peer_host(homes[1], 1)];
                self.join_by_side(hosts);
                hosts
            }
            _ => {
                let homes = [self.site(0), self.site(1)];
                [self.peer_host(homes[0], 0), self.peer_host(homes[1], 1)]
            }
        }
    }

    /// Where one peer is: on the internet itself, at home, or at home behind a carrier.
    fn site(&mut self, which: usize) -> RealmId {
        match self.chance.below(10) {
            0..=1 => INTERNET,
            2..=6 => self.home(INTERNET, which),
            _ => {
                let carrier = self.carrier(which);
                self.home(carrier, which)
            }
        }
    }

    fn carrier(&mut self, which: usize) -> RealmId {
        let link = self.link(&[1, 5, 20, 60]);
        let external = Ipv4Addr::new(192, 0, 2, 10 + which as u8);
        let subnet =
            self.chance.one_of(&[(Ipv4Addr::new(100, 64, 0, 0), 10), (Ipv4Addr::new(10, 0, 0, 0), 8)]);
        self.realm(INTERNET, link, external, subnet)
    }

    fn home(&mut self, parent: RealmId, which: usize) -> RealmId {
        let link = self.link(&[1, 5, 20, 60]);
        let external = match self.topology.realms[parent].subnet {
            Some((net, _)) => Ipv4Addr::from_bits(net.to_bits() + 77 * 256 + 10 + which as u32),
            None => Ipv4Addr::new(198, 51, 100, 10 + which as u8),
        };
        // Many homes have the same addresses inside.
        let third = self.chance.one_of(&[0, 1, 1, 1, 2]);
        self.realm(parent, link, external, (Ipv4Addr::new(192, 168, third, 0), 24))
    }

    fn realm(&mut self, parent: RealmId, link: Link, external: Ipv4Addr, subnet: (Ipv4Addr, u32)) -> RealmId {
        let (nat, firewall) = (self.nat(), self.firewall(70));
        let gateway = Gateway { parent, link, nat, external, firewall };
        self.topology.realms.push(Realm { gateway: Some(gateway), subnet: Some(subnet) });
        self.topology.realms.len() - 1
    }

    fn peer_host(&mut self, realm: RealmId, which: usize) -> HostId {
        let last = 10 + which as u16;
        let mut addrs: Vec<IpAddr> = Vec::new();
        let number = match self.topology.realms[realm].subnet {
            // On an overlapping network, even the same number.
            Some(_) if self.topology.realms.len() > 2 && self.chance.percent(30) && which == 1 => 10,
            _ => last,
        };
        let ip = match self.topology.realms[realm].subnet {
            Some((net, _)) => Ipv4Addr::from_bits(net.to_bits() + u32::from(number)),
            None => Ipv4Addr::new(203, 0, 113, last as u8),
        };
        let taken = self.topology.hosts.iter().flat_map(|host| &host.interfaces);
        let taken = taken.filter(|it| it.realm == realm).any(|it| it.addr == ip);
        let ip = if taken { Ipv4Addr::from_bits(ip.to_bits() + 1) } else { ip };
        if !self.only6[which] {
            addrs.push(ip.into());
        }
        if self.only6[which] || self.dual[which] {
            addrs.push(Ipv6Addr::new(0x2001, 0xdb8, 0x100, realm as u16, 0, 0, 0, last).into());
        }
        if realm != INTERNET && self.chance.percent(15) {
            addrs.push(Ipv6Addr::new(0xfd00, 0, 0, realm as u16, 0, 0, 0, last).into());
        }
        let link = self.link(&[0, 1, 3]);
        let firewall = self.firewall(if realm == INTERNET { 40 } else { 10 });
        self.host(realm, &addrs, link, firewall)
    }

    /// A LAN that both are on as well, and that leads nowhere else.
    fn join_by_side(&mut self, hosts: [HostId; 2]) {
        let subnet = Some((Ipv4Addr::new(172, 16, 5, 0), 24));
        self.topology.realms.push(Realm { gateway: None, subnet });
        let realm = self.topology.realms.len() - 1;
        for (which, host) in hosts.into_iter().enumerate() {
            let addr = Ipv4Addr::new(172, 16, 5, 10 + which as u8).into();
            let link = self.link(&[0, 1, 3]);
            self.topology.hosts[host].interfaces.push(Interface { realm, addr, link, default_route: false });
        }
    }

    fn host(
        &mut self,
        realm: RealmId,
        addrs: &[IpAddr],
        link: Link,
        firewall: Option<FirewallPolicy>,
    ) -> HostId {
        let is_local = |addr: IpAddr| matches!(addr, IpAddr::V6(ip) if ip.segments()[0] == 0xfd00);
        let interface =
            |addr: &IpAddr| Interface { realm, addr: *addr, link, default_route: !is_local(*addr) };
        let interfaces = addrs.iter().map(interface).collect();
        self.topology.hosts.push(Host { interfaces, firewall });
        self.topology.hosts.len() - 1
    }

    /// Whoever else has an address that a peer dials, and whoever dials the peers.
    fn place_strangers(&mut self, hosts: [HostId; 2]) -> Vec<Stranger> {
        let mut strangers = Vec::new();
        for (here, there) in [(0, 1), (1, 0)] {
            if !self.chance.percent(20) {
                continue;
            }
            // Someone on the own network with the address that the other has on its network.
            let (own, other) = (self.topology.hosts[hosts[here]].interfaces[0], hosts[there]);
            let namesake = self.topology.hosts[other].interfaces[0].addr;
            let realm = &self.topology.realms[own.realm];
            if hosts[0] != hosts[1] && realm.contains(namesake) && self.topology.is_free(own.realm, namesake)
            {
                let link = self.link(&[0, 1]);
                let host = self.host(own.realm, &[namesake], link, None);
                let says = self.chance.one_of(&SAYINGS);
                let port = self.chance.percent(60).then(|| PORTS[there]);
                strangers.push(Stranger { host, port, says, dials: false });
            }
        }
        if self.chance.percent(10) {
            let realm = self.topology.hosts[hosts[self.chance.below(2)]].interfaces[0].realm;
            let addr = match self.topology.realms[realm].subnet {
                Some((net, _)) => Ipv4Addr::from_bits(net.to_bits() + 66),
                None => Ipv4Addr::new(203, 0, 113, 66),
            };
            let link = self.link(&[0, 1]);
            let host = self.host(realm, &[addr.into()], link, None);
            let says = self.chance.one_of(&SAYINGS);
            strangers.push(Stranger { host, port: None, says, dials: true });
        }
        strangers
    }

    fn peers(&mut self, hosts: [HostId; 2]) -> [Peer; 2] {
        let gap = ms(self.chance.one_of(&[0, 0, 1, 30, 500, 3_000, 40_000]));
        let comes = if self.chance.percent(50) { [gap, Time::ZERO] } else { [Time::ZERO, gap] };
        [Role::Dial, Role::Accept].map(|role| {
            let which = role as usize;
            let (spaces, choice) = (self.spaces(), self.choice());
            Peer {
                role,
                host: hosts[which],
                port: PORTS[which],
                spaces,
                comes: comes[which],
                choice,
                timeout: None,
                second_opinion: self.chance.percent(90),
                rules: Rules::Ours,
            }
        })
    }

    fn spaces(&mut self) -> AddrSpaces {
        match self.chance.below(20) {
            0 => AddrSpaces::NONE,
            1 => AddrSpaces::PUBLIC,
            2..=3 => AddrSpaces::ALL,
            4 => {
                let kept = |_: &AddrSpace| self.chance.percent(50);
                AddrSpace::EACH.into_iter().filter(kept).collect()
            }
            _ => AddrSpaces::DEFAULT,
        }
    }

    fn choice(&mut self) -> Choice {
        match self.chance.below(20) {
            0 => Choice::First,
            1 => Choice::WaitConstant(ms(1000)),
            2 => Choice::WaitForP2p(ms(150)),
            3..=8 => Choice::WaitForP2p(ms(40_000)),
            // Where packets are lost, the default is a matter of luck; this is not.
            9..=16 if self.losable > 0 => Choice::WaitForP2p(ms(40_000)),
            _ => Choice::WaitForP2p(ms(1000)),
        }
    }

    fn nat(&mut self) -> NatPolicy {
        use Dependence::{Address, AddressAndPort, Independent};
        let mapping = self.chance.one_of(&[Independent, Independent, Independent, Address, AddressAndPort]);
        let ports =
            self.chance.one_of(&[Ports::Preserved, Ports::Preserved, Ports::Sequential, Ports::Random]);
        let mut filter = self.filter();
        // Hardly any NAT filters less than it maps: it could not tell connections apart.
        if mapping != Independent && ports != Ports::Preserved && self.chance.percent(80) {
            filter.filtering = filter.filtering.max(mapping);
        }
        NatPolicy { mapping, ports, hairpin: self.chance.percent(50), filter }
    }

    fn firewall(&mut self, percent: usize) -> Option<FirewallPolicy> {
        self.chance.percent(percent).then(|| self.filter())
    }

    fn filter(&mut self) -> FirewallPolicy {
        use Dependence::{Address, AddressAndPort, Independent};
        FirewallPolicy {
            filtering: self.chance.one_of(&[Independent, Address, AddressAndPort, AddressAndPort]),
            unexpected: self.chance.one_of(&[
                Unexpected::Dropped,
                Unexpected::Dropped,
                Unexpected::Reset,
                Unexpected::Unreachable,
            ]),
            forgets_on_reset: self.chance.percent(50),
            lifetimes: Lifetimes {
                transitory: Time::from_secs(self.chance.one_of(&[10, 30, 240])),
                established: Time::from_secs(self.chance.one_of(&[120, 7440])),
            },
        }
    }

    fn link(&mut self, delays: &[u64]) -> Link {
        let delay = ms(self.chance.one_of(delays)) + Time::from_micros(50);
        let jitter = if self.jitter { delay / 4 } else { Time::ZERO };
        let lost = if self.losable > 0 { self.chance.one_of(&[0, 50, 200]) } else { 0 };
        Link { delay, jitter, lost }
    }
}

fn ms(millis: u64) -> Time {
    Time::from_millis(millis)
}

const INTERNET: RealmId = 0;
const SERVER: HostId = 0;
/// Of the dialer and of the accepter.
const PORTS: [u16; 2] = [40_001, 50_002];
const SAYINGS: [Says; 6] =
    [Says::Nothing, Says::Garbage, Says::AnotherToken, Says::OwnRole, Says::Half, Says::Reset];
