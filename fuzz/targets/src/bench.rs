//! A driver whose network is in the script's hands.
//!
//! It answers what a machine asks for as soon as there is an answer, and knows of each connection what is under way.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use rdv_core::{
    ConnId, Connector, Contract, Event, Input, Intent, Lobby, LobbyEvent, Meaning, Output, Relay, RelayEvent,
    Watched,
};

use crate::script::{Deed, LateAnswer};

/// What all machines have in common.
pub(crate) trait Machine {
    type Event: fmt::Debug + Watched;

    fn input(&mut self, now: Instant, input: Input<'_>);
    fn timeout(&mut self, now: Instant);
    fn poll(&mut self) -> Output<Self::Event>;
}

pub(crate) struct Bench<M: Machine> {
    pub(crate) machine: M,
    pub(crate) now: Instant,
    pub(crate) contract: Contract,
    /// The machine's connections, but for those that it has closed and those that failed.
    pub(crate) wires: BTreeMap<ConnId, Wire>,
    /// Those that it has given away.
    pub(crate) given: BTreeMap<ConnId, Wire>,
    /// Events that were not looked at yet.
    pub(crate) events: Vec<M::Event>,
    /// Until when the machine waits.
    pub(crate) deadline: Option<Instant>,
    closed: Vec<ConnId>,
    /// The most bytes that one read brings.
    chop: usize,
    /// Whether several inputs are fed at a time.
    hasty: bool,
}

/// One connection, seen from the network.
#[derive(Debug)]
pub(crate) struct Wire {
    /// All that the other side has sent, and how much of it was read.
    pub(crate) said: Vec<u8>,
    pub(crate) read: usize,
    /// The other side has sent a FIN.
    pub(crate) fin: bool,
    /// The most bytes that the read under way may take.
    reading: Option<usize>,
    writing: bool,
    dialing: bool,
    /// The read is to be checked; `true`: and stopped.
    check: Option<bool>,
    stalled: bool,
    spliced: bool,
}

impl<M: Machine> Bench<M> {
    pub(crate) fn new(now: Instant, machine: M) -> Self {
        Self {
            machine,
            now,
            contract: Contract::new(now),
            wires: BTreeMap::new(),
            given: BTreeMap::new(),
            events: Vec::new(),
            deadline: None,
            closed: Vec::new(),
            chop: usize::MAX,
            hasty: false,
        }
    }

    /// The machine has named a connection that came in.
    pub(crate) fn accepted(&mut self, conn: ConnId) {
        self.contract.accepted(conn);
        self.wires.insert(conn, Wire::new(false));
    }

    /// The machine begins with a connection, and perhaps with a read of one byte that is under way.
    pub(crate) fn adopt(&mut self, conn: ConnId, reading: bool) {
        self.contract.adopt(conn, reading);
        self.wires.insert(conn, Wire { reading: reading.then_some(1), ..Wire::new(false) });
    }

    pub(crate) fn act(&mut self, deed: &Deed) {
        match *deed {
            Deed::Says(at, ref text) => self.at(at, |wire| {
                let more = if wire.fin { Vec::new() } else { text.bytes() };
                wire.said.extend(more);
            }),
            Deed::Fins(at) => self.at(at, |wire| wire.fin |= !wire.dialing),
            Deed::Stalls(at) => self.at(at, |wire| wire.stalled = true),
            Deed::Resumes(at) => self.at(at, |wire| wire.stalled = false),
            Deed::Connects(at) => {
                if let Some(conn) = self.nth(at, |wire| wire.dialing) {
                    self.wires.entry(conn).and_modify(|wire| wire.dialing = false);
                    self.input(Input::Connected(conn));
                }
            }
            Deed::Fails(at, fault) => {
                if let Some(conn) = self.nth(at, Wire::is_busy) {
                    self.wires.remove(&conn);
                    self.input(Input::Failed(conn, fault.kind()));
                }
            }
            Deed::Late(at, answer) => self.late(at, answer),
            Deed::Passes(millis) => self.pass(Duration::from_millis(millis.into())),
            Deed::Due => {
                if let Some(deadline) = self.deadline {
                    self.pass(deadline - self.now);
                }
            }
            Deed::Chops(len) => self.chop = usize::from(len).max(1),
            Deed::Hastens(hasty) => self.hasty = hasty,
        }
        self.settle();
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..DEADLINES_MAX {
            self.settle();
            match self.deadline.filter(|deadline| *deadline <= end) {
                Some(deadline) => self.now = deadline,
                None => {
                    self.now = end;
                    return;
                }
            }
        }
        panic!("so many deadlines in {time:?} are a busy loop");
    }

    /// Obeys, answers and tells the time, until the machine waits for something that the script alone can bring.
    pub(crate) fn settle(&mut self) {
        loop {
            self.drain();
            if self.answer_one() {
                while self.hasty && self.answer_one() {}
                continue;
            }
            let due = self.deadline.is_some_and(|deadline| deadline <= self.now);
            self.contract.timeout(self.now);
            self.machine.timeout(self.now);
            self.drain();
            if !due {
                return;
            }
        }
    }

    /// Hears what the machine wants, and answers none of it.
    pub(crate) fn drain(&mut self) {
        loop {
            let output = self.machine.poll();
            self.contract.output(&output);
            match output {
                Output::Intent(intent) => self.obey(intent),
                Output::Event(event) => {
                    self.take(event.meaning());
                    self.events.push(event);
                }
                Output::Wait(deadline) => {
                    self.deadline = deadline;
                    return;
                }
            }
        }
    }

