//! A pair's loop: drives its [`Relay`], and copies its bytes.

use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use rdv_core::{ConnId, Output, Relay, RelayEvent};
use rdv_socket::relay::Pool;

use super::copy::Copy;
use crate::driver::{Driver, Socket, Timer};

/// Two clients that found each other: a future that ends with their relay. Dropping it shuts the relay down, which
/// cuts off what is relayed.
pub(super) struct Pair {
    relay: Relay,
    driver: Driver,
    timer: Timer,
    copy: Option<Copy>,
    pool: Pool,
}

impl Pair {
    /// A socket that is missing has been closed. Pipes are to come from this pool.
    pub(super) fn new(relay: Relay, sockets: [(ConnId, Option<Socket>); 2], pool: Pool) -> Self {
        let mut driver = Driver::default();
        for (conn, socket) in sockets {
            driver.add(conn, socket.ok_or_else(|| ErrorKind::NotConnected.into()));
        }
        Self { relay, driver, timer: Timer::default(), copy: None, pool }
    }

    /// Has the relay do what it wants. Goes on with its deadline, unless it is history.
    fn drain(&mut self) -> ControlFlow<(), Option<Instant>> {
        loop {
            match self.relay.poll_output() {
                Output::Intent(intent) => self.driver.perform(intent),
                Output::Event(RelayEvent::Splice(splice)) => {
                    self.copy = Some(Copy::new(splice, self.pool.clone()));
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
    fn poll_turn(&mut self, cx: &mut Context<'_>, deadline: Option<Instant>) -> Poll<()> {
        let happened = match &mut self.copy {
            None => self.driver.poll(cx).is_ready(),
            Some(copy) => match copy.poll(cx, &mut self.driver) {
                Poll::Ready(end) => {
                    self.relay.handle_end(Instant::now(), copy.traffic(), end);
                    true
                }
                Poll::Pending => false,
            },
        };
        while let Some(answer) = self.driver.next_answer() {
            self.relay.handle_input(Instant::now(), answer.input());
        }
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
