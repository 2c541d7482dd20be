//! One pair (rdv/1 sections 2, 4 and 5): both are answered, the dialer decides, and the bytes may flow.

mod events;
mod side;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::farewell::Farewell;
use super::look::Look;
use super::metrics::PairCount;
use super::rate::{Allowance, Pace};
use super::{DataEnd, RelayEnd, RelayReport, Traffic};
use crate::Watch;
use crate::addr::PackedAddr;
use crate::io::{ConnId, Input, Outbox, Output, after, earlier};
use crate::states::{Current, NOWHERE, Named};
use crate::token::Token;
use crate::wire::{Command, LineReader, Reject, Request, Role};
pub use events::{Early, RelayEvent, Splice};
use side::Introduction;
pub(super) use side::Side;

/// The machine of one pair. It comes from the [`Lobby`](super::Lobby), and ends with [`RelayEvent::Finished`].
///
/// It leaves the data path: at [`RelayEvent::Splice`] the driver takes over the copying, reports how it goes
/// by [`handle_traffic`](Relay::handle_traffic), and its end by [`handle_end`](Relay::handle_end).
#[derive(Debug)]
pub struct Relay {
    /// The dialer's and the accepter's.
    conns: [ConnId; 2],
    observed: [PackedAddr; 2],
    token: Token,
    out: Outbox<RelayEvent>,
    state: Current<State>,
    /// Whether nothing of `out` has been handed out yet.
    fresh: bool,
    /// Gone once the bytes are copied.
    introduction: Option<Box<Introduction>>,
    started: Instant,
    idle_timeout: Option<Duration>,
    idle_at: Option<Instant>,
    /// How fast its bytes may be carried, if there is a limit.
    pace: Option<Box<Pace>>,
    traffic: Traffic,
    /// When the byte counters are to be looked at again, and what they were by then.
    look: Option<Look>,
    count: PairCount,
    watch: Watch,
}

#[derive(Debug)]
enum State {
    /// The dialer's command is being read.
    Commanded,
    /// The dialer wants the relay, which the accepter is to be told once both have their 101.
    Continuing,
    /// The accepter is being told.
    Telling,
    /// The accepter has been told. The lobby's read must end before the copying begins.
    Stopping,
    /// The driver copies.
    Spliced,
    /// Both are being told that they are not to meet.
    Rejected(Box<[Option<Farewell>; 2]>),
    Ended,
}

impl Relay {
    pub(super) fn new(
        now: Instant,
        dialer: Side,
        mut accepter: Side,
        idle_timeout: Option<Duration>,
        count: PairCount,
        pace: Option<Box<Pace>>,
    ) -> Self {
        let mut out = Outbox::new();
        let mut watch = Watch::new(now);
        for side in [&dialer, &accepter] {
            watch.adopt(side.conn, side.reading);
        }
        out.write(dialer.conn, dialer.answer(&accepter));
        out.write(accepter.conn, accepter.answer(&dialer));
        let reader = LineReader::for_command();
        if !dialer.reading && dialer.behind.is_empty() {
            out.read(dialer.conn, reader.next_read());
        }
        let early = Early { data: std::mem::take(&mut accepter.behind).into(), eof: false };
        // Both have the same, so that it is kept once.
        accepter.seat.token = dialer.seat.token.clone();
        let behind_command = Bytes::new();
        Self {
            conns: [dialer.conn, accepter.conn],
            observed: [dialer.observed.into(), accepter.observed.into()],
            token: dialer.seat.token.clone(),
            out,
            state: Current::new(State::Commanded),
            fresh: true,
            introduction: Some(Box::new(Introduction { dialer, accepter, reader, behind_command, early })),
            started: now,
            idle_timeout,
            idle_at: idle_timeout.map(|timeout| after(now, timeout)),
            pace,
            traffic: Traffic::default(),
            look: None,
            count,
            watch,
        }
    }

    /// What a client asked: its token, its addresses and, if the lobby is told to keep them, its headers. It is forgotten
    /// when the copying begins.
    pub fn request(&self, role: Role) -> Option<Request> {
        self.introduction.as_ref().map(|introduction| introduction.side(role).seat.request())
    }

    /// A client's observed address.
    pub fn observed(&self, role: Role) -> SocketAddr {
        self.observed[role as usize].unpack()
    }

    /// Sends both clients away instead of introducing them; for the application to decide, before the first
    /// output is polled. Returns whether it was in time: later on, the relay goes on.
    pub fn reject(&mut self, now: Instant, reject: &Reject) -> bool {
        self.watch.called(now);
        if self.fresh
            && let Some(introduction) = &self.introduction
        {
            self.out = Outbox::new();
            let farewells = [Role::Dial, Role::Accept].map(|role| {
                self.count.refused(reject);
                let Side { conn, reading, .. } = *introduction.side(role);
                let farewell = Farewell::say(now, conn, reading, reject.encode(), &mut self.out);
                self.idle_at = Some(farewell.deadline);
                Some(farewell)
            });
            self.state.enter(State::Rejected(Box::new(farewells)));
        }
        self.fresh
    }

