//! One attempt, from the first SYN to the server to the connection that the application gets.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http::HeaderMap;
use log::debug;

use super::handshake::{Handshake, Progress};
use super::observation::{Observation, Question};
use super::race::Race;
use super::{Attempt, Config, ConnectError, Failure, Phase, Pick, Report, Route, SecondOpinion, Standings};
use crate::Watch;
use crate::addr::{PeerAddrs, SelfAddrs};
use crate::io::{ConnId, Input, Outbox, Output, after, earlier};
use crate::states::{Current, Named};
use crate::wire::{Command, Role, Switched, other};

/// The machine of one dial or accept attempt. [The crate's first page](crate) shows how it is driven.
///
/// It ends with one [`Event`], by when it has closed every connection but the selected one; on that one no
/// operation is under way, and the next byte to be read is the application's first.
#[derive(Debug)]
pub struct Connector {
    role: Role,
    self_addrs: SelfAddrs,
    config: Config,
    out: Outbox<Event>,
    state: Current<State>,
    /// How to ask for a second opinion, and the connection that does.
    question: Option<Question>,
    observation: Option<Observation>,
    /// Once the server has answered.
    meta: Option<Meta>,
    race: Race,
    report: Report,
    deadline: Option<Instant>,
    watch: Watch,
}

#[derive(Debug)]
enum State {
    Handshake(Box<Handshake>),
    Racing {
        /// When to ask the picker again.
        pick_at: Option<Instant>,
        /// When an accepter that has nothing left gives up.
        give_up_at: Option<Instant>,
    },
    /// The dialer has picked, and OTHER is being written to the server.
    TellingOther {
        relay: ConnId,
        chosen: ConnId,
        deadline: Instant,
    },
    /// CONTINUE is being written to the peer.
    TellingContinue {
        chosen: ConnId,
        deadline: Instant,
    },
    Selected,
    Failed,
}

/// How an attempt ends.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// With a connection to the peer.
    Selected(Box<Selected>),
    /// Without one.
    Failed(Box<Failure>),
}

/// The connection to the peer, and how it came about.
#[derive(Debug)]
#[non_exhaustive]
pub struct Selected {
    /// The connection, now the driver's.
    pub conn: ConnId,
    /// Direct, or through the server.
    pub route: Route,
    /// Its remote address: the peer's or, if it is relayed, the server's or its proxy's.
    pub remote: SocketAddr,
    /// What was said in the handshake.
    pub meta: Meta,
    /// The course of the attempt.
    pub report: Report,
}

/// What client and server told each other.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Meta {
    /// The client's role.
    pub role: Role,
    /// What the client said of itself.
    pub self_addrs: SelfAddrs,
    /// The client's address as the server saw it (STUN: server-reflexive), if the server said so.
    pub observed: Option<SocketAddr>,
    /// The same on the other address family, if the server was asked for a second opinion, and gave one in time.
    pub also_observed: Option<SocketAddr>,
    /// The peer's candidate addresses.
    pub peer_addrs: PeerAddrs,
    /// All headers of the 101, the application's own among them.
    pub headers: HeaderMap,
}

impl Connector {
    /// Begins an attempt. `started` is when it began for the user, perhaps with the resolving of a name: the
    /// overall timeout counts from there.
    pub fn new(started: Instant, now: Instant, attempt: &Attempt, config: Config) -> Self {
        let Attempt { role, token, url, self_addrs, .. } = attempt;
        let proxy = config.proxy.as_ref().map(|proxy| format!(" proxy={proxy}")).unwrap_or_default();
        debug!("{role} {token} via {url}{proxy} self_addrs=[{self_addrs}]");
        let mut out = Outbox::new();
        let question = Question::new(attempt, &config);
        let handshake = Handshake::new(now, attempt, &config, question.as_ref(), &mut out);
        let mut connector = Self {
            role: attempt.role,
            self_addrs: attempt.self_addrs.clone(),
            race: Race::new(attempt, &config),
            deadline: config.timeout.and_then(|timeout| started.checked_add(timeout)),
            out,
            state: Current::new(State::Handshake(Box::new(handshake))),
            question,
            observation: None,
            meta: None,
            report: Report::new(started, config.proxy.clone()),
            config,
            watch: Watch::new(now),
        };
        if attempt.server_addrs.is_empty() {
            let error = ConnectError::unreachable(connector.config.proxy.clone(), Vec::new());
            connector.fail(now, error);
        }
        connector
    }

    /// Names a connection that came in at the shared port. Whether it is of use is for the next outputs to say.
    pub fn handle_accept(&mut self, now: Instant, remote: SocketAddr) -> ConnId {
        let conn = match *self.state {
            State::Handshake(_) | State::Racing { .. } => {
                let conn = self.race.handle_accept(now, remote, &mut self.out);
                self.judge(now, None);
                conn
            }
            State::TellingOther { .. } | State::TellingContinue { .. } | State::Selected | State::Failed => {
                let conn = self.out.issue();
                self.out.close(conn);
                conn
            }
        };
        self.watch.accepted(now, conn);
        conn
    }

