//! The relay's data path: both directions of a pair, carried by rdv-socket.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::pin::pin;
use std::task::{Context, Poll};

use rdv_core::{ConnId, DataEnd, Intent, Splice, Traffic};
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

    /// Whether they may leave the runtime that they belong to: plain sockets.
    pub(super) fn can_move(&self) -> bool {
        self.streams.iter().all(|stream| matches!(stream, Some(Stream::Plain(_))))
    }

    /// Takes the sockets from the runtime that they belong to, for another one. One that it does not let go is closed.
    pub(super) fn pack(&mut self) -> Sockets {
        Sockets(self.streams.each_mut().map(|stream| match stream.take() {
            Some(Stream::Plain(tcp)) => noted(tcp.into_std()),
            _ => None,
        }))
    }

    /// Has them belong to the runtime that this is called in.
    pub(super) fn unpack(&mut self, mut sockets: Sockets) {
        self.streams =
            std::mem::take(&mut sockets.0).map(|tcp| noted(TcpStream::from_std(tcp?)).map(Stream::Plain));
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

fn noted<T>(moved: io::Result<T>) -> Option<T> {
    moved.inspect_err(|err| log::debug!("cannot move a connection to another runtime: {err}")).ok()
}

/// A pair's sockets on their way from one runtime to another. One that is missing has been closed. Where the server ends
/// meanwhile they are reset, as anything is that it cuts off.
#[derive(Default)]
pub(super) struct Sockets([Option<std::net::TcpStream>; 2]);

impl Drop for Sockets {
    fn drop(&mut self) {
        self.0.iter_mut().filter_map(Option::take).for_each(rdv_socket::reset);
    }
}

thread_local! {
    /// Bytes on their way; one for all pairs of a thread, since none stay in it.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn sockets_that_arrive_nowhere_are_reset() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        drop(Sockets([Some(listener.accept().unwrap().0), None]));
        assert_eq!(peer.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}
