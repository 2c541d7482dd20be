//! One connection to the peer, direct or through the relay, on its way to be chosen (rdv/1 sections 3 and 4).

use std::time::Instant;

use bytes::Bytes;

use super::{Event, Fate, HelloFault, Route};
use crate::io::{ConnId, Input, Outbox};
use crate::states::{Current, Named};
use crate::token::Token;
use crate::wire::{Command, HelloError, LineReader, Role, check_hello, hello, shortest_hello};

/// What every link of an attempt has in common.
#[derive(Debug)]
pub(super) struct Greeting {
    role: Role,
    token: Token,
    hello: Bytes,
}

#[derive(Debug)]
pub(super) struct Link {
    pub(super) conn: ConnId,
    pub(super) route: Route,
    stage: Current<Stage>,
}

#[derive(Debug)]
enum Stage {
    Dialing,
    /// Our line is being written.
    Greeting {
        deadline: Instant,
    },
    /// The peer's line is being read.
    Hearing {
        reader: LineReader,
        deadline: Instant,
    },
    /// The dialer may choose it. Nothing is read: what comes next is the application's.
    Ready {
        since: Instant,
    },
    /// The accepter waits for the dialer's command.
    Commanded {
        reader: LineReader,
    },
}

/// What came of an input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing that anyone else need know.
    Pending,
    /// The link stands, and greets.
    Connected,
    /// The peer's line was good.
    Ready,
    /// The dialer has chosen this link.
    Taken,
    /// The link is of no use any more.
    Over(Fate),
}

impl Greeting {
    pub(super) fn new(role: Role, token: &Token) -> Self {
        Self { role, token: token.clone(), hello: hello(role, token) }
    }
}

impl Link {
    /// An outgoing connection that is not up yet.
    pub(super) fn dialing(conn: ConnId) -> Self {
        Self { conn, route: Route::Direct, stage: Current::new(Stage::Dialing) }
    }

    /// A connection that came in.
    pub(super) fn accepted(
        conn: ConnId,
        greeting: &Greeting,
        deadline: Instant,
        out: &mut Outbox<Event>,
    ) -> Self {
        let stage = Stage::greeting(conn, greeting, deadline, out);
        Self { conn, route: Route::Direct, stage: Current::new(stage) }
    }

    /// The connection to the server, which has greeted by its 101.
    pub(super) fn relay(conn: ConnId, role: Role, now: Instant, out: &mut Outbox<Event>) -> Self {
        let stage = Stage::greeted(conn, role, now, out);
        Self { conn, route: Route::Relay, stage: Current::new(stage) }
    }

    /// It has been chosen, or is of no use any more.
    pub(super) fn end(self) {
        self.stage.end();
    }

    pub(super) fn handle_input(
        &mut self,
        now: Instant,
        input: Input<'_>,
        greeting: &Greeting,
        line_deadline: Instant,
        out: &mut Outbox<Event>,
    ) -> Step {
        match (&mut *self.stage, input) {
            (_, Input::Failed(_, kind)) => Step::Over(Fate::Failed(kind)),
            (Stage::Dialing, Input::Connected(_)) => {
                let stage = Stage::greeting(self.conn, greeting, line_deadline, out);
                self.stage.enter(stage);
                Step::Connected
            }
            (Stage::Greeting { deadline }, Input::Wrote(_)) => {
                let peer = greeting.role.other();
                let reader = LineReader::new(shortest_hello(peer, &greeting.token));
                out.read(self.conn, reader.next_read());
                let deadline = *deadline;
                self.stage.enter(Stage::Hearing { reader, deadline });
                Step::Pending
            }
            (Stage::Hearing { .. }, Input::Read(_, [])) => Step::Over(Fate::BadHello(HelloFault::Eof)),
            (Stage::Hearing { reader, .. }, Input::Read(_, data)) => match reader.push(data) {
                Ok(Some(line)) => match check_hello(line, greeting.role.other(), &greeting.token) {
                    Ok(()) => {
                        self.stage.enter(Stage::greeted(self.conn, greeting.role, now, out));
                        Step::Ready
                    }
                    Err(why) => Step::Over(Fate::BadHello(why.into())),
                },
                Ok(None) => {
                    out.read(self.conn, reader.next_read());
                    Step::Pending
                }
                Err(_) => Step::Over(Fate::BadHello(HelloFault::Malformed)),
            },
            // The dialer has chosen another one.
            (Stage::Commanded { .. }, Input::Read(_, [])) => {
                Step::Over(Fate::BadHello(HelloFault::NotContinued))
            }
            (Stage::Commanded { reader }, Input::Read(_, data)) => match reader.push(data) {
                Ok(Some(line)) => match Command::parse(line) {
                    Command::Continue => Step::Taken,
                    Command::Other(_) | Command::Unknown => {
                        Step::Over(Fate::BadHello(HelloFault::NotContinued))
                    }
                },
                Ok(None) => {
                    out.read(self.conn, reader.next_read());
                    Step::Pending
                }
                Err(_) => Step::Over(Fate::BadHello(HelloFault::NotContinued)),
            },
            (_, Input::Connected(_) | Input::Read(..) | Input::Wrote(_) | Input::Quiet(_)) => Step::Pending,
        }
    }

    pub(super) fn handle_timeout(&self, now: Instant) -> Step {
        match self.deadline() {
            Some(deadline) if deadline <= now => Step::Over(Fate::BadHello(HelloFault::TimedOut)),
            Some(_) | None => Step::Pending,
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match *self.stage {
            Stage::Greeting { deadline } | Stage::Hearing { deadline, .. } => Some(deadline),
            Stage::Dialing | Stage::Ready { .. } | Stage::Commanded { .. } => None,
        }
    }

    /// Since when the dialer may choose it.
    pub(super) fn ready_since(&self) -> Option<Instant> {
        match *self.stage {
            Stage::Ready { since } => Some(since),
            Stage::Dialing | Stage::Greeting { .. } | Stage::Hearing { .. } | Stage::Commanded { .. } => None,
        }
    }

    /// Whether the peer has made itself known on it.
    pub(super) fn is_greeted(&self) -> bool {
        match *self.stage {
            Stage::Ready { .. } | Stage::Commanded { .. } => true,
            Stage::Dialing | Stage::Greeting { .. } | Stage::Hearing { .. } => false,
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        !matches!(*self.stage, Stage::Dialing)
    }
}

impl Stage {
    fn greeting(conn: ConnId, greeting: &Greeting, deadline: Instant, out: &mut Outbox<Event>) -> Stage {
        out.write(conn, greeting.hello.clone());
        Stage::Greeting { deadline }
    }

    fn greeted(conn: ConnId, role: Role, now: Instant, out: &mut Outbox<Event>) -> Stage {
        match role {
            Role::Dial => Stage::Ready { since: now },
            Role::Accept => {
                let reader = LineReader::for_command();
                out.read(conn, reader.next_read());
                Stage::Commanded { reader }
            }
        }
    }
}

impl Named for Stage {
    const MACHINE: &'static str = "link";

    fn name(&self) -> &'static str {
        match self {
            Stage::Dialing => "Dialing",
            Stage::Greeting { .. } => "Greeting",
            Stage::Hearing { .. } => "Hearing",
            Stage::Ready { .. } => "Ready",
            Stage::Commanded { .. } => "Commanded",
        }
    }
}

impl From<HelloError> for HelloFault {
    fn from(err: HelloError) -> Self {
        match err {
            HelloError::Malformed => HelloFault::Malformed,
            HelloError::WrongRole => HelloFault::WrongRole,
            HelloError::WrongToken => HelloFault::WrongToken,
        }
    }
}
