//! The relay's data path: both directions of a pair, carried by rdv-socket.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::pin::pin;
use std::task::{Context, Poll};

use rdv_core::{ConnId, DataEnd, Splice, Traffic};
use rdv_socket::relay::{BUFFER_LEN, Carried, Exchange, Flow, Pool};

use crate::driver::{Driver, StreamEnd};

/// Both directions of a pair.
#[derive(Debug)]
pub(super) struct Copy {
    /// The dialer, and the accepter.
    conns: [ConnId; 2],
    exchange: Exchange,
    pool: Pool,
}

impl Copy {
    /// With pipes from this pool.
    pub(super) fn new(splice: Splice, pool: Pool) -> Self {
        let Splice { dialer, accepter, early, behind_command, .. } = splice;
        let to_accepter = Flow::new(behind_command.to_vec(), false);
        let to_dialer = Flow::new(early.data.to_vec(), early.eof);
        Self { conns: [dialer, accepter], exchange: Exchange::new(to_accepter, to_dialer), pool }
    }

    pub(super) fn traffic(&self) -> Traffic {
        let [to_accepter, to_dialer] = self.exchange.carried();
        Traffic { to_accepter, to_dialer }
    }

    /// Copies what there is to copy, by so many bytes at the most, and not without end while others wait. Ready at the end of
    /// both directions, or at the first error.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, driver: &mut Driver, most: u64) -> Poll<DataEnd> {
        let pair = match driver.pair_mut(self.conns) {
            Ok(pair) => pair,
            Err(conn) => return Poll::Ready(DataEnd::Broken(conn, ErrorKind::NotConnected)),
        };
        let [one, two] = &mut pair.map(|stream| StreamEnd::new(stream, cx.waker()));
        let carried = BUFFER.with_borrow_mut(|buffer| {
            buffer.resize(BUFFER_LEN, 0);
            self.exchange.carry([one, two], &self.pool, buffer, most)
        });
        match carried {
            Ok(Carried::Blocked) => {}
            // Behind a look at all sockets, which the runtime puts off while tasks wake themselves.
            Ok(Carried::Busy) => _ = pin!(tokio::task::yield_now()).poll(cx),
            Ok(Carried::Ended) => return Poll::Ready(DataEnd::Complete),
            Err((end, err)) => return Poll::Ready(DataEnd::Broken(self.conns[end], err.kind())),
        }
        Poll::Pending
    }
}

thread_local! {
    /// Bytes on their way; one for all pairs of a thread, since none stay in it.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}
