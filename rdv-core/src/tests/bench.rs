//! A driver for tests, with the network in the test's hands. All that is said is watched by a [`Contract`].

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::contract::{Contract, Meaning, Watched};
use crate::io::{ConnId, Input, Intent, Output};

pub(crate) trait Machine {
    type Event: Watched + fmt::Debug;

    fn input(&mut self, now: Instant, input: Input<'_>);
    fn timeout(&mut self, now: Instant);
    fn poll(&mut self) -> Output<Self::Event>;
}

pub(crate) struct Bench<M: Machine> {
    pub(crate) machine: M,
    pub(crate) now: Instant,
    pub(crate) wires: BTreeMap<ConnId, Wire>,
    /// Connections that are no longer the machine's.
    pub(crate) given: BTreeMap<ConnId, Wire>,
    /// Events that no test has looked at.
    pub(crate) events: Vec<M::Event>,
    /// The most bytes that one read brings.
    pub(crate) chop: usize,
    pub(crate) deadline: Option<Instant>,
    log: Vec<String>,
    /// Checks to be answered, and whether each is to stop the read.
    checks: Vec<(ConnId, bool)>,
    contract: Contract,
}

/// One connection, seen from the network.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) remote: SocketAddr,
    pub(crate) state: State,
    /// What the other side has sent and the machine has not read.
    pub(crate) incoming: Vec<u8>,
    /// What the machine has written.
    pub(crate) written: Vec<u8>,
    /// The most bytes that the read under way may take.
    pub(crate) reading: Option<usize>,
    /// Writes take until `release`.
    pub(crate) held: bool,
    /// Nothing is noticed but by a check, and that takes until `release` as well.
    pub(crate) lagging: bool,
    writing: bool,
    /// The other side has sent a FIN.
    fin: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Dialing,
    Open,
    /// Gone. The machine may close it, but need not.
    Failed,
    Closed,
    Reset,
}

#[expect(clippy::disallowed_methods, reason = "machines are told the time, and it must begin somewhere")]
pub(crate) fn beginning() -> Instant {
    Instant::now()
}

impl<M: Machine> Bench<M> {
    pub(crate) fn new(now: Instant, machine: M) -> Self {
        Self {
            machine,
            now,
            wires: BTreeMap::new(),
            given: BTreeMap::new(),
            events: Vec::new(),
            chop: usize::MAX,
            deadline: None,
            log: Vec::new(),
            checks: Vec::new(),
            contract: Contract::new(now),
        }
    }

    /// The machine has named a connection that came in.
    pub(crate) fn accepted(&mut self, conn: ConnId, remote: SocketAddr) {
        self.contract.accepted(conn);
        self.wires.insert(conn, Wire::new(remote, State::Open));
        self.settle();
    }

    pub(crate) fn connects(&mut self, conn: ConnId) {
        self.wire(conn).state = State::Open;
        self.input(Input::Connected(conn));
        self.settle();
    }

    /// Whatever is under way on the connection fails.
    pub(crate) fn fails(&mut self, conn: ConnId, kind: io::ErrorKind) {
        self.wire(conn).fail();
        self.checks.retain(|(check, _)| *check != conn);
        self.input(Input::Failed(conn, kind));
        self.settle();
    }

    pub(crate) fn says(&mut self, conn: ConnId, data: impl AsRef<[u8]>) {
        self.wire(conn).incoming.extend_from_slice(data.as_ref());
        self.settle();
    }

    /// The other side sends a FIN.
    pub(crate) fn fins(&mut self, conn: ConnId) {
        self.wire(conn).fin = true;
        self.settle();
    }

    pub(crate) fn holds(&mut self, conn: ConnId) {
        self.wire(conn).held = true;
    }

    /// What happens on the connection goes unnoticed but for a check, and that takes until `releases`.
    pub(crate) fn lags(&mut self, conn: ConnId) {
        self.wire(conn).lagging = true;
    }

