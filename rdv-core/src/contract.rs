//! The driver's contract as a checker. It knows no socket: it hears all that one machine and its driver say to
//! each other, and panics at the first breach.

mod meaning;
#[cfg(any(feature = "watch", test))]
mod watch;

use std::collections::BTreeMap;
use std::time::Instant;

use crate::io::{ConnId, Input, Intent, Output};

pub use meaning::{Meaning, Watched};
#[cfg(all(feature = "watch", not(test)))]
pub(crate) use watch::Watch;

/// Watches the conversation of one machine with its driver, and panics at the first breach of [the driver's
/// contract](crate#the-drivers-contract) with a message that names it. For tests of machines and of drivers; with
/// the feature `contract`.
///
/// Tell it of everything, in order: of what is fed just before it is fed, of outputs just after they are polled. A
/// machine is drained at [`Output::Wait`]; who polls once more then has it checked that nothing follows.
#[derive(Debug)]
pub struct Contract {
    now: Instant,
    /// The `now` of the last timeout.
    timed: Option<Instant>,
    expected: Expected,
    /// Of the last wait.
    deadline: Option<Instant>,
    ended: bool,
    /// The connections that are the machine's.
    conns: BTreeMap<ConnId, Conn>,
    /// Those that were.
    past: BTreeMap<ConnId, Past>,
    /// The highest id that was known at the last wait.
    settled: u64,
    /// How often the machine has waited.
    waits: u64,
    /// What may still be said before the next wait.
    outputs_left: usize,
}

/// What the machine is to say next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Anything,
    /// Nothing, for it was told nothing that mattered.
    Wait,
    /// The same again, for it was told nothing.
    SameWait,
}

#[derive(Debug)]
struct Conn {
    stage: Stage,
    /// The most bytes that the read under way may bring.
    read: Option<usize>,
    check: Option<Check>,
    writing: bool,
    shut: bool,
    /// When its read was answered while outputs were queued: a check among these comes too late.
    crossed: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Dialing,
    /// TLS has been asked for.
    Securing,
    Open,
    Spliced,
}

/// What has been asked of the read under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    Check,
    StopRead,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Past {
    /// If `crossed` is the present wait, outputs were queued when it failed, and may be about it.
    Failed {
        crossed: Option<u64>,
    },
    Closed,
    Given {
        reading: bool,
    },
}

impl Contract {
    /// For a machine that was made just now, and has not been polled.
    pub fn new(now: Instant) -> Self {
        Self {
            now,
            timed: None,
            expected: Expected::Anything,
            deadline: None,
            ended: false,
            conns: BTreeMap::new(),
            past: BTreeMap::new(),
            settled: 0,
            waits: 0,
            outputs_left: OUTPUTS_MAX,
        }
    }

    /// The machine has named a connection that came in.
    #[track_caller]
    pub fn accepted(&mut self, conn: ConnId) {
        self.told();
        self.issued(conn, Stage::Open);
    }

    /// The machine begins with a connection of another machine's, on which a read of one byte may be under way.
    #[track_caller]
    pub fn adopt(&mut self, conn: ConnId, reading: bool) {
        self.told();
        let read = reading.then_some(1);
        let before = self.conns.insert(conn, Conn { read, ..Conn::new(Stage::Open) });
        assert!(before.is_none(), "{conn:?} is adopted twice");
        self.settled = self.settled.max(conn.to_u64());
    }

