//! Completions by async-io: carries out the core's intents on its sockets, and queues the answers.

mod end;
mod stream;
mod timer;
mod wake;

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::{NonZeroU16, NonZeroUsize};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use async_io::Async;
use bytes::{Buf, Bytes};
use futures_lite::io::{AsyncRead, AsyncWrite};
use rdv_core::{ConnId, ConnMap, Input, Intent};

use self::wake::Woken;
pub(crate) use end::StreamEnd;
pub(crate) use stream::Stream;
pub(crate) use timer::Timer;

/// The sockets of one machine. Dropping it closes them all.
#[derive(Debug, Default)]
pub(crate) struct Driver {
    sockets: ConnMap<Registered>,
    answers: VecDeque<Answer>,
    woken: Arc<Woken>,
}

#[derive(Debug)]
struct Registered {
    socket: Socket,
    /// Names this socket to the driver, and wakes the driver's task.
    waker: Waker,
}

/// A connection, and what is under way on it.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: Stream,
    connecting: bool,
    /// At most so many bytes.
    read: Option<NonZeroU16>,
    /// Boxed, for it is rare.
    write: Option<Box<Bytes>>,
}

/// An [`Input`] that owns its bytes.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) conn: ConnId,
    what: What,
}

#[derive(Debug)]
enum What {
    Connected,
    Read(Box<[u8]>),
    Wrote,
    Quiet,
    Failed(io::Error),
}

impl Driver {
    /// Takes on a connection. An error is answered, like any other failure of it.
    pub(crate) fn add(&mut self, conn: ConnId, socket: io::Result<Socket>) {
        match socket {
            Ok(socket) => {
                let waker = wake::waker(conn, &self.woken);
                self.sockets.insert(conn, Registered { socket, waker });
                self.advance(conn);
            }
            Err(err) => self.answers.push_back(Answer { conn, what: What::Failed(err) }),
        }
    }

    /// Hands a connection over, along with what is under way on it.
    pub(crate) fn remove(&mut self, conn: ConnId) -> Option<Socket> {
        self.sockets.remove(conn).map(|it| it.socket)
    }

    /// Has a connection go on as another one on the same socket, which is to be connected by what is to begin on it.
    pub(crate) fn wrap(&mut self, conn: ConnId, wrap: impl FnOnce(Stream) -> io::Result<Stream>) {
        if let Some(socket) = self.remove(conn) {
            self.add(conn, wrap(socket.stream).map(Socket::connecting));
        }
    }

    /// Carries out an intent. Connect and Secure are the exceptions: whoever has the port opens the connection, and adds
    /// it; and whoever has the means of TLS wraps it.
    pub(crate) fn perform(&mut self, intent: Intent) {
        match intent {
            Intent::Connect { conn, .. } => self.add(conn, Err(io::ErrorKind::Unsupported.into())),
            Intent::Secure { conn, .. } => self.wrap(conn, |_| Err(io::ErrorKind::Unsupported.into())),
            Intent::Read { conn, max } => self.with(conn, |socket, cx| {
                socket.read = Some(at_once(max));
                socket.poll_read(cx)
            }),
            Intent::Write { conn, data } => self.with(conn, |socket, cx| {
                socket.write = Some(Box::new(data));
                socket.poll_write(cx)
            }),
            Intent::Check { conn } => self.with(conn, |socket, cx| match socket.poll_read(cx) {
                Poll::Pending if socket.read.is_some() => Poll::Ready(What::Quiet),
                answer @ (Poll::Ready(_) | Poll::Pending) => answer,
            }),
            Intent::StopRead { conn } => self.with(conn, |socket, cx| match socket.poll_read(cx) {
                Poll::Pending if socket.read.take().is_some() => Poll::Ready(What::Quiet),
                answer @ (Poll::Ready(_) | Poll::Pending) => answer,
            }),
            Intent::Shutdown { conn } => self.with(conn, |socket, cx| {
                // If the connection is gone already, the next read will say so.
                let _ = Pin::new(&mut socket.stream).poll_close(cx);
                Poll::Pending
            }),
            Intent::Close { conn } => drop(self.remove(conn)),
            Intent::Reset { conn } => {
                if let Some(socket) = self.remove(conn) {
                    socket.stream.reset();
                }
            }
        }
    }

