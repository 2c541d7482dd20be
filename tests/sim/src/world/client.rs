//! A peer: its attempt, and then what it has to say to the other.

use std::time::{Duration, Instant};

use bytes::Bytes;
use rdv_core::Contract;
use rdv_core::{Attempt, Config, ConnectError, Connector, Event, Output, Role, Route, Selected};

use super::driver::{Driver, Sockets};
use crate::net::tcp::{Notice, Read, SocketId};
use crate::net::{Internet, Time};
use crate::scenario::{Peer, Scenario, TOKEN};

pub(super) struct Client {
    pub(super) role: Role,
    port: u16,
    driver: Driver,
    stage: Stage,
    /// What it will say to its peer, and whether it says nothing through a relay.
    speech: Bytes,
    silent: bool,
    pub(super) said: Bytes,
    pub(super) course: Course,
}

enum Stage {
    Attempting { connector: Box<Connector>, contract: Contract, deadline: Option<Instant> },
    Talking { socket: SocketId },
    Done,
}

/// What became of a client.
#[derive(Debug, Default)]
pub struct Course {
    /// When its attempt began.
    pub began: Time,
    /// The attempt's end: which route, or why none.
    pub outcome: Option<Result<Route, ConnectError>>,
    /// When the attempt ended.
    pub ended: Option<Time>,
    /// When it learned of the match.
    pub matched: Option<Time>,
    /// What it heard from its peer.
    pub heard: Vec<u8>,
    /// Whether the peer's stream came to its end.
    pub complete: bool,
    /// How often it dialled its peer.
    pub dials: u32,
    /// Sockets that were open at a time during the attempt.
    pub sockets: Sockets,
    /// Those that were open at the instant after its end, beside the one that was selected.
    pub left: Sockets,
}

impl Client {
    pub(super) fn new(
        scenario: &Scenario,
        peer: &Peer,
        epoch: Instant,
        net: &mut Internet<'_>,
        silent: bool,
    ) -> Self {
        let mut rng = fastrand::Rng::with_seed(scenario.seed ^ peer.role as u64);
        let mut config = Config::default();
        config.spaces = peer.spaces;
        config.picker = peer.choice.picker();
        config.timeout = peer.timeout;
        config.second_opinion = peer.second_opinion;
        let proxy = scenario.proxy_of(peer.role);
        config.proxy = proxy.map(|proxy| {
            let scheme = if proxy.socks { "socks5" } else { "http" };
            let credentials = if proxy.locked { "me:secret@" } else { "" };
            let url = format!("{scheme}://{credentials}proxy.example");
            url.parse().unwrap_or_else(|err| panic!("{url}: {err}"))
        });
        // Only behind a proxy is TLS something that a machine sees.
        let url =
            if proxy.is_some_and(|proxy| proxy.tls) { "https://rdv.example" } else { "http://rdv.example" };
        let attempt = Attempt {
            role: peer.role,
            url: url.parse().unwrap_or_else(|err| panic!("{err}")),
            token: TOKEN.parse().unwrap_or_else(|err| panic!("{err}")),
            server_addrs: scenario.first_hops(peer.role),
            self_addrs: scenario.self_addrs(peer.role),
            seed: rng.u64(..),
        };
        let now = epoch + net.now();
        let connector = Box::new(Connector::new(now, now, &attempt, config));
        let length = rng.usize(..3000);
        let speech: Bytes = std::iter::repeat_with(|| rng.u8(..)).take(length).collect();
        net.listen(peer.host, peer.port);
        let mut client = Self {
            role: peer.role,
            port: peer.port,
            driver: Driver::new(peer.host, peer.port, rng.u64(..), scenario.slow).by(peer.rules),
            stage: Stage::Attempting { connector, contract: Contract::new(now), deadline: None },
            speech,
            silent,
            said: Bytes::new(),
            course: Course { began: net.now(), ..Course::default() },
        };
        client.drain(epoch, net);
        client
    }

    pub(super) fn host(&self) -> usize {
        self.driver.host
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }

    pub(super) fn deadline(&self, epoch: Instant) -> Option<Time> {
        let deadline = match &self.stage {
            Stage::Attempting { deadline, .. } => deadline.map(|at| at.saturating_duration_since(epoch)),
            Stage::Talking { .. } | Stage::Done => None,
        };
        deadline.into_iter().chain(self.driver.deadline()).min()
    }