    /// An answer is about to be fed. Checks the driver.
    #[track_caller]
    pub fn input(&mut self, now: Instant, input: &Input<'_>) {
        self.time(now);
        let conn = input.conn();
        let queued = (self.expected == Expected::Anything).then_some(self.waits);
        match self.past.get(&conn) {
            // An answer that was on its way: to be ignored.
            Some(Past::Closed) => return self.told_nothing(),
            Some(Past::Failed { .. }) => panic!("driver: {input:?}, but {conn:?} has failed already"),
            Some(Past::Given { .. }) => {
                panic!("driver: {input:?}, but {conn:?} is not this machine's any more")
            }
            None => self.told(),
        }
        let Some(it) = self.conns.get_mut(&conn) else {
            panic!("driver: {input:?}, but {conn:?} is unknown");
        };
        match *input {
            Input::Connected(_) => {
                let awaited = matches!(it.stage, Stage::Dialing | Stage::Securing);
                assert!(awaited, "driver: {input:?}, but it is not being dialled: {it:?}");
                it.stage = Stage::Open;
            }
            Input::Read(_, data) => {
                let max = it.read.take();
                let Some(max) = max else { panic!("driver: {input:?}, but no read is under way: {it:?}") };
                assert!(
                    data.len() <= max,
                    "driver: {} bytes of {conn:?}, but only {max} may be read",
                    data.len()
                );
                it.check = None;
                it.crossed = queued;
            }
            Input::Wrote(_) => {
                assert!(it.writing, "driver: {input:?}, but no write is under way: {it:?}");
                it.writing = false;
            }
            Input::Quiet(_) => match it.check.take() {
                Some(Check::Check) => {}
                Some(Check::StopRead) => it.read = None,
                None => {
                    panic!("driver: {input:?}, but nothing of the kind was asked, or it was answered: {it:?}")
                }
            },
            Input::Failed(..) => {
                let connecting = matches!(it.stage, Stage::Dialing | Stage::Securing);
                let busy = connecting || it.read.is_some() || it.writing;
                assert!(busy, "driver: {input:?}, but nothing was under way: {it:?}");
                self.leaves(conn, Past::Failed { crossed: queued });
            }
        }
    }

    /// The machine is about to be told the time.
    #[track_caller]
    pub fn timeout(&mut self, now: Instant) {
        self.time(now);
        self.timed = Some(now);
        self.told_nothing();
    }

    /// The machine is about to be told something else, such as to close, or the traffic.
    #[track_caller]
    pub fn called(&mut self, now: Instant) {
        self.time(now);
        self.told();
    }

    /// The machine has been polled. Checks what it said.
    #[track_caller]
    pub fn output<E: Watched>(&mut self, output: &Output<E>) {
        match output {
            Output::Wait(deadline) => self.waits(*deadline),
            Output::Intent(intent) => {
                self.said(intent);
                self.intent(intent);
            }
            Output::Event(event) => {
                self.said(&event.meaning());
                self.event(event.meaning());
            }
        }
        let open = self.conns.len();
        assert!(open <= E::CONNS_MAX, "{open} connections are open, which is more than there may be");
    }

    /// The connections that are the machine's: not closed, failed or given away.
    pub fn open(&self) -> impl Iterator<Item = ConnId> {
        self.conns.keys().copied()
    }

    /// Whether a read is under way on a connection, or was when it was handed over: for the next machine to
    /// [`adopt`](Contract::adopt).
    pub fn is_reading(&self, conn: ConnId) -> bool {
        match self.past.get(&conn) {
            Some(Past::Given { reading }) => *reading,
            Some(Past::Failed { .. } | Past::Closed) => false,
            None => self.conns.get(&conn).is_some_and(|it| it.read.is_some()),
        }
    }

    /// Whether the machine has ended.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    #[track_caller]
    fn time(&mut self, now: Instant) {
        assert!(now >= self.now, "driver: time goes backwards, by {:?}", self.now - now);
        self.now = now;
    }

    fn told(&mut self) {
        self.expected = Expected::Anything;
        self.outputs_left = self.outputs_left.saturating_add(OUTPUTS_PER_INPUT);
    }

    /// What the machine was told is no reason for it to do anything, unless something is due.
    fn told_nothing(&mut self) {
        let due = self.deadline.is_some_and(|at| at <= self.now);
        match self.expected {
            Expected::Wait | Expected::SameWait if !due => self.expected = Expected::Wait,
            Expected::Anything | Expected::Wait | Expected::SameWait => self.told(),
        }
    }

