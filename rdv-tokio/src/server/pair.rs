//! A pair's loop: drives its [`Relay`], and its data path.

use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use rdv_core::{Allowance, ConnId, Output, Reject, Relay, RelayEvent, Traffic};
use rdv_socket::relay::Pool;

use super::path::Path;
use super::threads::{Ended, Office, Relayed};
use crate::driver::{Driver, Socket, Timer, now};
use crate::handler::{Hook, MatchedPair, Relayer, Verdict};

/// Two clients that found each other: a future that ends with their relay, or when [others](super::threads) may copy their bytes.
/// Dropping it shuts the relay down, which cuts off what is relayed.
pub(super) struct Pair(Option<Introduced>);

struct Introduced {
    relay: Relay,
    /// Until the bytes are carried.
    driver: Option<Box<Driver>>,
    timer: Timer,
    path: Option<Path>,
    pool: Pool,
    /// Of the threads that it may go on by.
    office: Option<Arc<Office>>,
    hook: Hook,
    /// What the handler has seen, once it has; and its own relay, until that begins.
    seen: Option<Arc<MatchedPair>>,
    relayer: Option<Relayer>,
}

impl Pair {
    /// A socket that is missing has been closed. Pipes are to come from this pool, while the pair is here.
    pub(super) fn new(
        relay: Relay,
        sockets: [(ConnId, Option<Socket>); 2],
        pool: Pool,
        hook: Hook,
        office: Option<Arc<Office>>,
    ) -> Self {
        let mut driver = Driver::default();
        for (conn, socket) in sockets {
            driver.add(conn, socket.ok_or_else(|| ErrorKind::NotConnected.into()));
        }
        let (driver, timer) = (Some(Box::new(driver)), Timer::default());
        let (path, seen, relayer) = (None, None, None);
        Self(Some(Introduced { relay, driver, timer, path, pool, office, hook, seen, relayer }))
    }
}

impl Introduced {
    /// Asks the handler, if there is one, before anything is said to the clients.
    fn introduce(&mut self) {
        if let (Some(handler), None) = (&self.hook.0, &self.seen)
            && let Some(pair) = MatchedPair::of(&self.relay).map(Arc::new)
        {
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
                Output::Intent(intent) => match (&mut self.path, &mut self.driver) {
                    (Some(path), _) => path.perform(&intent),
                    (None, Some(driver)) => driver.perform(intent),
                    (None, None) => {}
                },
                Output::Event(RelayEvent::Splice(splice)) => {
                    let Some(driver) = &mut self.driver else {
                        continue;
                    };
                    match Path::new(splice, self.relayer.take(), driver, &self.pool) {
                        Ok(path) => (self.path, self.driver) = (Some(path), None),
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
    fn poll_turn(&mut self, cx: &mut Context<'_>, mut deadline: Option<Instant>) -> Poll<()> {
        let happened = match &mut self.driver {
            Some(driver) => {
                let happened = driver.poll(cx).is_ready();
                while let Some(answer) = driver.next_answer() {
                    self.relay.handle_input(now(), answer.input());
                }
                happened
            }
            None => self.poll_path(cx, &mut deadline),
        };
        let late = self.timer.poll(cx, deadline).is_ready();
        if late {
            if let Some(path) = &self.path {
                self.relay.handle_traffic(now(), path.traffic());
            }
            self.relay.handle_timeout(now());
        }
        if happened || late { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Whether it may go on without the runtime from now on.
    fn can_leave(&self) -> bool {
        self.office.is_some() && matches!(&self.path, Some(Path::Copy(copy)) if copy.can_leave())
    }

    fn leave(self) -> Option<Relayed> {
        let (Some(Path::Copy(copy)), Some(office)) = (self.path, self.office) else {
            return None;
        };
        let (conns, exchange, legs) = copy.leave();
        let ended = Ended::new(office, self.seen);
        Some(Box::new(rdv_relay::Pair::resumed(self.relay, conns, exchange, legs, ended)))
    }

    /// Carries on with the data path, as far as the relay allows; or else the deadline becomes that of the relay. Whether
    /// the relay has been told something.
    fn poll_path(&mut self, cx: &mut Context<'_>, deadline: &mut Option<Instant>) -> bool {
        let Some(path) = &mut self.path else {
            return false;
        };
        let is_limited = self.relay.is_limited() && path.is_ours();
        let most = match if is_limited { self.relay.allowance(now()) } else { Allowance::Carry(u64::MAX) } {
            Allowance::Carry(most) => most,
            Allowance::Wait(at) => {
                *deadline = Some(deadline.map_or(at, |deadline| deadline.min(at)));
                return false;
            }
        };
        let ended = path.poll(cx, most);
        let traffic = path.traffic();
        match ended {
            Poll::Ready(end) => self.relay.handle_end(now(), traffic, end),
            Poll::Pending if is_limited => self.relay.handle_traffic(now(), traffic),
            Poll::Pending => {}
        }
        // That may have been its end.
        ended.is_ready() || is_limited && !self.relay.is_limited()
    }
}

impl Future for Pair {
    type Output = Option<Relayed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(pair) = &mut self.0 else {
            return Poll::Ready(None);
        };
        pair.introduce();
        while let ControlFlow::Continue(deadline) = pair.drain() {
            let turn = if pair.can_leave() { Poll::Pending } else { pair.poll_turn(cx, deadline) };
            // What an HTTP stack has in a socket's place may only now have become one.
            if turn.is_pending() && pair.can_leave() {
                return Poll::Ready(self.0.take().and_then(Introduced::leave));
            }
            ready!(turn);
        }
        Poll::Ready(None)
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        let Some(mut pair) = self.0.take() else {
            return;
        };
        if pair.hook.0.is_some() && pair.seen.is_none() {
            // The handler never said that the two may meet.
            return;
        }
        if let Some(path) = &pair.path {
            pair.relay.handle_traffic(now(), path.traffic());
        }
        pair.relay.close(now());
        let _ = pair.drain();
    }
}