    fn obey(&mut self, intent: Intent) {
        if let Intent::Connect { conn, .. } = intent {
            self.wires.insert(conn, Wire::new(true));
            return;
        }
        let (Intent::Connect { conn, .. }
        | Intent::Secure { conn, .. }
        | Intent::Read { conn, .. }
        | Intent::Write { conn, .. }
        | Intent::Check { conn }
        | Intent::StopRead { conn }
        | Intent::Shutdown { conn }
        | Intent::Close { conn }
        | Intent::Reset { conn }) = intent;
        // If there is none, it has failed meanwhile.
        let Some(wire) = self.wires.get_mut(&conn) else {
            return;
        };
        match intent {
            Intent::Secure { .. } => wire.dialing = true,
            Intent::Read { max, .. } => wire.reading = Some(max.get()),
            Intent::Write { .. } => wire.writing = true,
            Intent::Check { .. } => wire.check = wire.reading.map(|_| false),
            Intent::StopRead { .. } => wire.check = wire.reading.map(|_| true),
            Intent::Close { .. } | Intent::Reset { .. } => {
                self.wires.remove(&conn);
                self.closed.push(conn);
            }
            Intent::Connect { .. } | Intent::Shutdown { .. } => {}
        }
    }

    fn take(&mut self, meaning: Meaning) {
        let given = match meaning {
            Meaning::Selected(conn) => vec![conn],
            Meaning::HandedOver(conns) => conns.to_vec(),
            Meaning::Spliced(conns) => {
                let spliced = self.wires.iter_mut().filter(|(conn, _)| conns.contains(conn));
                spliced.for_each(|(_, wire)| wire.spliced = true);
                return;
            }
            Meaning::News | Meaning::Ended => return,
        };
        for conn in given {
            self.given.extend(self.wires.remove(&conn).map(|wire| (conn, wire)));
        }
    }

    /// Answers one intent, if there is an answer to any.
    fn answer_one(&mut self) -> bool {
        let answerable =
            |wire: &Wire| !wire.stalled && (wire.writing || wire.check.is_some() || wire.is_readable());
        let Some((conn, wire)) = self.wires.iter_mut().find(|(_, wire)| answerable(wire)) else {
            return false;
        };
        let conn = *conn;
        let input = if wire.writing {
            wire.writing = false;
            Input::Wrote(conn)
        } else if wire.is_readable() {
            wire.check = None;
            let max = wire.reading.take().unwrap_or(0);
            let from = wire.read;
            wire.read = wire.said.len().min(from + max.min(self.chop));
            Input::Read(conn, &wire.said[from..wire.read])
        } else {
            let stopped = wire.check.take() == Some(true);
            wire.reading = wire.reading.filter(|_| !stopped);
            Input::Quiet(conn)
        };
        self.contract.input(self.now, &input);
        self.machine.input(self.now, input);
        true
    }

    /// The machine has closed the connection: it is to ignore this.
    fn late(&mut self, at: u8, answer: LateAnswer) {
        let Some(conn) = self.closed.get(usize::from(at) % self.closed.len().max(1)).copied() else {
            return;
        };
        self.input(match answer {
            LateAnswer::Connected => Input::Connected(conn),
            LateAnswer::Read => Input::Read(conn, b"late"),
            LateAnswer::Eof => Input::Read(conn, b""),
            LateAnswer::Wrote => Input::Wrote(conn),
            LateAnswer::Quiet => Input::Quiet(conn),
            LateAnswer::Failed(fault) => Input::Failed(conn, fault.kind()),
        });
    }

    fn input(&mut self, input: Input<'_>) {
        self.contract.input(self.now, &input);
        self.machine.input(self.now, input);
    }

    fn at(&mut self, at: u8, deed: impl FnMut(&mut Wire)) {
        if let Some(conn) = self.nth(at, |wire| !wire.spliced) {
            self.wires.get_mut(&conn).into_iter().for_each(deed);
        }
    }

    fn nth(&self, at: u8, fits: impl Fn(&Wire) -> bool) -> Option<ConnId> {
        let fitting = || self.wires.iter().filter(|(_, wire)| fits(wire)).map(|(conn, _)| *conn);
        fitting().nth(usize::from(at) % fitting().count().max(1))
    }
}

impl Wire {
    fn new(dialing: bool) -> Self {
        Self {
            said: Vec::new(),
            read: 0,
            fin: false,
            reading: None,
            writing: false,
            dialing,
            check: None,
            stalled: false,
            spliced: false,
        }
    }

    fn is_busy(&self) -> bool {
        self.dialing || self.reading.is_some() || self.writing
    }

    fn is_readable(&self) -> bool {
        self.reading.is_some() && (self.read < self.said.len() || self.fin)
    }
}

/// The three methods have the same names everywhere.
macro_rules! machine {
    ($machine:ty, $event:ty) => {
        impl Machine for $machine {
            type Event = $event;

            fn input(&mut self, now: Instant, input: Input<'_>) {
                self.handle_input(now, input);
            }

            fn timeout(&mut self, now: Instant) {
                self.handle_timeout(now);
            }

            fn poll(&mut self) -> Output<$event> {
                self.poll_output()
            }
        }
    };
}

machine!(Connector, Event);
machine!(Lobby, LobbyEvent);
machine!(Relay, RelayEvent);

/// In the time that one operation takes.
const DEADLINES_MAX: usize = 10_000;