    /// Takes what happened on its host. False: it is not about this client.
    pub(super) fn noticed(&mut self, epoch: Instant, net: &mut Internet<'_>, notice: &Notice) -> bool {
        if let Notice::Accepted { socket, local, remote } = notice {
            if local.port() != self.port {
                return false;
            }
            match &mut self.stage {
                Stage::Attempting { connector, contract, .. } => {
                    let conn = connector.handle_accept(epoch + net.now(), *remote);
                    contract.accepted(conn);
                    self.driver.accepted(conn, *socket, *remote);
                }
                Stage::Talking { .. } | Stage::Done => net.close(self.driver.host, *socket),
            }
            self.drain(epoch, net);
            return true;
        }
        if let (Stage::Talking { socket }, Notice::Readable(it) | Notice::Failed(it, _)) =
            (&self.stage, notice)
            && socket == it
        {
            self.listen(net);
            return true;
        }
        let mine = self.driver.noticed(net, notice);
        if mine {
            self.drain(epoch, net);
        }
        mine
    }

    pub(super) fn time_passed(&mut self, epoch: Instant, net: &mut Internet<'_>) {
        let now = epoch + net.now();
        // What has happened is told before the time is, as in the adapters.
        self.driver.time_passed(net);
        self.drain(epoch, net);
        if let Stage::Attempting { connector, contract, deadline } = &mut self.stage
            && deadline.is_some_and(|at| at <= now)
        {
            contract.timeout(now);
            connector.handle_timeout(now);
            self.drain(epoch, net);
        }
    }

    /// The process ends.
    pub(super) fn die(&mut self, net: &mut Internet<'_>) {
        self.driver.close_all(net);
        net.unlisten(self.driver.host, self.port);
        if let Stage::Talking { socket } = std::mem::replace(&mut self.stage, Stage::Done) {
            net.close(self.driver.host, socket);
        }
    }

    /// Obeys the machine and answers it, until it waits.
    fn drain(&mut self, epoch: Instant, net: &mut Internet<'_>) {
        loop {
            let Stage::Attempting { connector, contract, deadline } = &mut self.stage else {
                return;
            };
            let output = connector.poll_output();
            contract.output(&output);
            match output {
                Output::Intent(intent) => self.driver.obey(net, intent),
                Output::Event(event) => {
                    let left: Vec<_> = contract.open().collect();
                    assert!(left.is_empty(), "{:?}: left open at the end: {left:?}", self.role);
                    self.attempt_ended(epoch, net, event);
                }
                Output::Wait(at) => {
                    contract.output(&connector.poll_output());
                    *deadline = at;
                    let Some(answer) = self.driver.answer() else {
                        return;
                    };
                    let now = epoch + net.now();
                    contract.input(now, &answer.input());
                    connector.handle_input(now, answer.input());
                }
            }
        }
    }

    fn attempt_ended(&mut self, epoch: Instant, net: &mut Internet<'_>, event: Event) {
        net.unlisten(self.driver.host, self.port);
        self.course.ended = Some(net.now());
        self.stage = Stage::Done;
        let (outcome, report) = match event {
            Event::Selected(selected) => {
                let Selected { conn, route, report, .. } = *selected;
                let socket = self.driver.release(conn).unwrap_or_else(|| panic!("{conn:?} is unknown"));
                if route == Route::Direct || !self.silent {
                    self.said = self.speech.clone();
                    net.write(self.driver.host, socket, self.speech.clone());
                    net.shutdown(self.driver.host, socket);
                }
                self.stage = Stage::Talking { socket };
                self.listen(net);
                (Ok(route), report)
            }
            Event::Failed(failure) => (Err(failure.error), failure.report),
            event => panic!("unknown event {event:?}"),
        };
        self.course.outcome = Some(outcome);
        (self.course.sockets, self.course.left) = (self.driver.sockets, self.driver.open());
        self.course.matched = report.matched.map(|at| at - epoch);
        self.course.dials = report.candidates.iter().map(|candidate| candidate.dials).sum();
    }

    fn listen(&mut self, net: &mut Internet<'_>) {
        let Stage::Talking { socket } = &mut self.stage else {
            return;
        };
        loop {
            match net.read(self.driver.host, *socket, usize::MAX) {
                Read::Data(data) => self.course.heard.extend(data),
                end @ (Read::Eof | Read::Failed(_)) => {
                    self.course.complete = end == Read::Eof;
                    net.close(self.driver.host, *socket);
                    self.stage = Stage::Done;
                    return;
                }
                Read::Nothing => return,
            }
        }
    }
}

impl Course {
    /// How long the attempt took.
    pub fn duration(&self) -> Option<Duration> {
        Some(self.ended? - self.began)
    }
}