    pub(crate) fn releases(&mut self, conn: ConnId) {
        let wire = self.wire(conn);
        (wire.held, wire.lagging) = (false, false);
        self.settle();
    }

    /// Lets time pass, with a timeout at every deadline on the way.
    pub(crate) fn advance(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..100_000 {
            match self.deadline.filter(|at| *at <= end) {
                Some(at) => self.now = at,
                None => {
                    self.now = end;
                    return self.settle();
                }
            }
            self.settle();
        }
        panic!("this many deadlines in {time:?} is a busy loop");
    }

    /// Lets `millis` pass.
    pub(crate) fn wait(&mut self, millis: u64) {
        self.advance(Duration::from_millis(millis));
    }

    /// What the machine did since the last call, reads apart.
    pub(crate) fn log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    pub(crate) fn wire(&mut self, conn: ConnId) -> &mut Wire {
        self.wires
            .get_mut(&conn)
            .unwrap_or_else(|| panic!("{conn:?} is unknown, or not the machine's any more"))
    }

    pub(crate) fn state(&self, conn: ConnId) -> State {
        self.wires[&conn].state
    }

    /// What the machine wrote on the connection.
    pub(crate) fn written(&self, conn: ConnId) -> &[u8] {
        &self
            .wires
            .get(&conn)
            .or(self.given.get(&conn))
            .unwrap_or_else(|| panic!("{conn:?} is unknown"))
            .written
    }

    /// Obeys the machine, answers it and tells it the time, until it waits for something that only the test
    /// can bring about.
    pub(crate) fn settle(&mut self) {
        // The test may have spoken to the machine itself.
        self.contract.called(self.now);
        loop {
            self.drain();
            if self.answer_one() {
                continue;
            }
            let due = self.deadline.is_some_and(|at| at <= self.now);
            self.contract.timeout(self.now);
            self.machine.timeout(self.now);
            if !due {
                return self.drain();
            }
        }
    }

    fn input(&mut self, input: Input<'_>) {
        self.contract.input(self.now, &input);
        self.machine.input(self.now, input);
    }

    fn poll(&mut self) -> Output<M::Event> {
        let output = self.machine.poll();
        self.contract.output(&output);
        output
    }

    fn drain(&mut self) {
        loop {
            match self.poll() {
                Output::Intent(intent) => self.obey(intent),
                Output::Event(event) => self.take(event),
                Output::Wait(deadline) => {
                    self.deadline = deadline;
                    // Nothing was fed, so this brings nothing: the contract sees to it.
                    drop(self.poll());
                    return;
                }
            }
        }
    }

    fn obey(&mut self, intent: Intent) {
        if !matches!(intent, Intent::Read { .. }) {
            self.log.push(told(&intent));
        }
        match intent {
            Intent::Connect { conn, remote, .. } => {
                self.wires.insert(conn, Wire::new(remote, State::Dialing));
            }
            Intent::Secure { conn, .. } => self.wire(conn).state = State::Dialing,
            Intent::Read { conn, max } => self.wire(conn).reading = Some(max.get()),
            Intent::Write { conn, data } => {
                let wire = self.wire(conn);
                wire.writing = true;
                wire.written.extend_from_slice(&data);
            }
            Intent::Check { conn } => self.checks.push((conn, false)),
            Intent::StopRead { conn } => self.checks.push((conn, true)),
            Intent::Shutdown { .. } => {}
            Intent::Close { conn } => self.close(conn, State::Closed),
            Intent::Reset { conn } => self.close(conn, State::Reset),
        }
    }

    /// Closes, and lets every answer arrive that may have been on its way: the machine is to ignore them.
    fn close(&mut self, conn: ConnId, state: State) {
        let wire = self.wire(conn);
        let was = std::mem::replace(&mut wire.state, state);
        let (reading, writing) = (wire.reading.take().is_some(), std::mem::take(&mut wire.writing));
        let checks = self.checks.len();
        self.checks.retain(|(check, _)| *check != conn);
        let checking = self.checks.len() < checks;
        if was == State::Dialing {
            self.input(Input::Connected(conn));
        }
        if reading {
            self.input(Input::Read(conn, b"late"));
        }
        if writing {
            self.input(Input::Wrote(conn));
        }
        if checking {
            self.input(Input::Quiet(conn));
        }
    }

