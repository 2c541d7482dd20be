//! Two connections, what goes on between them, and the relay that watches over it.

use std::fmt;
use std::io::{self, ErrorKind};
use std::ops::ControlFlow;
use std::time::Instant;

use mio::event::Event;
use mio::{Interest, Registry, Token};
use rdv_core::{Allowance, ConnId, DataEnd, Intent, Output, Relay, RelayEvent, RelayReport, Splice, Traffic};
use rdv_socket::relay::{Carried, Exchange, Flow, Kind, Pace, Pool};

use crate::Leg;

/// What is told of a pair's end. It is dropped last: nothing of the pair is left by then, nor does it count any more.
pub trait Ending: Send + 'static {
    /// What became of it. Called on the thread that serves the pair, where it must not block.
    fn finished(&mut self, report: RelayReport);
}

/// A pair whose bytes are to be copied. Dropping it shuts its relay down, by which both connections are reset: a stream that is
/// cut short must not look complete.
pub struct Pair<L: Leg, E: Ending> {
    relay: Relay,
    conns: [ConnId; 2],
    /// The dialer's and the accepter's, without those that have been closed.
    legs: [Option<L>; 2],
    exchange: Exchange,
    pace: Pace,
    is_history: bool,
    /// In the place that its thread has for it.
    pub(crate) place: Place,
    ending: E,
}

/// What a thread knows of a pair.
#[derive(Debug, Default)]
pub(crate) struct Place {
    pub(crate) deadline: Option<Instant>,
    /// Whether it stands in the queue of busy pairs.
    pub(crate) queued: bool,
}

/// How far a turn went.
pub(crate) enum Turn {
    /// Until both directions had to wait.
    Blocked,
    /// Until its time was over.
    Busy,
    /// Not at all: the relay allows no byte before its new deadline.
    Held,
    /// To the end.
    Ended(DataEnd),
}

impl<L: Leg, E: Ending> Pair<L, E> {
    /// Of a relay that has said this, and the dialer's and the accepter's connection; one that is missing has been closed. No
    /// poller may know them.
    pub fn new(relay: Relay, splice: &Splice, legs: [Option<L>; 2], ending: E) -> Self {
        let Splice { dialer, accepter, early, behind_command, .. } = splice;
        let to_accepter = Flow::new(behind_command.to_vec(), false);
        let to_dialer = Flow::new(early.data.to_vec(), early.eof);
        Self::resumed(relay, [*dialer, *accepter], Exchange::new(to_accepter, to_dialer), legs, ending)
    }

    /// Of one whose bytes somebody else has copied so far, in this exchange from the dialer to the accepter and back.
    pub fn resumed(
        relay: Relay,
        conns: [ConnId; 2],
        exchange: Exchange,
        legs: [Option<L>; 2],
        ending: E,
    ) -> Self {
        let (pace, place) = (Pace::new(Instant::now()), Place::default());
        Self { relay, conns, legs, exchange, pace, is_history: false, place, ending }
    }

    /// Has a poller report what happens to them, under these tokens.
    pub(crate) fn register(&mut self, registry: &Registry, tokens: [Token; 2]) {
        for (leg, token) in self.legs.iter_mut().zip(tokens) {
            let Some(source) = leg.as_mut().map(Leg::source) else {
                continue;
            };
            if let Err(err) = registry.register(source, token, Interest::READABLE | Interest::WRITABLE) {
                log::debug!("cannot register a connection to be relayed: {err}");
                *leg = None;
            }
        }
    }

    /// Has it report no more, for another one will. Nothing is known of them then.
    pub(crate) fn deregister(&mut self, registry: &Registry) {
        for leg in self.legs.iter_mut().flatten() {
            if let Err(err) = registry.deregister(leg.source()) {
                log::debug!("cannot deregister a connection: {err}");
            }
            *leg.ready() = crate::Ready::MAYBE;
        }
    }

    /// Takes note of what has happened to one of the two. The end, if it has failed: a connection that nothing is read from
    /// or written to at the moment can only fail like this.
    pub(crate) fn happened(&mut self, which: usize, event: &Event) -> Option<DataEnd> {
        let leg = self.legs[which].as_mut()?;
        leg.ready().learn(event);
        let err = if event.is_error() { leg.take_error()? } else { return None };
        Some(DataEnd::Broken(self.conns[which], err.kind()))
    }

