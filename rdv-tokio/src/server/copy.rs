//! The relay's data path: a plain copy in both directions, by rdv/1 section 5.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rdv_core::{ConnId, DataEnd, Splice, Traffic};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::driver::{Driver, Stream};

/// Both directions of a pair.
#[derive(Debug)]
pub(super) struct Copy {
    to_accepter: Direction,
    to_dialer: Direction,
}

#[derive(Debug)]
struct Direction {
    from: ConnId,
    to: ConnId,
    /// Read, and not written yet, since `to` was not ready. Empty but for then.
    rest: Vec<u8>,
    passed_on: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// `from` has ended its stream; `rest` is still to be written.
    Ending,
    /// And `to` has been told by a FIN.
    Ended,
}

impl Copy {
    pub(super) fn new(splice: Splice) -> Self {
        let Splice { dialer, accepter, early, .. } = splice;
        let direction = |from, to| Direction { from, to, rest: Vec::new(), passed_on: 0, state: State::Open };
        let mut copy =
            Self { to_accepter: direction(dialer, accepter), to_dialer: direction(accepter, dialer) };
        copy.to_dialer.rest = early.data.to_vec();
        if early.eof {
            copy.to_dialer.state = State::Ending;
        }
        copy
    }

    pub(super) fn traffic(&self) -> Traffic {
        Traffic { to_accepter: self.to_accepter.passed_on, to_dialer: self.to_dialer.passed_on }
    }

    /// Copies what there is to copy. Ready at the end of both directions, or at the first error.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, driver: &mut Driver) -> Poll<DataEnd> {
        BUFFER.with_borrow_mut(|buffer| {
            buffer.resize(BUFFER_LEN, 0);
            for direction in [&mut self.to_accepter, &mut self.to_dialer] {
                if let Poll::Ready(Err((conn, err))) = direction.poll(cx, driver, buffer) {
                    return Poll::Ready(DataEnd::Broken(conn, err.kind()));
                }
            }
            if self.to_accepter.state == State::Ended && self.to_dialer.state == State::Ended {
                return Poll::Ready(DataEnd::Complete);
            }
            Poll::Pending
        })
    }
}

impl Direction {
    /// Ready at the end, or with the connection that failed. That others get their turn is tokio's doing: it lets
    /// a task do only so much at a time.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        driver: &mut Driver,
        buffer: &mut [u8],
    ) -> Poll<Result<(), (ConnId, io::Error)>> {
        loop {
            ready!(self.poll_rest(cx, driver))?;
            match self.state {
                State::Open => {}
                State::Ending => {
                    // Whether `to` is gone already, its own direction will say.
                    let _ = ready!(self.stream(driver, self.to)?.poll_shutdown(cx));
                    self.state = State::Ended;
                    return Poll::Ready(Ok(()));
                }
                State::Ended => return Poll::Ready(Ok(())),
            }
            let mut read = ReadBuf::new(buffer);
            ready!(self.stream(driver, self.from)?.poll_read(cx, &mut read))
                .map_err(|err| (self.from, err))?;
            let read = read.filled();
            if read.is_empty() {
                self.state = State::Ending;
                continue;
            }
            let written = match self.stream(driver, self.to)?.poll_write(cx, read) {
                Poll::Ready(Ok(written)) => written,
                Poll::Ready(Err(err)) => return Poll::Ready(Err((self.to, err))),
                Poll::Pending => 0,
            };
            self.passed_on += written as u64;
            self.rest.extend_from_slice(&read[written..]);
        }
    }

    /// Writes what was left over.
    fn poll_rest(
        &mut self,
        cx: &mut Context<'_>,
        driver: &mut Driver,
    ) -> Poll<Result<(), (ConnId, io::Error)>> {
        while !self.rest.is_empty() {
            let written = ready!(self.stream(driver, self.to)?.poll_write(cx, &self.rest));
            let written = written.map_err(|err| (self.to, err))?;
            self.passed_on += written as u64;
            self.rest.drain(..written);
        }
        // A pair that is quiet holds no memory for its bytes.
        self.rest = Vec::new();
        // TLS may hold some of what it has taken.
        self.stream(driver, self.to)?.poll_flush(cx).map_err(|err| (self.to, err))
    }

    fn stream<'a>(
        &self,
        driver: &'a mut Driver,
        conn: ConnId,
    ) -> Result<Pin<&'a mut Stream>, (ConnId, io::Error)> {
        let stream = driver.stream_mut(conn).map(Pin::new);
        stream.ok_or_else(|| (conn, ErrorKind::NotConnected.into()))
    }
}

thread_local! {
    /// Bytes on their way; one for all pairs of a thread, since none stay in it.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

const BUFFER_LEN: usize = 64 * 1024;