    #[track_caller]
    fn waits(&mut self, deadline: Option<Instant>) {
        if self.expected == Expected::SameWait {
            assert_eq!(deadline, self.deadline, "the deadline has changed by itself");
        }
        let late = self.timed.zip(deadline).filter(|(timed, at)| at <= timed);
        assert!(late.is_none(), "timeouts were handled, but the deadline has passed: {late:?}");
        if self.ended {
            assert_eq!(deadline, None, "a deadline after the end");
            assert!(self.conns.is_empty(), "left open at the end: {:?}", self.conns);
        }
        let known = [self.conns.keys().next_back(), self.past.keys().next_back()];
        self.settled = known.into_iter().flatten().map(|conn| conn.to_u64()).fold(self.settled, u64::max);
        self.expected = Expected::SameWait;
        self.deadline = deadline;
        self.waits += 1;
        self.outputs_left = OUTPUTS_MAX + OUTPUTS_PER_CONN * self.conns.len();
    }

    #[track_caller]
    fn said(&mut self, what: &dyn std::fmt::Debug) {
        assert!(
            self.expected == Expected::Anything,
            "{what:?}, but the machine was told nothing since it waited"
        );
        let left = self.outputs_left.checked_sub(1);
        self.outputs_left =
            left.unwrap_or_else(|| panic!("{what:?}, and so on without end: this is no answer"));
    }

    #[track_caller]
    fn intent(&mut self, intent: &Intent) {
        let (conn, closing) = match *intent {
            Intent::Connect { conn, .. } => {
                assert!(!self.ended, "{intent:?} after the end");
                return self.issued(conn, Stage::Dialing);
            }
            Intent::Secure { conn, .. }
            | Intent::Read { conn, .. }
            | Intent::Write { conn, .. }
            | Intent::Check { conn }
            | Intent::StopRead { conn }
            | Intent::Shutdown { conn } => (conn, false),
            Intent::Close { conn } | Intent::Reset { conn } => (conn, true),
        };
        let waits = self.waits;
        match self.past.get(&conn) {
            Some(Past::Failed { .. }) if closing => {
                self.past.insert(conn, Past::Closed);
                return;
            }
            Some(Past::Failed { crossed: Some(at) }) if *at == waits => return,
            Some(past) => panic!("{intent:?}, but {conn:?} is {past:?}"),
            None => {}
        }
        let late = conn.to_u64() > self.settled;
        assert!(!self.ended || (closing && late), "{intent:?} after the end");
        let Some(it) = self.conns.get_mut(&conn) else { panic!("{intent:?}, but {conn:?} is unknown") };
        assert!(closing || it.stage == Stage::Open, "{intent:?}, but {it:?}");
        match intent {
            Intent::Secure { .. } => {
                assert!(!it.shut, "{intent:?} behind a FIN: {it:?}");
                assert!(it.read.is_none() && !it.writing, "{intent:?} with something under way: {it:?}");
                it.stage = Stage::Securing;
            }
            Intent::Read { max, .. } => {
                assert!(it.read.is_none(), "{intent:?} on top of a read: {it:?}");
                it.read = Some(max.get());
            }
            Intent::Write { data, .. } => {
                assert!(!it.writing, "{intent:?} on top of a write: {it:?}");
                assert!(!it.shut, "{intent:?} behind a FIN: {it:?}");
                assert!(!data.is_empty(), "{intent:?} of nothing");
                it.writing = true;
            }
            Intent::Check { .. } | Intent::StopRead { .. } if it.read.is_none() => {
                assert_eq!(it.crossed, Some(waits), "{intent:?} without a read: {it:?}");
            }
            Intent::Check { .. } => it.asks(Check::Check, intent),
            Intent::StopRead { .. } => it.asks(Check::StopRead, intent),
            Intent::Shutdown { .. } => {
                assert!(!it.writing, "{intent:?} cuts a write: {it:?}");
                assert!(!it.shut, "{intent:?} for the second time: {it:?}");
                it.shut = true;
            }
            Intent::Connect { .. } | Intent::Close { .. } | Intent::Reset { .. } => {
                self.leaves(conn, Past::Closed);
            }
        }
    }