    /// Copies what there is to copy and may be, but not without end while others wait.
    pub(crate) fn carry(&mut self, pool: &Pool, buffer: &mut [u8]) -> Turn {
        let is_limited = self.relay.is_limited();
        let most = match is_limited {
            true => match self.relay.allowance(Instant::now()) {
                Allowance::Carry(most) => most,
                Allowance::Wait(_) => return Turn::Held,
            },
            false => u64::MAX,
        };
        let turn = self.copy(pool, buffer, most);
        if is_limited && !matches!(turn, Turn::Ended(_)) {
            self.relay.handle_traffic(Instant::now(), self.traffic());
        }
        turn
    }

    fn copy(&mut self, pool: &Pool, buffer: &mut [u8], most: u64) -> Turn {
        let broken = |end: usize, err: &io::Error| Turn::Ended(DataEnd::Broken(self.conns[end], err.kind()));
        let ends = match &mut self.legs {
            [Some(one), Some(two)] => [one, two],
            [None, _] => return broken(0, &ErrorKind::NotConnected.into()),
            [_, None] => return broken(1, &ErrorKind::NotConnected.into()),
        };
        match self.exchange.carry(ends, pool, buffer, most) {
            Ok(Carried::Blocked) => Turn::Blocked,
            Ok(Carried::Busy) => Turn::Busy,
            Ok(Carried::Ended) => Turn::Ended(DataEnd::Complete),
            Err((end, err)) => broken(end, &err),
        }
    }

    pub(crate) fn is_limited(&self) -> bool {
        self.relay.is_limited()
    }

    /// What it is from now on that is of this kind so far.
    pub(crate) fn judge(&mut self, kind: Kind) -> Kind {
        let Traffic { to_accepter, to_dialer } = self.traffic();
        self.pace.judge(kind, to_accepter + to_dialer, Instant::now)
    }

    /// Whether it goes one way, and nobody waits for an answer.
    pub(crate) fn streams(&mut self) -> bool {
        self.pace.streams(self.exchange.carried())
    }

    /// Tells the relay something, along with what has been carried so far, and does what it wants. Its deadline, unless the pair
    /// is history.
    pub(crate) fn act(&mut self, tell: impl FnOnce(&mut Relay, Traffic)) -> ControlFlow<(), Option<Instant>> {
        let traffic = self.traffic();
        tell(&mut self.relay, traffic);
        loop {
            match self.relay.poll_output() {
                Output::Intent(intent) => self.perform(&intent),
                Output::Event(RelayEvent::Finished(report)) => {
                    report.log();
                    self.is_history = true;
                    self.ending.finished(*report);
                    return ControlFlow::Break(());
                }
                Output::Event(_) => {}
                Output::Wait(deadline) => return ControlFlow::Continue(deadline),
            }
        }
    }

    fn traffic(&self) -> Traffic {
        let [to_accepter, to_dialer] = self.exchange.carried();
        Traffic { to_accepter, to_dialer }
    }

    /// Carries out an intent. A relay that is spliced has but two.
    fn perform(&mut self, intent: &Intent) {
        let (Intent::Close { conn } | Intent::Reset { conn }) = intent else {
            debug_assert!(false, "{intent:?} while bytes are copied");
            return;
        };
        let which = self.conns.iter().position(|it| it == conn);
        let leg = which.and_then(|which| self.legs[which].take());
        // Where it is closed, its place in the poller goes with it.
        if let (Intent::Reset { .. }, Some(leg)) = (intent, leg) {
            leg.reset();
        }
    }
}

impl<L: Leg, E: Ending> Drop for Pair<L, E> {
    fn drop(&mut self) {
        if !self.is_history {
            let now = Instant::now();
            let _ = self.act(|relay, traffic| {
                relay.handle_traffic(now, traffic);
                relay.close(now);
            });
        }
    }
}

impl<L: Leg, E: Ending> fmt::Debug for Pair<L, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair")
            .field("conns", &self.conns)
            .field("exchange", &self.exchange)
            .finish_non_exhaustive()
    }
}