    /// Takes the answer to an intent.
    pub fn handle_input(&mut self, now: Instant, input: Input<'_>) {
        self.watch.input(now, &input);
        // Behind that the driver reports in other ways.
        let (Some(role), Some(introduction)) = (role_of(self.conns, input.conn()), &mut self.introduction)
        else {
            return;
        };
        match (&mut *self.state, role, input) {
            (State::Spliced | State::Ended, _, _) => {}
            (State::Rejected(farewells), _, input) => {
                let farewell = &mut farewells[role as usize];
                if farewell.as_mut().is_some_and(|farewell| farewell.handle_input(input, &mut self.out)) {
                    *farewell = None;
                }
                if farewells.iter().all(Option::is_none) {
                    self.finish(now, RelayEnd::Rejected);
                }
            }
            (_, _, Input::Failed(_, kind)) => self.finish(now, RelayEnd::Broken(role, kind)),
            (State::Commanded, Role::Dial, Input::Read(_, [])) => self.finish(now, RelayEnd::NoCommand),
            (State::Commanded, Role::Dial, Input::Read(_, data)) => self.commanded(now, data),
            (State::Telling, Role::Accept, Input::Wrote(_)) => {
                if introduction.accepter.reading {
                    self.state.enter(State::Stopping);
                    self.out.stop_read(introduction.accepter.conn);
                } else {
                    self.splice(now);
                }
            }
            (State::Stopping, Role::Accept, Input::Quiet(_)) => self.splice(now),
            (_, _, Input::Wrote(_)) => {
                let side = introduction.side_mut(role);
                side.answered = true;
                let behind = std::mem::take(&mut side.behind);
                if !behind.is_empty() {
                    self.commanded(now, &behind);
                }
                self.tell_accepter();
            }
            (_, Role::Accept, Input::Read(_, data)) => {
                introduction.accepter.reading = false;
                introduction.early = Early { data: Bytes::copy_from_slice(data), eof: data.is_empty() };
                if let State::Stopping = *self.state {
                    self.splice(now);
                }
            }
            (State::Commanded | State::Continuing | State::Telling | State::Stopping, _, _) => {}
        }
    }

    /// Whether the data path has limits, as long as it goes on. If not, it need not ask for an [`allowance`](Relay::allowance).
    pub fn is_limited(&self) -> bool {
        self.pace.is_some()
    }

    /// What the data path may do now. To be asked before each turn of a relay that [is limited](Relay::is_limited); behind
    /// the turn comes [`handle_traffic`](Relay::handle_traffic), whether there were bytes or not.
    ///
    /// If it is to wait, there is a new deadline: poll for it. After that the data path is carried on, whatever its streams
    /// are ready for.
    pub fn allowance(&mut self, now: Instant) -> Allowance {
        self.watch.called(now);
        let State::Spliced = *self.state else {
            return Allowance::Carry(0);
        };
        let Some(pace) = &mut self.pace else {
            return Allowance::Carry(u64::MAX);
        };
        let allowance = pace.allowance(now);
        if let Allowance::Wait(at) = allowance {
            // Whoever is made to wait is not idle.
            self.idle_at = self.idle_at.max(self.idle_timeout.map(|timeout| after(at, timeout)));
        }
        allowance
    }

    /// Takes the byte counts of the data path. To be called before [`handle_timeout`](Relay::handle_timeout)
    /// when the deadline has come, and otherwise as rarely as is convenient.
    pub fn handle_traffic(&mut self, now: Instant, traffic: Traffic) {
        self.watch.called(now);
        if !matches!(*self.state, State::Spliced) {
            return;
        }
        if self.traffic != traffic {
            self.count.passed_on(std::mem::replace(&mut self.traffic, traffic), traffic);
            self.be_active(now);
            self.look = Some(Look::soon(now));
        }
        let carried = traffic.to_accepter.saturating_add(traffic.to_dialer);
        if self.pace.as_mut().is_some_and(|pace| pace.settle(now, carried)) {
            self.finish(now, RelayEnd::OverLimit);
        }
    }

    /// Takes the end of the data path.
    pub fn handle_end(&mut self, now: Instant, traffic: Traffic, end: DataEnd) {
        self.handle_traffic(now, traffic);
        match end {
            DataEnd::Complete => self.finish(now, RelayEnd::Relayed),
            DataEnd::Broken(conn, kind) => {
                let role = role_of(self.conns, conn).unwrap_or(Role::Accept);
                self.finish(now, RelayEnd::Broken(role, kind));
            }
        }
    }

