//! A pair's loop: drives its [`Relay`], and its data path.

use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use rdv_core::{ConnId, Intent, Output, Reject, Relay, RelayEvent, Traffic};
use rdv_socket::relay::Pool;

use super::path::Path;
use crate::driver::{Driver, Socket, Timer, now};
use crate::handler::{Hook, MatchedPair, Relayer, Verdict};

/// Two clients that found each other: a future that ends with their relay. Dropping it shuts the relay down, which
/// cuts off what is relayed.
pub(super) struct Pair {
    relay: Relay,
    driver: Driver,
    timer: Timer,
    path: Option<Path>,
    pool: Pool,
    hook: Hook,
    /// What the handler has seen, once it has; and its own relay, until that begins.
    seen: Option<Arc<MatchedPair>>,
    relayer: Option<Relayer>,
}

impl Pair {
    /// A socket that is missing has been closed. Pipes are to come from this pool.
    pub(super) fn new(relay: Relay, sockets: [(ConnId, Option<Socket>); 2], pool: Pool, hook: Hook) -> Self {
        let mut driver = Driver::default();
        for (conn, socket) in sockets {
            driver.add(conn, socket.ok_or_else(|| ErrorKind::NotConnected.into()));
        }
        Self { relay, driver, timer: Timer::default(), path: None, pool, hook, seen: None, relayer: None }
    }

    /// Asks the handler, if there is one, before anything is said to the clients.
    fn introduce(&mut self) {
        if let (Some(handler), None) = (&self.hook.0, &self.seen) {
            let pair = Arc::new(MatchedPair::of(&self.relay));
            match handler.matched(&pair) {
                Verdict::Relay => {}
                Verdict::Reject { status, reason } => {
                    self.relay.reject(now(), &Reject::Application(status, reason));
                }
                Verdict::Take(relayer) => self.relayer = Some(relayer),
            }
            self.seen = Some(pair);
        }
    }

    /// Has the relay do what it wants. Goes on with its deadline, unless it is history.
    fn drain(&mut self) -> ControlFlow<(), Option<Instant>> {
        loop {
            match self.relay.poll_output() {
                Output::Intent(intent) => {
                    if let (Intent::Reset { .. }, Some(path)) = (&intent, &self.path) {
                        path.cut();
                    }
                    self.driver.perform(intent);
                }
                Output::Event(RelayEvent::Splice(splice)) => {
                    match Path::new(splice, self.relayer.take(), &mut self.driver, &self.pool) {
                        Ok(path) => self.path = Some(path),
                        Err(end) => self.relay.handle_end(now(), Traffic::default(), end),
                    }
                }
                Output::Event(RelayEvent::Finished(report)) => {
                    report.log();
                    if let (Some(handler), Some(pair)) = (&self.hook.0, &self.seen) {
                        handler.finished(pair, &report);
                    }
                    return ControlFlow::Break(());
                }
                Output::Event(_) => {}
                Output::Wait(deadline) => return ControlFlow::Continue(deadline),
            }
        }
    }

    /// Waits for something to happen, and tells the relay of it.
    fn poll_turn(&mut self, cx: &mut Context<'_>, deadline: Option<Instant>) -> Poll<()> {
        let happened = match &mut self.path {
            None => self.driver.poll(cx).is_ready(),
            Some(path) => match path.poll(cx, &mut self.driver) {
                Poll::Ready(end) => {
                    self.relay.handle_end(now(), path.traffic(), end);
                    true
                }
                Poll::Pending => false,
            },
        };
        while let Some(answer) = self.driver.next_answer() {
            self.relay.handle_input(now(), answer.input());
        }
        let late = self.timer.poll(cx, deadline).is_ready();
        if late {
            if let Some(path) = &self.path {
                self.relay.handle_traffic(now(), path.traffic());
            }
            self.relay.handle_timeout(now());
        }
        if happened || late { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Future for Pair {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.introduce();
        while let ControlFlow::Continue(deadline) = self.drain() {
            ready!(self.poll_turn(cx, deadline));
        }
        Poll::Ready(())
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        if self.hook.0.is_some() && self.seen.is_none() {
            // The handler never said that the two may meet.
            return;
        }
        if let Some(path) = &self.path {
            self.relay.handle_traffic(now(), path.traffic());
        }
        self.relay.close(now());
        let _ = self.drain();
    }
}
