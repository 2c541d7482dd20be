//! The one vocabulary in which a machine and its driver speak.
//!
//! A machine says what it wants done ([`Intent`]), the driver says what came of it ([`Input`]). Intents are
//! *completions*, not readiness: the driver hides partial writes and `WouldBlock`. [The driver's
//! contract](crate#the-drivers-contract) has the rules.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::time::{Duration, Instant};

use bytes::Bytes;

/// Names one connection between a machine and its driver. Issued by the machine, never reused by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(NonZeroU64);

/// What a machine wants its driver to do.
///
/// Exhaustive on purpose: a driver that ignores an intent is wrong, and the compiler should say so.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Intent {
    /// Open a connection from the shared port. Answered by [`Input::Connected`] or [`Input::Failed`].
    Connect {
        /// The new connection's name.
        conn: ConnId,
        /// Where to connect to.
        remote: SocketAddr,
        /// The server (whose connection may need TLS, the driver's part), or a proxy or the peer (never).
        to: Target,
    },
    /// Begin TLS. As a client with the server (ALPN `http/1.1`), on a connection to [`Target::Proxy`] through which it is
    /// reached by now; or as the server, on one that came in from a trusted proxy (and for which the lobby said
    /// [`TlsStart::WhenTold`](crate::TlsStart)). Answered by [`Input::Connected`] or [`Input::Failed`]. Nothing is under
    /// way on the connection meanwhile.
    Secure {
        /// The connection.
        conn: ConnId,
        /// The first bytes of TLS, which have been read already. None for a client.
        early: Bytes,
    },
    /// Read **once**, at most `max` bytes. Answered by [`Input::Read`] or [`Input::Failed`].
    ///
    /// Never read more than `max`: what follows belongs to the application.
    Read {
        /// The connection.
        conn: ConnId,
        /// The most bytes that may be taken off the stream.
        max: NonZeroUsize,
    },
    /// Write all of `data`. Answered by [`Input::Wrote`] or [`Input::Failed`].
    Write {
        /// The connection.
        conn: ConnId,
        /// Every byte of it, in one write where the transport can.
        data: Bytes,
    },
    /// Find out, at once, whether the read under way has anything to report. Answered by that read's own
    /// answer if it is complete or failed (if this is due already, there is no other), else by [`Input::Quiet`]
    /// (and the read stays under way).
    Check {
        /// The connection, with a read under way.
        conn: ConnId,
    },
    /// Give up the read under way, unless it is complete by now. Answered by that read's own answer (if this is
    /// due already, there is no other), or by [`Input::Quiet`]: then the read takes nothing off the stream any
    /// more.
    StopRead {
        /// The connection, with a read under way.
        conn: ConnId,
    },
    /// Send a FIN: no more writes follow. Not answered.
    Shutdown {
        /// The connection.
        conn: ConnId,
    },
    /// Close, giving up whatever is under way. Not answered.
    Close {
        /// The connection.
        conn: ConnId,
    },
    /// Close with an RST, so that a stream that was cut short does not look complete. Not answered.
    Reset {
        /// The connection.
        conn: ConnId,
    },
}

/// Whom an [`Intent::Connect`] is meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The rdv server. For an https URL, [`Input::Connected`] is due only once TLS is up (ALPN `http/1.1`).
    Server,
    /// A proxy on the way to the server, over plain TCP. For an https URL [`Intent::Secure`] follows.
    Proxy,
    /// The peer, over plain TCP.
    Peer,
}

/// What the driver reports: the answer to an intent.
///
/// Answers for a connection that the machine has closed are ignored, so a driver need not hunt them down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// The connection stands and carries bytes. Answers [`Intent::Connect`] and [`Intent::Secure`].
    Connected(ConnId),
    /// What one read brought, in order; empty means end of stream (FIN).
    Read(ConnId, &'a [u8]),
    /// All of the data was handed to the transport.
    Wrote(ConnId),
    /// Answers [`Intent::Check`] and [`Intent::StopRead`]: the read under way has nothing yet.
    Quiet(ConnId),
    /// The operation failed, and the connection with it.
    Failed(ConnId, io::ErrorKind),
}

