//! The server: its lobby, its pairs, and their bytes.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;
use rdv_core::Contract;
use rdv_core::http::StatusCode;
use rdv_core::{
    ConnId, DataEnd, Lobby, LobbyConfig, LobbyEvent, Matched, Output, Reason, Reject, Relay, RelayEnd,
    RelayEvent, Splice, Traffic,
};

use super::driver::{Answer, Driver};
use crate::net::tcp::{Notice, Read, SocketId};
use crate::net::{HostId, Internet, Time};
use crate::scenario::{Mishap, SERVER_PORT, Scenario};

pub(super) struct Server {
    epoch: Instant,
    /// Whether it sends every pair away.
    rejects: bool,
    lobby: Lobby,
    contract: Contract,
    driver: Driver,
    pairs: Vec<Pair>,
    /// Which pair a connection belongs to; all others are the lobby's.
    paired: BTreeMap<ConnId, usize>,
    /// Connections whose bytes are copied.
    copied: BTreeMap<SocketId, usize>,
    deadline: Option<Instant>,
    pub(super) log: ServerLog,
}

/// What became of those who came.
#[derive(Debug, Default)]
pub struct ServerLog {
    /// How each pair ended.
    pub pairs: Vec<RelayEnd>,
    /// Why clients left without the peer for whom they came.
    pub left: Vec<Reason>,
}

struct Pair {
    relay: Relay,
    contract: Contract,
    deadline: Option<Instant>,
    copy: Option<Copy>,
    finished: bool,
}

/// The data path of a pair: from the dialer to the accepter, and back.
struct Copy {
    ways: [Way; 2],
}

struct Way {
    from: (ConnId, SocketId),
    to: SocketId,
    count: u64,
    ended: bool,
}