    #[track_caller]
    fn event(&mut self, meaning: Meaning) {
        assert!(!self.ended, "{meaning:?} after the end");
        match meaning {
            Meaning::News => {}
            Meaning::Selected(conn) => {
                self.idle(conn, meaning);
                self.leaves(conn, Past::Given { reading: false });
                self.end();
            }
            Meaning::Ended => self.end(),
            Meaning::HandedOver(conns) => {
                for conn in conns {
                    let it = self.usable(conn, meaning);
                    assert!(!it.writing && it.check.is_none(), "{meaning:?}, but {conn:?} is {it:?}");
                    let reading = it.read.is_some();
                    self.leaves(conn, Past::Given { reading });
                }
            }
            Meaning::Spliced(conns) => {
                for conn in conns {
                    self.idle(conn, meaning).stage = Stage::Spliced;
                }
            }
        }
    }

    /// Names a connection for the first time.
    #[track_caller]
    fn issued(&mut self, conn: ConnId, stage: Stage) {
        let used = self.conns.contains_key(&conn) || self.past.contains_key(&conn);
        assert!(!used && conn.to_u64() > self.settled, "the id {conn:?} is not a new one");
        self.conns.insert(conn, Conn::new(stage));
    }

    fn leaves(&mut self, conn: ConnId, past: Past) {
        self.conns.remove(&conn);
        self.past.insert(conn, past);
        if self.past.len() > PAST_MAX {
            self.past.pop_first();
        }
    }

    /// The machine has ended. Connections that have come since it waited may be closed behind its last event.
    #[track_caller]
    fn end(&mut self) {
        self.ended = true;
        let left: Vec<_> = self.conns.iter().filter(|(conn, _)| conn.to_u64() <= self.settled).collect();
        assert!(left.is_empty(), "left open at the end: {left:?}");
    }

    #[track_caller]
    fn idle(&mut self, conn: ConnId, meaning: Meaning) -> &mut Conn {
        let it = self.usable(conn, meaning);
        assert!(it.read.is_none() && !it.writing, "{meaning:?} with something under way on {conn:?}: {it:?}");
        it
    }

    #[track_caller]
    fn usable(&mut self, conn: ConnId, meaning: Meaning) -> &mut Conn {
        let past = self.past.get(&conn);
        let it = self.conns.get_mut(&conn);
        let it = it.unwrap_or_else(|| panic!("{meaning:?}, but {conn:?} is no open connection: {past:?}"));
        assert!(it.stage == Stage::Open && !it.shut, "{meaning:?}, but {conn:?} is {it:?}");
        it
    }
}

impl Conn {
    fn new(stage: Stage) -> Self {
        Self { stage, read: None, check: None, writing: false, shut: false, crossed: None }
    }

    #[track_caller]
    fn asks(&mut self, check: Check, intent: &Intent) {
        assert!(self.check.is_none(), "{intent:?} on top of another: {self:?}");
        self.check = Some(check);
    }
}

/// Outputs between two waits, for whatever the machine was told: an attempt dials all its candidates at once.
const OUTPUTS_MAX: usize = 64;
/// Answers come late, but not as late as this many others' ends. A server that is watched must not grow for ever.
const PAST_MAX: usize = 4096;
/// Beyond these, for each connection: at most all are answered, or closed, and their peers are read from.
const OUTPUTS_PER_CONN: usize = 8;
/// And for each thing that it was told: it may have been the last one to be missing.
const OUTPUTS_PER_INPUT: usize = 64;

#[cfg(test)]
mod tests;