    fn take(&mut self, event: M::Event) {
        match event.meaning() {
            Meaning::Selected(conn) => self.give(conn),
            Meaning::HandedOver(conns) => conns.into_iter().for_each(|conn| self.give(conn)),
            Meaning::News | Meaning::Ended | Meaning::Spliced(_) => {}
        }
        self.events.push(event);
    }

    fn give(&mut self, conn: ConnId) {
        self.given.extend(self.wires.remove_entry(&conn));
    }

    /// Answers one intent, if any can be answered.
    fn answer_one(&mut self) -> bool {
        let answerable = |wire: &Wire| wire.state == State::Open;
        let written = |(conn, wire): (&ConnId, &Wire)| {
            (answerable(wire) && wire.writing && !wire.held).then_some(*conn)
        };
        if let Some(conn) = self.wires.iter().find_map(written) {
            self.wire(conn).writing = false;
            self.input(Input::Wrote(conn));
            return true;
        }
        let lagging = |conn: &ConnId| self.wires.get(conn).is_some_and(|wire| wire.lagging);
        let checked =
            self.checks.iter().position(|(conn, _)| !lagging(conn)).map(|at| self.checks.remove(at));
        let readable = |wire: &Wire| wire.reading.is_some() && (!wire.incoming.is_empty() || wire.fin);
        if let Some((conn, stop)) = checked.filter(|(conn, _)| !readable(self.wire(*conn))) {
            let reading = &mut self.wire(conn).reading;
            *reading = reading.filter(|_| !stop);
            self.input(Input::Quiet(conn));
            return true;
        }
        let noticed = |(conn, wire): (&ConnId, &Wire)| {
            (answerable(wire) && readable(wire) && !wire.lagging).then_some(*conn)
        };
        let Some(conn) = checked.map(|(conn, _)| conn).or_else(|| self.wires.iter().find_map(noticed)) else {
            return false;
        };
        let chop = self.chop;
        let wire = self.wire(conn);
        let max = wire.reading.take().unwrap_or(0);
        let len = wire.incoming.len().min(max).min(chop);
        let data: Bytes = wire.incoming.drain(..len).collect();
        self.input(Input::Read(conn, &data));
        true
    }

    /// Takes on a connection that another machine has handed over.
    pub(crate) fn adopt(&mut self, conn: ConnId, wire: Wire) {
        self.contract.adopt(conn, wire.reading.is_some());
        self.wires.insert(conn, wire);
    }
}

impl Wire {
    fn new(remote: SocketAddr, state: State) -> Self {
        Self {
            remote,
            state,
            incoming: Vec::new(),
            written: Vec::new(),
            reading: None,
            held: false,
            lagging: false,
            writing: false,
            fin: false,
        }
    }

    fn fail(&mut self) {
        self.state = State::Failed;
        self.reading = None;
        self.writing = false;
    }
}

/// One line for an intent; of what is written, the first line.
fn told(intent: &Intent) -> String {
    match intent {
        Intent::Connect { conn, remote, .. } => format!("connect {conn:?} {remote}"),
        Intent::Secure { conn, .. } => format!("secure {conn:?}"),
        Intent::Read { conn, max } => format!("read {conn:?} {max}"),
        Intent::Write { conn, data } => {
            let text = String::from_utf8_lossy(data);
            format!("write {conn:?} {}", text.lines().next().unwrap_or_default())
        }
        Intent::Check { conn } => format!("check {conn:?}"),
        Intent::StopRead { conn } => format!("stop {conn:?}"),
        Intent::Shutdown { conn } => format!("shut {conn:?}"),
        Intent::Close { conn } => format!("close {conn:?}"),
        Intent::Reset { conn } => format!("reset {conn:?}"),
    }
}
