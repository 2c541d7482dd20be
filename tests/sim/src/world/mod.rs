//! A scenario takes its course.

mod client;
mod driver;
mod proxy;
mod server;
mod stranger;

use std::time::Instant;

use rdv_core::Role;

use crate::net::tcp::Notice;
use crate::net::{HostId, Internet, Time};
use crate::scenario::{Mishap, Scenario};
use client::Client;
pub use client::Course;
pub use driver::Sockets;
use proxy::Proxy;
use server::Server;
pub use server::ServerLog;
use stranger::Stranger;

/// What became of a scenario.
#[derive(Debug)]
pub struct Outcome {
    /// The dialer's and the accepter's course.
    pub courses: [Course; 2],
    /// What each client said to its peer, by role.
    pub said: [Vec<bytes::Bytes>; 2],
    /// The server's.
    pub server: ServerLog,
    /// Packets that the network has lost.
    pub lost: u32,
    /// Things that happened on the network.
    pub steps: u32,
    /// Sockets that are still there after all has come to rest, each with its host.
    pub leftovers: Vec<String>,
}

struct World<'a> {
    scenario: &'a Scenario,
    net: Internet<'a>,
    epoch: Instant,
    server: Option<Server>,
    proxy: Option<Proxy>,
    clients: Vec<Client>,
    strangers: Vec<Stranger>,
    /// What is still to come by the clock, the latest first.
    agenda: Vec<(Time, Item)>,
}

#[derive(Clone, Copy, Debug)]
enum Item {
    Comes(Role),
    StrangersDial,
    ServerCloses,
    Dies(Role),
    Vanishes(Role),
    Replaced(Role),
    StrangersLeave,
    ProxyLeaves,
}

