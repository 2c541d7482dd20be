//! The data path of a relay: a plain copy in both directions, by rdv/1 section 5, at the least cost that the system allows.
//!
//! A [`Flow`] is one direction, an [`Exchange`] both. It is told of both [ends](End), which an adapter makes of its own
//! streams, and [carries](Flow::carry) bytes until one of them is not ready. Nothing here waits.
//!
//! Small exchanges are a `recv` and a `send`. Once reads come back full, bytes between two plain sockets go through a pipe
//! by splice(2), where there is that: they are not copied. Everywhere else, and over TLS, they are copied.
//!
//! A flow that carries nothing holds nothing: no buffer, for that is one of the calling thread, and no pipe, for a pipe is
//! lent by the server's [`Pool`] only while it holds bytes.
//!
//! ```
//! use std::io::{self, Read, Write};
//! use std::net::{Shutdown, TcpListener, TcpStream};
//!
//! use rdv_socket::relay::{BUFFER_LEN, Carried, End, Flow, Pool, Tcp, Way};
//!
//! /// A socket that blocks, and so is always ready.
//! struct Patient(TcpStream);
//!
//! impl End for Patient {
//!     fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
//!         self.0.read(buf)
//!     }
//!     fn write(&mut self, data: &[u8]) -> io::Result<usize> {
//!         self.0.write(data)
//!     }
//!     fn flush(&mut self) -> io::Result<()> {
//!         Ok(())
//!     }
//!     fn finish(&mut self) -> io::Result<()> {
//!         self.0.shutdown(Shutdown::Write)
//!     }
//!     fn is_plain(&self) -> bool {
//!         true
//!     }
//!     fn on_socket(
//!         &mut self,
//!         _: Way,
//!         act: &mut dyn FnMut(Tcp<'_>) -> io::Result<usize>,
//!     ) -> io::Result<usize> {
//!         act(Tcp::of(&self.0))
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let connect = || -> io::Result<_> {
//!     let client = TcpStream::connect(listener.local_addr()?)?;
//!     Ok((client, Patient(listener.accept()?.0)))
//! };
//! let ((mut alice, mut from), (mut bob, mut to)) = (connect()?, connect()?);
//! alice.write_all(b"hello")?;
//! alice.shutdown(Shutdown::Write)?;
//!
//! let (pool, mut buffer, mut most) = (Pool::default(), vec![0; BUFFER_LEN], u64::MAX);
//! let mut flow = Flow::new(Vec::new(), false);
//! while flow.carry(&mut from, &mut to, &pool, &mut buffer, &mut most)? != Carried::Ended {}
//! assert_eq!(flow.carried(), 5);
//!
//! let mut got = String::new();
//! bob.read_to_string(&mut got)?;
//! assert_eq!(got, "hello");
//! # Ok(())
//! # }
//! ```

use std::io::{self, ErrorKind, Read};

use socket2::SockRef;

pub use self::broken::Broken;
pub use self::exchange::Exchange;
pub use self::pace::{Kind, Pace};
use self::pipe::Pipe;
pub use self::pipe::Pool;
use self::stock::Kept;

mod broken;
mod exchange;
mod pace;
#[cfg_attr(any(target_os = "linux", target_os = "android"), path = "relay/pipe.rs")]
#[cfg_attr(not(any(target_os = "linux", target_os = "android")), path = "relay/no_pipe.rs")]
mod pipe;
mod stock;

/// One of the two streams of a pair, as an adapter has it. Nothing waits: what is not ready says
/// [`WouldBlock`](ErrorKind::WouldBlock), and then it is the end's business that the flow is carried on once it is.
pub trait End {
    /// Reads; 0 bytes are the end of the stream.
    ///
    /// # Errors
    /// The system's.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize>;

    /// Writes as much as goes.
    ///
    /// # Errors
    /// The system's.
    fn write(&mut self, data: &[u8]) -> io::Result<usize>;

    /// Passes on what was written and is held back: TLS may do that.
    ///
    /// # Errors
    /// The system's.
    fn flush(&mut self) -> io::Result<()>;

    /// Ends the stream that is written, by a FIN.
    ///
    /// # Errors
    /// The system's. Of these only `WouldBlock` counts: if the other end is gone, its own direction will say so.
    fn finish(&mut self) -> io::Result<()>;

    /// Whether it is a TCP stream, and nothing else is needed to read and write than its socket.
    fn is_plain(&self) -> bool;

    /// Reads or writes what [is plain](Self::is_plain) by a system call of one's own, in the way that the adapter notices:
    /// by the `try_io` of its runtime. Others never are asked. What has said `WouldBlock` may be called again.
    ///
    /// # Errors
    /// Those of `act`.
    fn on_socket(&mut self, way: Way, act: &mut dyn FnMut(Tcp<'_>) -> io::Result<usize>)
    -> io::Result<usize>;
}

/// The socket of a plain stream, lent for a system call.
#[derive(Debug)]
pub struct Tcp<'a>(SockRef<'a>);

/// What [`End::on_socket`] is to do with the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Reading.
    In,
    /// Writing.
    Out,
}

/// How far a turn went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried {
    /// Until one of the ends was not ready.
    Blocked,
    /// Until the turn was over, or as far as was allowed. There may be more, once others had their turn.
    Busy,
    /// To the end of the stream, which has been passed on.
    Ended,
}

