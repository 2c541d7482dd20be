//! Completions by mio: carries out the core's intents on non-blocking sockets, and queues the answers.

mod end;
mod stream;
mod tls;

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::num::{NonZeroU16, NonZeroUsize};
use std::time::Instant;

use bytes::{Buf, Bytes};
use mio::{Events, Interest, Poll, Registry, Token};
use rdv_core::{ConnId, ConnMap, Input, Intent};
use rdv_relay::{Ready, wait};
use rdv_socket::relay::{End, Way};

pub(crate) use stream::Stream;

/// The sockets of one machine, or of many whose ids do not collide. The number of an id is the mio token as well.
#[derive(Debug)]
pub(crate) struct Driver {
    poll: Poll,
    sockets: ConnMap<Socket>,
    answers: VecDeque<Answer>,
    /// What a read brings; one for all, since nothing stays in it.
    buffer: Box<[u8]>,
}

/// A connection, and what is under way on it.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: Stream,
    ready: Ready,
    connecting: bool,
    /// Whether a machine waits for it to be connected.
    dialled: bool,
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
    pub(crate) fn new(poll: Poll) -> Self {
        let buffer = vec![0; READ_MAX].into();
        Self { poll, sockets: ConnMap::new(), answers: VecDeque::new(), buffer }
    }

    pub(crate) fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    /// Takes on a connection. An error is answered, like any other failure of it.
    pub(crate) fn add(&mut self, socket: io::Result<Socket>, conn: ConnId) {
        let added = socket.and_then(|mut socket| {
            socket.register(self.poll.registry(), token_of(conn))?;
            Ok(self.sockets.insert(conn, socket))
        });
        match added {
            // mio reports edges, and this one's may have passed.
            Ok(_) => self.advance(conn),
            Err(err) => self.answers.push_back(Answer { conn, what: What::Failed(err) }),
        }
    }

    /// Hands a connection over, along with what is under way on it.
    pub(crate) fn remove(&mut self, conn: ConnId) -> Option<Socket> {
        Some(self.sockets.remove(conn)?.deregister(self.poll.registry()))
    }

    /// Has a connection go on as another one on the same socket, which is to be connected by what is to begin on it.
    pub(crate) fn wrap(&mut self, conn: ConnId, wrap: impl FnOnce(Stream) -> io::Result<Stream>) {
        let Some(Socket { stream, .. }) = self.sockets.remove(conn) else {
            return;
        };
        match wrap(stream) {
            Ok(stream) => {
                self.sockets.insert(conn, Socket::connecting(stream));
                self.advance(conn);
            }
            Err(err) => self.answers.push_back(Answer { conn, what: What::Failed(err) }),
        }
    }

    /// Carries out an intent. Connect and Secure are the exceptions: whoever has the port opens the connection, and adds
    /// it; and whoever has the means of TLS wraps it.
    pub(crate) fn perform(&mut self, intent: Intent) {
        match intent {
            Intent::Connect { conn, .. } => self.add(Err(ErrorKind::Unsupported.into()), conn),
            Intent::Secure { conn, .. } => self.wrap(conn, |_| Err(ErrorKind::Unsupported.into())),
            Intent::Read { conn, max } => self.with(conn, |socket, buffer| {
                socket.read = Some(at_once(max));
                socket.try_read(buffer)
            }),
            Intent::Write { conn, data } => self.with(conn, |socket, _| {
                socket.write = Some(Box::new(data));
                socket.try_write()
            }),
            Intent::Check { conn } => self.with(conn, |socket, buffer| {
                socket.read_now(buffer).or_else(|| socket.read.map(|_| What::Quiet))
            }),
            Intent::StopRead { conn } => self.with(conn, |socket, buffer| {
                socket.read_now(buffer).or_else(|| socket.read.take().map(|_| What::Quiet))
            }),
            Intent::Shutdown { conn } => self.with(conn, |socket, _| {
                // If the connection is gone already, the next read will say so.
                let _ = socket.stream.shutdown_write();
                None
            }),
            // Its place in the poller goes with it.
            Intent::Close { conn } => drop(self.sockets.remove(conn)),
            Intent::Reset { conn } => {
                if let Some(socket) = self.remove(conn) {
                    socket.stream.reset();
                }
            }
        }
    }

    /// The next answer to be fed to a machine.
    pub(crate) fn next_answer(&mut self) -> Option<Answer> {
        self.answers.pop_front()
    }

    /// Forgets the answers that are queued for connections whose machine has ended: another one would not know them.
    pub(crate) fn drop_answers(&mut self, conns: [ConnId; 2]) {
        self.answers.retain(|answer| !conns.contains(&answer.conn));
    }

    /// Waits until something happens, at the longest until `deadline`. Listeners and wakers have tokens from the other end
    /// of the range: the caller looks after them when this returns `true`.
    pub(crate) fn wait(&mut self, events: &mut Events, deadline: Option<Instant>) -> io::Result<bool> {
        wait(&mut self.poll, events, deadline)?;
        let mut others = false;
        for event in events.iter() {
            others |= event.token().0 >= OTHERS;
            if let Some((conn, socket)) = self.sockets.numbered_mut(event.token().0 as u64) {
                socket.ready.learn(event);
                if socket.connecting || socket.read.is_some() || socket.write.is_some() {
                    self.advance(conn);
                }
            }
        }
        events.clear();
        Ok(others)
    }

    /// Carries on with whatever is under way on a connection.
    fn advance(&mut self, conn: ConnId) {
        self.with(conn, |socket, _| socket.try_connect());
        self.with(conn, |socket, _| socket.try_write());
        self.with(conn, Socket::try_read);
    }

    fn with(&mut self, conn: ConnId, act: impl FnOnce(&mut Socket, &mut [u8]) -> Option<What>) {
        let Some(socket) = self.sockets.get_mut(conn) else {
            return;
        };
        if let Some(what) = act(socket, &mut self.buffer) {
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
        Self { stream, ready: Ready::MAYBE, connecting: false, dialled: false, read: None, write: None }
    }

    /// A connection that has been begun.
    pub(crate) fn connecting(stream: Stream) -> Self {
        Self { stream, ready: Ready::MAYBE, connecting: true, dialled: true, read: None, write: None }
    }

    /// A connection that came in, and is not up yet: no machine asked for that, so none is told.
    pub(crate) fn accepting(stream: Stream) -> Self {
        Self { dialled: false, ..Self::connecting(stream) }
    }

    /// Has a poller report what happens to it. Nothing is known of that yet.
    fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(self.stream.source(), token, Interest::READABLE | Interest::WRITABLE)?;
        self.ready = Ready::MAYBE;
        Ok(())
    }

    fn deregister(mut self, registry: &Registry) -> Self {
        if let Err(err) = registry.deregister(self.stream.source()) {
            log::debug!("cannot deregister a connection: {err}");
        }
        self
    }

    pub(crate) fn into_stream(self) -> Stream {
        self.stream
    }

    fn try_connect(&mut self) -> Option<What> {
        if !self.connecting {
            return None;
        }
        match self.stream.connect_finished() {
            Ok(true) => {
                self.connecting = false;
                self.dialled.then_some(What::Connected)
            }
            Ok(false) => None,
            Err(err) => {
                self.connecting = false;
                Some(What::Failed(err))
            }
        }
    }

    fn try_read(&mut self, buffer: &mut [u8]) -> Option<What> {
        let max = self.read.filter(|_| !self.connecting)?;
        let result = End::read(self, &mut buffer[..max.get().into()]);
        let what = match result {
            Err(err) if is_not_yet(&err) => return None,
            Err(err) => What::Failed(err),
            Ok(len) => What::Read(buffer[..len].into()),
        };
        self.read = None;
        Some(what)
    }

    /// A read that does not rely on what the poller has said so far.
    fn read_now(&mut self, buffer: &mut [u8]) -> Option<What> {
        self.ready.doubt(Way::In);
        self.try_read(buffer)
    }

    fn try_write(&mut self) -> Option<What> {
        let data = self.write.as_mut().filter(|_| !self.connecting)?;
        let result = loop {
            if data.is_empty() {
                break self.stream.flush();
            }
            match self.stream.write(data) {
                Ok(len) => data.advance(len),
                Err(err) => break Err(err),
            }
        };
        let what = match result {
            Err(err) if is_not_yet(&err) => return None,
            Err(err) => What::Failed(err),
            Ok(()) => What::Wrote,
        };
        self.write = None;
        Some(what)
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

/// Whether an operation is to be tried again once the socket is ready. Non-blocking calls are not interrupted.
fn is_not_yet(err: &io::Error) -> bool {
    err.kind() == ErrorKind::WouldBlock
}

/// Ids count up from 1; tokens of listeners and wakers count down from the other end.
fn token_of(conn: ConnId) -> Token {
    Token(conn.to_u64() as usize)
}

/// Of so many bytes, those that one read may bring.
fn at_once(max: NonZeroUsize) -> NonZeroU16 {
    u16::try_from(max.get().min(READ_MAX)).ok().and_then(NonZeroU16::new).unwrap_or(NonZeroU16::MIN)
}

/// One read brings at most this much.
const READ_MAX: usize = 2048;
/// Tokens from here on are no connection's.
const OTHERS: usize = usize::MAX / 2;

#[cfg(test)]
mod tests;