/// Lets a scenario take its course, to the end.
///
/// # Panics
///
/// At a breach of the driver's contract, and if it takes no end.
pub fn run(scenario: &Scenario) -> Outcome {
    let mut world = World::new(scenario);
    let mut steps = 0;
    while world.step() {
        steps += 1;
        assert!(steps < STEPS_MAX, "no end after {STEPS_MAX} steps, at {:?}", world.net.now());
    }
    world.outcome(steps)
}

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario) -> Self {
        let epoch = Instant::now();
        let mut net = Internet::new(&scenario.topology, scenario.seed, scenario.losable);
        let mut agenda: Vec<_> =
            scenario.peers.iter().map(|peer| (peer.comes, Item::Comes(peer.role))).collect();
        let second = agenda.iter().map(|(at, _)| *at).max().unwrap_or_default();
        agenda.extend(
            [Time::from_millis(20), Time::from_millis(300)]
                .map(|after| (second + after, Item::StrangersDial)),
        );
        agenda.push((second + LONG, Item::StrangersLeave));
        if scenario.proxy.is_some() {
            agenda.push((second + VERY_LONG, Item::ProxyLeaves));
        }
        match scenario.mishap {
            Some(Mishap::ServerCloses(at)) => agenda.push((at, Item::ServerCloses)),
            Some(Mishap::PeerDies(role, at)) => agenda.push((at, Item::Dies(role))),
            Some(Mishap::PeerVanishes(role, at)) => agenda.push((at, Item::Vanishes(role))),
            Some(Mishap::PeerReplaced(role, at)) => agenda.push((at, Item::Replaced(role))),
            _ => {}
        }
        agenda.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        let mut strangers: Vec<_> =
            scenario.strangers.iter().map(|spec| Stranger::new(scenario, *spec, &mut net)).collect();
        let server = match scenario.mishap {
            Some(Mishap::NoServer(says)) => {
                strangers.push(Stranger::at_server(scenario, says, &mut net));
                None
            }
            _ => Some(Server::new(scenario, epoch, &mut net)),
        };
        let proxy = scenario.proxy.map(|spec| Proxy::new(scenario, spec, &mut net));
        Self { scenario, net, epoch, server, proxy, clients: Vec::new(), strangers, agenda }
    }

    /// Lets the next thing happen. False: all has come to rest.
    fn step(&mut self) -> bool {
        while let Some((host, notice)) = self.net.notice() {
            self.noticed(host, &notice);
        }
        let planned = self.agenda.last().map(|(at, _)| *at);
        let deadlines = self.clients.iter().filter_map(|client| client.deadline(self.epoch));
        let due = deadlines.chain(self.server.as_ref().and_then(Server::deadline)).min();
        let Some(at) = [planned, due, self.net.next_at()].into_iter().flatten().min() else {
            return false;
        };
        if self.net.next_at() == Some(at) {
            self.net.step();
        } else if planned == Some(at) {
            self.net.wait_until(at);
            if let Some((_, item)) = self.agenda.pop() {
                self.happen(item);
            }
        } else {
            self.net.wait_until(at);
            self.time_passed();
        }
        true
    }

    fn noticed(&mut self, host: HostId, notice: &Notice) {
        if let Some(stranger) = self.strangers.iter_mut().find(|it| it.host() == host) {
            stranger.noticed(&mut self.net, notice);
        } else if let Some(proxy) = self.proxy.as_mut().filter(|it| it.host() == host) {
            proxy.noticed(&mut self.net, notice);
        } else if let Some(server) = self.server.as_mut().filter(|_| host == self.scenario.server) {
            server.noticed(&mut self.net, notice);
        } else {
            let mut here = self.clients.iter_mut().filter(|client| client.host() == host);
            here.any(|client| client.noticed(self.epoch, &mut self.net, notice));
        }
    }

    fn time_passed(&mut self) {
        self.clients.iter_mut().for_each(|client| client.time_passed(self.epoch, &mut self.net));
        if let Some(server) = &mut self.server {
            server.time_passed(&mut self.net);
        }
    }

    fn happen(&mut self, item: Item) {
        match item {
            Item::Comes(role) => self.come(role),
            Item::StrangersDial => {
                self.strangers.iter_mut().for_each(|stranger| stranger.dial(&mut self.net))
            }
            Item::StrangersLeave => {
                self.strangers.iter_mut().for_each(|stranger| stranger.leave(&mut self.net))
            }
            Item::ProxyLeaves => {
                if let Some(proxy) = &mut self.proxy {
                    proxy.leave(&mut self.net);
                }
            }
            Item::ServerCloses => {
                if let Some(server) = &mut self.server {
                    server.close(&mut self.net);
                }
            }
            Item::Dies(role) => {
                let gone = self.clients.iter_mut().filter(|client| client.role == role);
                gone.for_each(|client| client.die(&mut self.net));
            }
            Item::Vanishes(role) => {
                self.net.unplug(self.scenario.peer(role).host);
                let gone = self.clients.iter_mut().filter(|client| client.role == role);
                gone.for_each(|client| client.die(&mut self.net));
            }
            Item::Replaced(role) => {
                let mut peer = self.scenario.peer(role).clone();
                peer.port += 1_000;
                let net = &mut self.net;
                self.clients.push(Client::new(self.scenario, &peer, self.epoch, net, false));
            }
        }
    }

    fn come(&mut self, role: Role) {
        let silent = matches!(self.scenario.mishap, Some(Mishap::IdleTimeout(_)));
        let peer = self.scenario.peer(role);
        self.clients.push(Client::new(self.scenario, peer, self.epoch, &mut self.net, silent));
    }

    fn outcome(self, steps: u32) -> Outcome {
        let Self { scenario, net, server, clients, .. } = self;
        let mut leftovers: Vec<String> = clients
            .iter()
            .filter(|client| !client.is_done())
            .map(|client| format!("the {:?} client is not done", client.role))
            .collect();
        if server.as_ref().is_some_and(|server| !server.is_empty()) {
            leftovers.push("the server still has clients".to_owned());
        }
        for host in 0..scenario.topology.hosts.len() {
            let (open, lingering) = (net.stack(host).open(), net.stack(host).lingering());
            leftovers.extend(open.iter().chain(&lingering).map(|socket| format!("host {host}: {socket:?}")));
        }
        let of = |role: Role| clients.iter().filter(move |client| client.role == role);
        let said =
            [Role::Dial, Role::Accept].map(|role| of(role).map(|client| client.said.clone()).collect());
        let mut courses = [Course::default(), Course::default()];
        // The first of a role: a later one has taken its place on purpose.
        for client in clients.into_iter().rev() {
            courses[client.role as usize] = client.course;
        }
        let log = server.map(|server| server.log).unwrap_or_default();
        Outcome { courses, said, server: log, lost: net.lost(), steps, leftovers }
    }
}

/// Far more than any scenario takes.
const STEPS_MAX: u32 = 1_000_000;
/// After which strangers lose their patience.
const LONG: Time = Time::from_secs(60);
/// After which a proxy loses its own.
const VERY_LONG: Time = Time::from_secs(8_000);
