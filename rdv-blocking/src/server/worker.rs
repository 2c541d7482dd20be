//! A worker thread, as the front sees it: it is given pairs, and told to stop.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use mio::{Poll, Token, Waker};
use rdv_core::{Relay, Splice};
use rdv_socket::relay::Pool;

use super::shift::Shift;
use crate::driver::Socket;

/// The thread, and the way to it.
pub(super) struct Worker {
    orders: Sender<Order>,
    waker: Arc<Waker>,
    thread: JoinHandle<()>,
}

/// A pair on its way to a worker, to be copied. A socket that is missing has been closed.
pub(super) struct Pair {
    pub(super) relay: Relay,
    pub(super) splice: Splice,
    /// The dialer's and the accepter's.
    pub(super) sockets: [Option<Socket>; 2],
}

/// What a worker is told.
pub(super) enum Order {
    Serve(Box<Pair>),
    Stop,
}

impl Worker {
    /// With pipes from this pool.
    pub(super) fn start(pool: &Pool) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let (orders, receiver) = channel();
        let shift = Shift::new(poll, pool.clone());
        let thread = thread::Builder::new().name("rdv-relay".into()).spawn(move || shift.run(&receiver))?;
        Ok(Self { orders, waker, thread })
    }

    pub(super) fn serve(&self, pair: Pair) {
        self.order(Order::Serve(Box::new(pair)));
    }

    /// Cuts off all pairs, and ends.
    pub(super) fn stop(&self) {
        self.order(Order::Stop);
    }

    pub(super) fn join(self) {
        if self.thread.join().is_err() {
            log::error!(target: "server", "a relay thread has panicked");
        }
    }

    fn order(&self, order: Order) {
        if self.orders.send(order).is_err() {
            // It has been stopped already, or has failed and said so.
            return;
        }
        if let Err(err) = self.waker.wake() {
            log::error!(target: "server", "cannot wake a relay thread: {err}");
        }
    }
}

const WAKER: Token = Token(usize::MAX);