    /// Takes the answer to an intent.
    pub fn handle_input(&mut self, now: Instant, input: Input<'_>) {
        self.watch.input(now, &input);
        if let Some(observation) = self.observation.as_mut().filter(|it| it.conn() == input.conn()) {
            let waits = matches!(*self.state, State::Handshake(_));
            let opinion = observation.handle_input(now, input, waits, &mut self.out);
            return self.opined(opinion);
        }
        match (&mut *self.state, input) {
            (State::Handshake(handshake), _) => {
                let progress = handshake.handle_input(now, input, &mut self.out);
                self.handshake_went(now, progress);
            }
            (State::Racing { .. }, _) => {
                let taken = self.race.handle_input(now, input, &mut self.out);
                self.judge(now, taken);
            }
            (&mut State::TellingOther { relay, chosen, .. }, Input::Wrote(conn) | Input::Failed(conn, _))
                if conn == relay =>
            {
                self.take_chosen(now, chosen)
            }
            (&mut State::TellingContinue { chosen, .. }, Input::Wrote(conn)) if conn == chosen => {
                self.select(now, conn);
            }
            (
                &mut (State::TellingOther { chosen, .. } | State::TellingContinue { chosen, .. }),
                Input::Failed(conn, kind),
            ) if conn == chosen => self.fail(now, ConnectError::ChosenLost(kind)),
            (
                State::TellingOther { .. } | State::TellingContinue { .. } | State::Selected | State::Failed,
                _,
            ) => {}
        }
    }