    /// Carries on with every socket that something has happened to. Ready if there is an answer to be fed.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for conn in self.woken.take(cx.waker()) {
            self.advance(conn);
        }
        if self.answers.is_empty() { Poll::Pending } else { Poll::Ready(()) }
    }

    /// The next answer to be fed to a machine.
    pub(crate) fn next_answer(&mut self) -> Option<Answer> {
        self.answers.pop_front()
    }

    /// Carries on with whatever is under way on a connection.
    fn advance(&mut self, conn: ConnId) {
        self.with(conn, Socket::poll_connect);
        self.with(conn, Socket::poll_write);
        self.with(conn, Socket::poll_read);
    }

    fn with(&mut self, conn: ConnId, act: impl FnOnce(&mut Socket, &mut Context<'_>) -> Poll<What>) {
        let Some(Registered { socket, waker }) = self.sockets.get_mut(conn) else {
            return;
        };
        if let Poll::Ready(what) = act(socket, &mut Context::from_waker(waker)) {
            if let What::Failed(_) = what {
                // Of everything under way: there is no other answer.
                (socket.read, socket.write) = (None, None);
            }
            self.answers.push_back(Answer { conn, what });
        }
    }
}

impl Socket {
    /// A connection that is up.
    pub(crate) fn connected(stream: Stream) -> Self {
        Self { stream, connecting: false, read: None, write: None }
    }

    /// A connection that has been begun.
    pub(crate) fn connecting(stream: Stream) -> Self {
        Self { stream, connecting: true, read: None, write: None }
    }

    pub(crate) fn into_stream(self) -> Stream {
        self.stream
    }

    fn poll_connect(&mut self, cx: &mut Context<'_>) -> Poll<What> {
        if !self.connecting {
            return Poll::Pending;
        }
        let result = ready!(self.stream.poll_connect(cx));
        self.connecting = false;
        Poll::Ready(result.map_or_else(What::Failed, |()| What::Connected))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<What> {
        let Some(max) = self.read.filter(|_| !self.connecting) else {
            return Poll::Pending;
        };
        let mut data = [0; READ_MAX];
        let buf = &mut data[..usize::from(max.get())];
        let result = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        self.read = None;
        Poll::Ready(result.map_or_else(What::Failed, |len| What::Read(data[..len].into())))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<What> {
        let Some(data) = self.write.as_mut().filter(|_| !self.connecting) else {
            return Poll::Pending;
        };
        let mut stream = Pin::new(&mut self.stream);
        let result = loop {
            if data.is_empty() {
                break ready!(stream.as_mut().poll_flush(cx));
            }
            match ready!(stream.as_mut().poll_write(cx, data)) {
                Ok(len) => data.advance(len),
                Err(err) => break Err(err),
            }
        };
        self.write = None;
        Poll::Ready(result.map_or_else(What::Failed, |()| What::Wrote))
    }
}

impl Answer {
    /// The same as a machine takes it.
    pub(crate) fn input(&self) -> Input<'_> {
        match &self.what {
            What::Connected => Input::Connected(self.conn),
            What::Read(data) => Input::Read(self.conn, data),
            What::Wrote => Input::Wrote(self.conn),
            What::Quiet => Input::Quiet(self.conn),
            What::Failed(err) => Input::Failed(self.conn, err.kind()),
        }
    }

    /// The error in full, if it is one.
    pub(crate) fn into_error(self) -> Option<io::Error> {
        match self.what {
            What::Failed(err) => Some(err),
            What::Connected | What::Read(_) | What::Wrote | What::Quiet => None,
        }
    }
}

/// Accepts a connection, once there is one.
pub(crate) fn poll_accept(
    listener: &Async<TcpListener>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<(Async<TcpStream>, SocketAddr)>> {
    loop {
        match rdv_socket::accept(listener.get_ref()) {
            Err(err) if err.kind() == io::ErrorKind::WouldBlock => ready!(listener.poll_readable(cx))?,
            Err(err) => return Poll::Ready(Err(err)),
            Ok((stream, from)) => {
                return Poll::Ready(Async::new_nonblocking(stream).map(|stream| (stream, from)));
            }
        }
    }
}

/// Of so many bytes, those that one read may bring.
fn at_once(max: NonZeroUsize) -> NonZeroU16 {
    u16::try_from(max.get().min(READ_MAX)).ok().and_then(NonZeroU16::new).unwrap_or(NonZeroU16::MIN)
}

/// One read brings at most this much.
const READ_MAX: usize = 2048;

#[cfg(test)]
mod tests;