impl Server {
    pub(super) fn new(scenario: &Scenario, epoch: Instant, net: &mut Internet<'_>) -> Self {
        let mut config = LobbyConfig::default();
        match scenario.mishap {
            Some(Mishap::LobbyTimeout(time)) => config.lobby_timeout = Some(time),
            Some(Mishap::IdleTimeout(time)) => config.idle_timeout = Some(time),
            Some(Mishap::ServerFull) => config.max_waiting = 0,
            _ => {}
        }
        net.listen(scenario.server, SERVER_PORT);
        Self {
            epoch,
            lobby: Lobby::new(config),
            contract: Contract::new(epoch),
            driver: Driver::new(scenario.server, SERVER_PORT, scenario.seed, scenario.slow),
            rejects: scenario.mishap == Some(Mishap::PairRejected),
            pairs: Vec::new(),
            paired: BTreeMap::new(),
            copied: BTreeMap::new(),
            deadline: None,
            log: ServerLog::default(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lobby.is_empty() && self.pairs.iter().all(|pair| pair.finished)
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        let pairs = self.pairs.iter().filter_map(|pair| pair.deadline);
        let machines = pairs.chain(self.deadline).map(|at| at.saturating_duration_since(self.epoch));
        machines.chain(self.driver.deadline()).min()
    }

    pub(super) fn noticed(&mut self, net: &mut Internet<'_>, notice: &Notice) {
        let now = self.epoch + net.now();
        match notice {
            Notice::Accepted { socket, remote, .. } => {
                let conn = self.lobby.handle_accept(now, *remote);
                self.contract.accepted(conn);
                self.driver.accepted(conn, *socket, *remote);
            }
            Notice::Readable(socket) | Notice::Failed(socket, _) if self.copied.contains_key(socket) => {
                self.copy(now, net, self.copied[socket]);
            }
            Notice::Connected(_) | Notice::Readable(_) | Notice::Failed(..) => {
                self.driver.noticed(net, notice);
            }
        }
        self.run(now, net);
    }

    pub(super) fn time_passed(&mut self, net: &mut Internet<'_>) {
        let now = self.epoch + net.now();
        // What has happened is told before the time is, as in the adapters.
        self.driver.time_passed(net);
        self.run(now, net);
        let due = |deadline: Option<Instant>| deadline.is_some_and(|at| at <= now);
        if due(self.deadline) {
            self.contract.timeout(now);
            self.lobby.handle_timeout(now);
        }
        for pair in self.pairs.iter_mut().filter(|pair| due(pair.deadline)) {
            if let Some(copy) = &pair.copy {
                pair.contract.called(now);
                pair.relay.handle_traffic(now, copy.traffic());
            }
            pair.contract.timeout(now);
            pair.relay.handle_timeout(now);
        }
        self.run(now, net);
    }

    pub(super) fn close(&mut self, net: &mut Internet<'_>) {
        let now = self.epoch + net.now();
        self.contract.called(now);
        self.lobby.close(now);
        for pair in &mut self.pairs {
            pair.contract.called(now);
            pair.relay.close(now);
        }
        self.run(now, net);
    }

    /// Drains all machines and answers them, until they wait.
    fn run(&mut self, now: Instant, net: &mut Internet<'_>) {
        loop {
            self.drain_lobby(now, net);
            (0..self.pairs.len()).for_each(|at| self.drain_pair(now, net, at));
            let Some(answer) = self.driver.answer() else {
                return;
            };
            self.feed(now, &answer);
        }
    }

    fn feed(&mut self, now: Instant, answer: &Answer) {
        let input = answer.input();
        match self.paired.get(&input.conn()) {
            Some(at) => {
                let pair = &mut self.pairs[*at];
                pair.contract.input(now, &input);
                pair.relay.handle_input(now, input);
            }
            None => {
                self.contract.input(now, &input);
                self.lobby.handle_input(now, input);
            }
        }
    }

    fn drain_lobby(&mut self, now: Instant, net: &mut Internet<'_>) {
        loop {
            let output = self.lobby.poll_output();
            self.contract.output(&output);
            match output {
                Output::Intent(intent) => self.driver.obey(net, intent),
                Output::Event(LobbyEvent::Matched(matched)) => self.pair(now, *matched),
                // It has not come for a peer.
                Output::Event(LobbyEvent::Left { reason: Reason::Observed, .. }) => {}
                Output::Event(LobbyEvent::Left { reason, .. }) => self.log.left.push(reason),
                Output::Event(event) => panic!("unknown event {event:?}"),
                Output::Wait(deadline) => {
                    self.contract.output(&self.lobby.poll_output());
                    self.deadline = deadline;
                    return;
                }
            }
        }
    }

    fn pair(&mut self, now: Instant, matched: Matched) {
        let Matched { mut relay, dialer, accepter, .. } = matched;
        let mut contract = Contract::new(now);
        for conn in [dialer, accepter] {
            contract.adopt(conn, self.contract.is_reading(conn));
            self.paired.insert(conn, self.pairs.len());
        }
        if self.rejects {
            contract.called(now);
            relay.reject(now, &Reject::Application(StatusCode::FORBIDDEN, "not you two".into()));
        }
        self.pairs.push(Pair { relay, contract, deadline: None, copy: None, finished: false });
    }

    fn drain_pair(&mut self, now: Instant, net: &mut Internet<'_>, at: usize) {
        loop {
            let pair = &mut self.pairs[at];
            let output = pair.relay.poll_output();
            pair.contract.output(&output);
            match output {
                Output::Intent(intent) => self.driver.obey(net, intent),
                Output::Event(RelayEvent::Splice(splice)) => self.start_copy(now, net, at, &splice),
                Output::Event(RelayEvent::Finished(report)) => {
                    self.log.pairs.push(report.end);
                    pair.finished = true;
                    self.copied.retain(|_, pair| *pair != at);
                }
                Output::Event(event) => panic!("unknown event {event:?}"),
                Output::Wait(deadline) => {
                    pair.contract.output(&pair.relay.poll_output());
                    pair.deadline = deadline;
                    return;
                }
            }
        }
    }

    fn start_copy(&mut self, now: Instant, net: &mut Internet<'_>, at: usize, splice: &Splice) {
        let (Some(dialer), Some(accepter)) =
            (self.driver.socket(splice.dialer), self.driver.socket(splice.accepter))
        else {
            panic!("a splice of unknown connections: {splice:?}");
        };
        let way = |from, to| Way { from, to, count: 0, ended: false };
        let mut ways = [way((splice.dialer, dialer), accepter), way((splice.accepter, accepter), dialer)];
        ways[0].pass_on(net, self.driver.host, splice.behind_command.clone());
        ways[1].pass_on(net, self.driver.host, splice.early.data.clone());
        if splice.early.eof {
            ways[1].end(net, self.driver.host);
        }
        self.pairs[at].copy = Some(Copy { ways });
        self.copied.extend([(dialer, at), (accepter, at)]);
        self.copy(now, net, at);
    }

    fn copy(&mut self, now: Instant, net: &mut Internet<'_>, at: usize) {
        let pair = &mut self.pairs[at];
        let Some(copy) = &mut pair.copy else {
            return;
        };
        for way in &mut copy.ways {
            while !way.ended {
                match net.read(self.driver.host, way.from.1, usize::MAX) {
                    Read::Data(data) => way.pass_on(net, self.driver.host, data.into()),
                    Read::Eof => way.end(net, self.driver.host),
                    Read::Failed(kind) => {
                        let end = DataEnd::Broken(way.from.0, kind);
                        pair.contract.called(now);
                        return pair.relay.handle_end(now, copy.traffic(), end);
                    }
                    Read::Nothing => break,
                }
            }
        }
        if copy.ways.iter().all(|way| way.ended) {
            pair.contract.called(now);
            pair.relay.handle_end(now, copy.traffic(), DataEnd::Complete);
        }
    }
}

impl Copy {
    fn traffic(&self) -> Traffic {
        Traffic { to_accepter: self.ways[0].count, to_dialer: self.ways[1].count }
    }
}

impl Way {
    fn pass_on(&mut self, net: &mut Internet<'_>, host: HostId, data: Bytes) {
        self.count += data.len() as u64;
        net.write(host, self.to, data);
    }

    fn end(&mut self, net: &mut Internet<'_>, host: HostId) {
        self.ended = true;
        net.shutdown(host, self.to);
    }
}