/// One direction of a pair.
#[derive(Debug)]
pub struct Flow {
    /// Boxed, for most flows hold nothing.
    held: Option<Box<Held>>,
    state: State,
    /// Whether reads come back full.
    bulk: bool,
    read: u64,
    carried: u64,
}

/// Read, and not written yet, since the other end was not ready.
#[derive(Debug)]
enum Held {
    Bytes(Kept),
    Piped(Pipe),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The stream that is read has ended; what is held is still to be written.
    Ending,
    /// And the other end has been told by a FIN.
    Ended,
}

impl<'a> Tcp<'a> {
    /// That of any type that lends its socket, a runtime's own streams included.
    pub fn of<S>(stream: &'a S) -> Self
    where
        SockRef<'a>: From<&'a S>,
    {
        Self(SockRef::from(stream))
    }
}

impl Flow {
    /// A flow that has read `early` so far, and whose stream may have ended with that.
    pub fn new(early: Vec<u8>, is_at_eof: bool) -> Self {
        let state = if is_at_eof { State::Ending } else { State::Open };
        let read = early.len() as u64;
        let held = (read > 0).then(|| Box::new(Held::Bytes(Kept::early(early))));
        Self { held, state, bulk: false, read, carried: 0 }
    }

    /// Carries bytes, for one turn at most: the time of four pipes, so that pairs which share a thread have equal parts of it.
    ///
    /// `buffer` is for bytes on their way; none stay in it. It should have [`BUFFER_LEN`], and must not be empty. So many as
    /// `most` says are read at the most; it is what is left of that afterwards. What is [held](Self::held) is written in any
    /// case.
    ///
    /// # Errors
    /// The system's, and on which end. The flow is not to be carried on then.
    pub fn carry<E: End>(
        &mut self,
        from: &mut E,
        to: &mut E,
        pool: &Pool,
        buffer: &mut [u8],
        most: &mut u64,
    ) -> Result<Carried, Broken> {
        let mut left = TURN;
        loop {
            if !self.write_held(to)? {
                return Ok(Carried::Blocked);
            }
            match self.state {
                State::Open => {}
                State::Ending => {
                    if matches!(to.finish(), Err(err) if err.kind() == ErrorKind::WouldBlock) {
                        return Ok(Carried::Blocked);
                    }
                    self.state = State::Ended;
                    return Ok(Carried::Ended);
                }
                State::Ended => return Ok(Carried::Ended),
            }
            if left == 0 || *most == 0 {
                return Ok(Carried::Busy);
            }
            let plain = from.is_plain() && to.is_plain();
            let may = usize::try_from(*most).unwrap_or(usize::MAX);
            let room = if self.bulk && !pool.stock.is_full() { BUFFER_LEN } else { SMALL };
            let allowed = room.min(buffer.len()).min(may);
            let buffer = &mut buffer[..allowed];
            let before = self.read;
            let cost = match if self.bulk && plain { pool.lend() } else { None } {
                Some(pipe) => self.fill(pipe, from, to, pool, buffer, may)?,
                None => self.copy(from, to, pool, buffer)?,
            };
            *most -= self.read - before;
            match cost {
                Some(cost) => left = left.saturating_sub(cost),
                None => return Ok(Carried::Blocked),
            }
        }
    }

    /// Bytes that the other end has been written so far.
    pub fn carried(&self) -> u64 {
        self.carried
    }

    /// Bytes that have been read and are still to be written.
    pub fn held(&self) -> u64 {
        self.read - self.carried
    }

