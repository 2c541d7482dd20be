//! The relay's data path: both directions of a pair, carried by rdv-socket.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::pin::pin;
use std::task::{Context, Poll};

use rdv_core::{ConnId, DataEnd, Intent, Splice, Traffic};
use rdv_relay::Plain;
use rdv_socket::relay::{BUFFER_LEN, Carried, Exchange, Flow, Pool};
use tokio::net::TcpStream;

use crate::driver::{Driver, Socket, Stream, StreamEnd};

/// The connections of a pair, the dialer's and the accepter's, and what goes on between them.
#[derive(Debug)]
pub(super) struct Copy {
    conns: [ConnId; 2],
    /// Without those that have been closed.
    streams: [Option<Stream>; 2],
    exchange: Exchange,
    pool: Pool,
}

impl Copy {
    /// Takes the connections from the driver. Pipes are to come from this pool.
    pub(super) fn new(splice: Splice, driver: &mut Driver, pool: Pool) -> Self {
        let Splice { dialer, accepter, early, behind_command, .. } = splice;
        let to_accepter = Flow::new(behind_command.to_vec(), false);
        let to_dialer = Flow::new(early.data.to_vec(), early.eof);
        let conns = [dialer, accepter];
        let streams = conns.map(|conn| driver.remove(conn).map(Socket::into_stream));
        Self { conns, streams, exchange: Exchange::new(to_accepter, to_dialer), pool }
    }

    pub(super) fn traffic(&self) -> Traffic {
        let [to_accepter, to_dialer] = self.exchange.carried();
        Traffic { to_accepter, to_dialer }
    }

    /// Copies what there is to copy, by so many bytes at the most, and not without end while others wait. Ready at the end of
    /// both directions, or at the first error.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, most: u64) -> Poll<DataEnd> {
        let pair = match &mut self.streams {
            [Some(one), Some(two)] => [one, two],
            [None, _] => return Poll::Ready(DataEnd::Broken(self.conns[0], ErrorKind::NotConnected)),
            [_, None] => return Poll::Ready(DataEnd::Broken(self.conns[1], ErrorKind::NotConnected)),
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

    /// Whether they need nothing of the runtime: both are plain sockets.
    pub(super) fn can_leave(&self) -> bool {
        self.streams.iter().all(|stream| matches!(stream, Some(Stream::Plain(_))))
    }

    /// Takes the connections from the runtime that they belong to, with what goes on between them. One that it does not let go
    /// is closed.
    pub(super) fn leave(self) -> ([ConnId; 2], Exchange, [Option<Plain>; 2]) {
        let legs = self.streams.map(|stream| match stream {
            Some(Stream::Plain(tcp)) => left(tcp),
            _ => None,
        });
        (self.conns, self.exchange, legs)
    }

    /// Carries out an intent. A relay that is spliced has but two.
    pub(super) fn perform(&mut self, intent: &Intent) {
        let (Intent::Close { conn } | Intent::Reset { conn }) = intent else {
            debug_assert!(false, "{intent:?} while bytes are copied");
            return;
        };
        let which = self.conns.iter().position(|it| it == conn);
        let stream = which.and_then(|which| self.streams[which].take());
        if let (Intent::Reset { .. }, Some(stream)) = (intent, stream) {
            stream.reset();
        }
    }
}

fn left(tcp: TcpStream) -> Option<Plain> {
    let tcp = tcp.into_std();
    tcp.inspect_err(|err| log::debug!("cannot take a connection from its runtime: {err}"))
        .ok()
        .map(Plain::from)
}

thread_local! {
    /// Bytes on their way; one for all pairs of a thread, since none stay in it.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}
