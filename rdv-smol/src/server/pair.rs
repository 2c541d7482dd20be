//! A pair's loop: drives its [`Relay`], and copies its bytes.

use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use rdv_core::{Allowance, ConnId, Output, Relay, RelayEvent};
use rdv_socket::relay::Pool;

use super::copy::Copy;
use crate::driver::{Driver, Socket, Timer};

/// Two clients that found each other: a future that ends with their relay. Dropping it shuts the relay down, which
/// cuts off what is relayed.
pub(super) struct Pair {
    relay: Relay,
    /// Until the bytes are copied.
    driver: Option<Box<Driver>>,
    timer: Timer,
    copy: Option<Box<Copy>>,
    pool: Pool,
}

impl Pair {
    /// A socket that is missing has been closed. Pipes are to come from this pool.
    pub(super) fn new(relay: Relay, sockets: [(ConnId, Option<Socket>); 2], pool: Pool) -> Self {
        let mut driver = Driver::default();
        for (conn, socket) in sockets {
            driver.add(conn, socket.ok_or_else(|| ErrorKind::NotConnected.into()));
        }
        Self { relay, driver: Some(Box::new(driver)), timer: Timer::default(), copy: None, pool }
    }

    /// Has the relay do what it wants. Goes on with its deadline, unless it is history.
    fn drain(&mut self) -> ControlFlow<(), Option<Instant>> {
        loop {
            match self.relay.poll_output() {
                Output::Intent(intent) => match (&mut self.copy, &mut self.driver) {
                    (Some(copy), _) => copy.perform(&intent),
                    (None, Some(driver)) => driver.perform(intent),
                    (None, None) => {}
                },
                Output::Event(RelayEvent::Splice(splice)) => {
                    if let Some(mut driver) = self.driver.take() {
                        self.copy = Some(Box::new(Copy::new(splice, &mut driver, self.pool.clone())));
                    }
                }
                Output::Event(RelayEvent::Finished(report)) => {
                    report.log();
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
                    self.relay.handle_input(Instant::now(), answer.input());
                }
                happened
            }
            None => self.poll_copy(cx, &mut deadline),
        };
        let late = self.timer.poll(cx, deadline).is_ready();
        if late {
            if let Some(copy) = &self.copy {
                self.relay.handle_traffic(Instant::now(), copy.traffic());
            }
            self.relay.handle_timeout(Instant::now());
        }
        if happened || late { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Pair {
    /// Carries on with the data path, as far as the relay allows; or else the deadline becomes that of the relay. Whether
    /// the relay has been told something.
    fn poll_copy(&mut self, cx: &mut Context<'_>, deadline: &mut Option<Instant>) -> bool {
        let Some(copy) = &mut self.copy else {
            return false;
        };
        let is_limited = self.relay.is_limited();
        let most = match if is_limited {
            self.relay.allowance(Instant::now())
        } else {
            Allowance::Carry(u64::MAX)
        } {
            Allowance::Carry(most) => most,
            Allowance::Wait(at) => {
                *deadline = Some(deadline.map_or(at, |deadline| deadline.min(at)));
                return false;
            }
        };
        let ended = copy.poll(cx, most);
        let traffic = copy.traffic();
        match ended {
            Poll::Ready(end) => self.relay.handle_end(Instant::now(), traffic, end),
            Poll::Pending if is_limited => self.relay.handle_traffic(Instant::now(), traffic),
            Poll::Pending => {}
        }
        // That may have been its end.
        ended.is_ready() || is_limited && !self.relay.is_limited()
    }
}

impl Future for Pair {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        while let ControlFlow::Continue(deadline) = self.drain() {
            ready!(self.poll_turn(cx, deadline));
        }
        Poll::Ready(())
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        if let Some(copy) = &self.copy {
            self.relay.handle_traffic(Instant::now(), copy.traffic());
        }
        self.relay.close(Instant::now());
        let _ = self.drain();
    }
}