    /// Takes note of the time. Harmless when nothing is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.watch.timeout(now);
        if let Some(pace) = &mut self.pace {
            pace.time_passes(now);
        }
        if self.idle_at.is_some_and(|at| at <= now) {
            let rejected = matches!(*self.state, State::Rejected(_));
            self.finish(now, if rejected { RelayEnd::Rejected } else { RelayEnd::Idle });
        }
        self.look = self.look.take().map(|look| if look.at <= now { look.later(now) } else { look });
    }

    /// Shuts down.
    pub fn close(&mut self, now: Instant) {
        self.watch.called(now);
        self.finish(now, RelayEnd::ShutDown);
    }

    /// The next thing to do or to know.
    pub fn poll_output(&mut self) -> Output<RelayEvent> {
        self.fresh = false;
        let Self { out, idle_at, look, pace, .. } = self;
        let output = out.poll(|| {
            let look_at = look.as_ref().map(|look| look.at);
            let until = pace.as_ref().and_then(|pace| pace.until());
            earlier(*idle_at, earlier(look_at, until))
        });
        if let Output::Event(RelayEvent::Splice(_)) = output {
            // Idle pairs are many, and have nothing more to say.
            out.shrink();
        }
        self.watch.output(&output);
        output
    }

    /// Goes on with the dialer's command.
    fn commanded(&mut self, now: Instant, data: &[u8]) {
        let (State::Commanded, Some(introduction)) = (&*self.state, &mut self.introduction) else {
            return;
        };
        let reader = &mut introduction.reader;
        // A read ends with the line at the latest. What came with the request may not.
        let (data, behind) =
            data.split_at(data.iter().position(|byte| *byte == b'\n').map_or(data.len(), |at| at + 1));
        match reader.push(data) {
            Ok(Some(line)) => match Command::parse(line) {
                Command::Continue => {
                    introduction.behind_command = Bytes::copy_from_slice(behind);
                    self.be_active(now);
                    self.count.relays();
                    self.state.enter(State::Continuing);
                    self.tell_accepter();
                }
                Command::Other(addr) => self.finish(now, RelayEnd::Direct(addr)),
                Command::Unknown => self.finish(now, RelayEnd::NoCommand),
            },
            Ok(None) => {
                let next = reader.next_read();
                self.out.read(self.conns[Role::Dial as usize], next);
            }
            Err(_) => self.finish(now, RelayEnd::NoCommand),
        }
    }

    /// Writes CONTINUE to the accepter, once it is due and both have their 101.
    fn tell_accepter(&mut self) {
        if let (State::Continuing, Some(introduction)) = (&*self.state, &self.introduction)
            && introduction.dialer.answered
            && introduction.accepter.answered
        {
            self.state.enter(State::Telling);
            self.out.write(introduction.accepter.conn, Command::take());
        }
    }

    fn splice(&mut self, now: Instant) {
        self.state.enter(State::Spliced);
        self.look = Some(Look::soon(now));
        if let Some(introduction) = self.introduction.take() {
            let Introduction { behind_command, early, .. } = *introduction;
            let [dialer, accepter] = self.conns;
            self.out.event(RelayEvent::Splice(Splice { dialer, accepter, early, behind_command }));
        }
    }

    fn finish(&mut self, now: Instant, end: RelayEnd) {
        let cut_short = match self.state.enter(State::Ended) {
            State::Ended => return,
            State::Commanded | State::Rejected(_) => false,
            // From CONTINUE on, the dialer takes what it gets for the peer's.
            State::Continuing | State::Telling | State::Stopping | State::Spliced => end != RelayEnd::Relayed,
        };
        for conn in self.conns {
            if cut_short {
                self.out.reset(conn);
            } else {
                self.out.close(conn);
            }
        }
        (self.idle_at, self.look, self.pace) = (None, None, None);
        self.count.ended(end);
        self.out.event(RelayEvent::Finished(Box::new(RelayReport {
            token: self.token.clone(),
            dialer: self.observed(Role::Dial),
            accepter: self.observed(Role::Accept),
            end,
            traffic: self.traffic,
            duration: now - self.started,
        })));
    }

    fn be_active(&mut self, now: Instant) {
        self.idle_at = self.idle_timeout.map(|timeout| after(now, timeout));
    }
}

/// Whose connection of the two it is.
fn role_of([dialer, accepter]: [ConnId; 2], conn: ConnId) -> Option<Role> {
    match conn {
        conn if conn == dialer => Some(Role::Dial),
        conn if conn == accepter => Some(Role::Accept),
        _ => None,
    }
}

impl Named for State {
    const MACHINE: &'static str = "relay";

    fn name(&self) -> &'static str {
        match self {
            State::Commanded => "Commanded",
            State::Continuing => "Continuing",
            State::Telling => "Telling",
            State::Stopping => "Stopping",
            State::Spliced => "Spliced",
            State::Rejected(_) => "Rejected",
            State::Ended => NOWHERE,
        }
    }
}