    /// Whether the stream has ended, and its end has been passed on.
    pub fn is_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// A read, and a write at once. What of the turn that has cost; nothing if there was nothing to read.
    fn copy<E: End>(
        &mut self,
        from: &mut E,
        to: &mut E,
        pool: &Pool,
        buffer: &mut [u8],
    ) -> Result<Option<usize>, Broken> {
        match from.read(buffer) {
            Ok(0) => self.state = State::Ending,
            Ok(len) => {
                self.read += len as u64;
                self.bulk = len >= if self.bulk { TINY } else { buffer.len() };
                self.pass(&buffer[..len], to, pool)?;
                return Ok(Some(len));
            }
            Err(err) if err.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(err) => return Err(Broken::From(err)),
        }
        Ok(Some(0))
    }

    /// The same by so many bytes at most, into a pipe; the write comes next.
    fn fill<E: End>(
        &mut self,
        mut pipe: Pipe,
        from: &mut E,
        to: &mut E,
        pool: &Pool,
        buffer: &mut [u8],
        most: usize,
    ) -> Result<Option<usize>, Broken> {
        let mut copied = false;
        // It may be called more than once: a runtime asks again after it has looked at the socket.
        let filled = from.on_socket(Way::In, &mut |tcp| {
            let result = pipe.fill(&tcp.0, most);
            copied = is_worth_reading(&result);
            if copied { (&*tcp.0).read(buffer) } else { result }
        });
        match filled {
            Ok(0) => self.state = State::Ending,
            Ok(len) if copied => {
                self.read += len as u64;
                self.pass(&buffer[..len], to, pool)?;
                return Ok(Some(len));
            }
            Ok(len) => {
                self.read += len as u64;
                self.bulk = len >= TINY;
                self.held = Some(Box::new(Held::Piped(pipe)));
                return Ok(Some(STEP));
            }
            Err(err) if err.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(err) => return Err(Broken::From(err)),
        }
        Ok(Some(0))
    }

    /// Writes what goes, and holds the rest. Nothing is held before.
    fn pass(&mut self, data: &[u8], to: &mut impl End, pool: &Pool) -> Result<(), Broken> {
        let written = match to.write(data) {
            Ok(written) => written,
            Err(err) if err.kind() == ErrorKind::WouldBlock => 0,
            Err(err) => return Err(Broken::To(err)),
        };
        self.carried += written as u64;
        if written < data.len() {
            self.held = Some(Box::new(Held::Bytes(pool.stock.keep(&data[written..]))));
        }
        Ok(())
    }

    /// Writes what is held; whether all of it went.
    fn write_held(&mut self, to: &mut impl End) -> Result<bool, Broken> {
        while let Some(held) = &mut self.held {
            let result = match &mut **held {
                Held::Bytes(rest) if rest.bytes.is_empty() => break,
                Held::Piped(pipe) if pipe.is_empty() => break,
                Held::Bytes(Kept { bytes, .. }) => {
                    to.write(bytes).inspect(|written| drop(bytes.drain(..*written)))
                }
                Held::Piped(pipe) => to.on_socket(Way::Out, &mut |tcp| pipe.empty(&tcp.0)),
            };
            match result {
                Ok(written) => self.carried += written as u64,
                Err(err) if err.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(err) => return Err(Broken::To(err)),
            }
        }
        // A pair that is quiet holds no memory for its bytes.
        self.held = None;
        match to.flush() {
            Ok(()) => Ok(true),
            Err(err) if err.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(err) => Err(Broken::To(err)),
        }
    }
}

/// Whether a read may bring what splice(2) does not: it stops for good in front of an urgent byte, which a read skips, and takes
/// it for the end once that has come; and there are sandboxes, and sockets that pass for TCP, without it.
fn is_worth_reading(filled: &io::Result<usize>) -> bool {
    match filled {
        Ok(len) => *len == 0,
        Err(err) => matches!(
            err.kind(),
            ErrorKind::WouldBlock
                | ErrorKind::InvalidInput
                | ErrorKind::PermissionDenied
                | ErrorKind::Unsupported
        ),
    }
}

/// Bytes of a buffer on which bulk is copied where it can't be spliced.
pub const BUFFER_LEN: usize = 256 * 1024;

/// Bytes of a read that may be small. One that is full says that there is more where it came from.
const SMALL: usize = 16 * 1024;
/// Bytes of a read in bulk that say the opposite.
const TINY: usize = 4 * 1024;
/// What a pipe costs of a turn, and a turn, in copied bytes.
const STEP: usize = BUFFER_LEN;
const TURN: usize = 4 * STEP;

#[cfg(test)]
mod tests;