impl Input<'_> {
    /// The connection that this input is about.
    pub fn conn(&self) -> ConnId {
        match *self {
            Input::Connected(conn)
            | Input::Read(conn, _)
            | Input::Wrote(conn)
            | Input::Quiet(conn)
            | Input::Failed(conn, _) => conn,
        }
    }
}

/// What [`poll_output`](crate#the-drivers-contract) returns.
#[derive(Debug)]
#[must_use]
pub enum Output<E> {
    /// Do this.
    Intent(Intent),
    /// Know this.
    Event(E),
    /// Nothing more for now: wait for an answer, or until the instant given. The one timer of the machine.
    Wait(Option<Instant>),
}

/// A machine's outgoing queue, and the source of its connection ids.
#[derive(Debug)]
pub(crate) struct Outbox<E> {
    queue: VecDeque<Queued<E>>,
    next: ConnId,
}

#[derive(Debug)]
enum Queued<E> {
    Intent(Intent),
    Event(E),
}

impl<E> Outbox<E> {
    pub(crate) fn new() -> Self {
        Self { queue: VecDeque::new(), next: ConnId(NonZeroU64::MIN) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The oldest thing not yet handed out, or `Wait` for `deadline`.
    pub(crate) fn poll(&mut self, deadline: impl FnOnce() -> Option<Instant>) -> Output<E> {
        match self.queue.pop_front() {
            Some(Queued::Intent(intent)) => Output::Intent(intent),
            Some(Queued::Event(event)) => Output::Event(event),
            None => Output::Wait(deadline()),
        }
    }

    /// Gives back what memory it has no need of.
    pub(crate) fn shrink(&mut self) {
        self.queue.shrink_to_fit();
    }

    pub(crate) fn issue(&mut self) -> ConnId {
        let next = ConnId(self.next.0.saturating_add(1));
        std::mem::replace(&mut self.next, next)
    }

    pub(crate) fn connect(&mut self, remote: SocketAddr, to: Target) -> ConnId {
        let conn = self.issue();
        self.intent(Intent::Connect { conn, remote, to });
        conn
    }

    pub(crate) fn secure(&mut self, conn: ConnId, early: Bytes) {
        self.intent(Intent::Secure { conn, early });
    }

    pub(crate) fn read(&mut self, conn: ConnId, max: NonZeroUsize) {
        self.intent(Intent::Read { conn, max });
    }

    pub(crate) fn write(&mut self, conn: ConnId, data: Bytes) {
        self.intent(Intent::Write { conn, data });
    }

    pub(crate) fn check(&mut self, conn: ConnId) {
        self.intent(Intent::Check { conn });
    }

    pub(crate) fn stop_read(&mut self, conn: ConnId) {
        self.intent(Intent::StopRead { conn });
    }

    pub(crate) fn shutdown(&mut self, conn: ConnId) {
        self.intent(Intent::Shutdown { conn });
    }

    pub(crate) fn close(&mut self, conn: ConnId) {
        self.intent(Intent::Close { conn });
    }

    pub(crate) fn reset(&mut self, conn: ConnId) {
        self.intent(Intent::Reset { conn });
    }

    pub(crate) fn event(&mut self, event: E) {
        self.queue.push_back(Queued::Event(event));
    }

    fn intent(&mut self, intent: Intent) {
        self.queue.push_back(Queued::Intent(intent));
    }
}

impl ConnId {
    /// The name as a number, to be used as a key in a poller. Counts up from 1.
    pub fn to_u64(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Debug for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// When what begins now has had its time. Always ahead, as a deadline must be: a timeout of zero is taken as a
/// millisecond. And never farther ahead than an `Instant` can say.
pub(crate) fn after(now: Instant, timeout: Duration) -> Instant {
    now + timeout.clamp(SHORTEST, LONGEST)
}

/// The earlier of two optional deadlines.
pub(crate) fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

const SHORTEST: Duration = Duration::from_millis(1);
/// A century.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