    /// Takes note of the time. Harmless when nothing is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.watch.timeout(now);
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            let phase = match &*self.state {
                State::Handshake(handshake) => handshake.phase(),
                State::Racing { .. }
                | State::TellingOther { .. }
                | State::TellingContinue { .. }
                | State::Selected
                | State::Failed => Phase::Racing,
            };
            return self.fail(now, ConnectError::TimedOut(phase));
        }
        if let Some(observation) = &mut self.observation {
            let opinion = observation.handle_timeout(now, &mut self.out);
            self.opined(opinion);
        }
        match &mut *self.state {
            State::Handshake(handshake) => {
                let progress = handshake.handle_timeout(now, &mut self.out);
                self.handshake_went(now, progress);
            }
            State::Racing { give_up_at, .. } => {
                if give_up_at.is_some_and(|at| at <= now) {
                    return self.fail(now, ConnectError::PeerGone);
                }
                self.race.handle_timeout(now, &mut self.out);
                self.judge(now, None);
            }
            &mut State::TellingOther { chosen, deadline, .. } if deadline <= now => {
                self.take_chosen(now, chosen);
            }
            State::TellingContinue { deadline, .. } if *deadline <= now => {
                self.fail(now, ConnectError::ChosenLost(io::ErrorKind::TimedOut));
            }
            State::TellingOther { .. } | State::TellingContinue { .. } | State::Selected | State::Failed => {}
        }
    }

    /// The next thing to do or to know.
    pub fn poll_output(&mut self) -> Output<Event> {
        let Self { out, state, race, observation, deadline, .. } = self;
        let output = out.poll(|| {
            let step = match &**state {
                State::Handshake(handshake) => handshake.deadline(),
                State::Racing { pick_at, give_up_at, .. } => {
                    earlier(earlier(*pick_at, *give_up_at), race.deadline())
                }
                State::TellingOther { deadline, .. } | State::TellingContinue { deadline, .. } => {
                    Some(*deadline)
                }
                State::Selected | State::Failed => return None,
            };
            let opinion = observation.as_ref().map(Observation::deadline);
            earlier(earlier(step, opinion), *deadline)
        });
        self.watch.output(&output);
        output
    }

    fn handshake_went(&mut self, now: Instant, progress: Progress) {
        if let State::Handshake(handshake) = &*self.state {
            self.report.proxy_connected = handshake.proxy_connected;
            self.report.server_connected = handshake.connected;
            self.report.requested = handshake.requested;
        }
        match progress {
            Progress::Pending => {}
            Progress::Connected(other) => {
                let question = self.question.take();
                self.observation =
                    other.and_then(|other| Observation::begin(now, other, question, &mut self.out));
            }
            Progress::Failed(error) => self.fail(now, error),
            Progress::Switched { conn, remote, switched } => self.start_race(now, (conn, remote), switched),
        }
    }

    fn start_race(&mut self, now: Instant, relay: (ConnId, SocketAddr), switched: Switched) {
        let Switched { observed, peer_addrs, headers } = switched;
        let seen = observed.map_or_else(|| "nothing".to_owned(), |addr| addr.to_string());
        debug!("matched: observed={seen} peer_addrs=[{peer_addrs}]");
        self.report.matched = Some(now);
        if self.observation.as_ref().is_some_and(Observation::is_idle) {
            self.stop_observing(now);
        }
        self.race.start(now, relay, &peer_addrs, &mut self.out);
        let (role, self_addrs) = (self.role, self.self_addrs.clone());
        self.meta = Some(Meta { role, self_addrs, observed, also_observed: None, peer_addrs, headers });
        self.state.enter(State::Racing { pick_at: None, give_up_at: None });
        self.judge(now, None);
    }

    /// The second opinion is there, or will not be.
    fn opined(&mut self, opinion: Option<SecondOpinion>) {
        if let Some(opinion) = opinion
            && let Some(observation) = self.observation.take()
        {
            self.report.second_opinion = Some(opinion);
            observation.end(&mut self.out);
        }
    }

    fn stop_observing(&mut self, now: Instant) {
        self.opined(self.observation.as_ref().map(|observation| observation.so_far(now)));
    }

    /// Looks at the race: has one been chosen, or is it hopeless?
    fn judge(&mut self, now: Instant, taken: Option<ConnId>) {
        let State::Racing { pick_at, give_up_at } = &mut *self.state else {
            return;
        };
        match (self.role, taken) {
            (Role::Accept, Some(conn)) => self.select(now, conn),
            (Role::Accept, None) if self.race.has_greeted() => *give_up_at = None,
            (Role::Accept, None) => *give_up_at = give_up_at.or(Some(after(now, self.config.orphan_timeout))),
            (Role::Dial, _) => {
                let ready = self.race.ready();
                let more_may_come = self.race.more_may_come();
                let started = self.report.matched.unwrap_or(now);
                let standings = Standings { started, ready: &ready, more_may_come };
                match self.config.picker.pick(now, &standings) {
                    Pick::Choose(conn) if ready.iter().any(|ready| ready.conn == conn) => {
                        self.commit(now, conn)
                    }
                    Pick::Choose(_) => *pick_at = None,
                    Pick::Wait(at) => *pick_at = at.map(|at| at.max(after(now, Duration::ZERO))),
                }
            }
        }
    }

    /// The dialer has picked: it tells the server, closes the rest, and tells the peer.
    fn commit(&mut self, now: Instant, chosen: ConnId) {
        self.stop_observing(now);
        match (self.race.relay(), self.race.remote_of(chosen)) {
            (Some(relay), Some((remote, Route::Direct))) => {
                self.out.write(relay, other(remote));
                let deadline = after(now, self.config.command_timeout);
                self.state.enter(State::TellingOther { relay, chosen, deadline });
            }
            _ => self.take_chosen(now, chosen),
        }
    }

    fn take_chosen(&mut self, now: Instant, chosen: ConnId) {
        let deadline = after(now, self.config.command_timeout);
        self.state.enter(State::TellingContinue { chosen, deadline });
        self.close_others(now, chosen);
        self.out.write(chosen, Command::take());
    }

    fn close_others(&mut self, now: Instant, chosen: ConnId) {
        if let Some((remote, route)) = self.race.remote_of(chosen) {
            self.report.chosen = Some((remote, route));
            self.race.finish(now, Some(chosen), &mut self.out);
        }
    }

    fn select(&mut self, now: Instant, conn: ConnId) {
        self.stop_observing(now);
        self.close_others(now, conn);
        let (Some(mut meta), Some((remote, route))) = (self.meta.take(), self.report.chosen) else {
            return;
        };
        meta.also_observed = self.report.second_opinion.and_then(|opinion| opinion.seen.addr());
        self.state.enter(State::Selected);
        debug!("selected {route} {remote}");
        let report = self.end_report(now);
        self.out.event(Event::Selected(Box::new(Selected { conn, route, remote, meta, report })));
    }

    fn fail(&mut self, now: Instant, error: ConnectError) {
        match &mut *self.state {
            State::Handshake(handshake) => handshake.close(&mut self.out),
            State::TellingContinue { chosen, .. } => self.out.close(*chosen),
            State::Racing { .. } | State::TellingOther { .. } => {}
            State::Selected | State::Failed => return,
        }
        self.state.enter(State::Failed);
        self.stop_observing(now);
        self.race.finish(now, None, &mut self.out);
        debug!("failed: {error}");
        let report = self.end_report(now);
        self.out.event(Event::Failed(Box::new(Failure { error, report })));
    }

    fn end_report(&mut self, now: Instant) -> Report {
        self.report.ended = Some(now);
        self.report.candidates = self.race.report();
        self.report.clone()
    }
}

impl Named for State {
    const MACHINE: &'static str = "connector";

    fn name(&self) -> &'static str {
        match self {
            State::Handshake(_) => "Handshake",
            State::Racing { .. } => "Racing",
            State::TellingOther { .. } => "TellingOther",
            State::TellingContinue { .. } => "TellingContinue",
            State::Selected => "Selected",
            State::Failed => "Failed",
        }
    }
}
