//! A host's TCP (RFC 9293; where Linux does otherwise, as Linux), without windows and options.
//!
//! A packet, a system call or the time goes in; packets and notices come out of [`Stack::poll`], which is to be
//! drained before [`Stack::deadline`] is asked.

mod recv;
mod send;
mod socket;
mod timing;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::mem;
use std::net::SocketAddr;

use bytes::Bytes;
use fastrand::Rng;

use self::socket::{Owner, Socket};
use super::{Body, Flags, Packet, Segment, Time, Unreachable};

/// The most that is in flight, or kept ahead of a gap.
const WINDOW: usize = 1 << 16;

/// Names a socket of a [`Stack`]. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(u32);

/// The TCP of one host.
#[derive(Debug)]
pub struct Stack {
    listeners: BTreeSet<u16>,
    sockets: BTreeMap<SocketId, Socket>,
    /// By local and remote address: those that segments can come for.
    by_tuple: BTreeMap<(SocketAddr, SocketAddr), SocketId>,
    issued: u32,
    /// They have written what may be joined with their next write.
    corked: Vec<SocketId>,
    env: Env,
}

/// What a socket needs of its stack.
#[derive(Debug)]
struct Env {
    now: Time,
    rng: Rng,
    out: VecDeque<Out>,
    discards_on_reset: bool,
}

/// What a stack has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Out {
    /// Send this.
    Send(Packet),
    /// Let the application know.
    Notice(Notice),
}

/// What an application gets to know about its sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A [`connect`](Stack::connect) succeeded.
    Connected(SocketId),
    /// It did not, or an established connection broke. Comes once for a socket, which is still to be closed.
    Failed(SocketId, io::ErrorKind),
    /// There is more to read than before, or the end.
    Readable(SocketId),
    /// A connection has come in to a port that is listened on, and is the application's from now on.
    Accepted {
        /// The new socket.
        socket: SocketId,
        /// Its address on this host.
        local: SocketAddr,
        /// The other side's.
        remote: SocketAddr,
    },
}

/// What [`Stack::read`] brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// At least one byte, unless none was asked for.
    Data(Vec<u8>),
    /// The other side has ended its stream.
    Eof,
    /// Nothing yet.
    Nothing,
    /// The connection is broken.
    Failed(io::ErrorKind),
}

/// A socket that is left, for messages about leaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Which.
    pub socket: SocketId,
    /// Its state, as in RFC 9293.
    pub state: &'static str,
    /// Its address on this host.
    pub local: SocketAddr,
    /// The other side's.
    pub remote: SocketAddr,
}

impl Stack {
    /// The seed is for initial sequence numbers, and for how bytes are cut into segments.
    pub fn new(seed: u64) -> Self {
        let env = Env {
            now: Time::ZERO,
            rng: Rng::with_seed(seed),
            out: VecDeque::new(),
            discards_on_reset: false,
        };
        Self {
            listeners: BTreeSet::new(),
            sockets: BTreeMap::new(),
            by_tuple: BTreeMap::new(),
            issued: 0,
            corked: Vec::new(),
            env,
        }
    }

    /// Whether an RST takes what was received before it and not read. On Linux, and here by default, that can
    /// still be read.
    pub fn discard_on_reset(&mut self, discard: bool) {
        self.env.discards_on_reset = discard;
    }

    /// Accepts connections to a port on every address of the host. Connections may be made from it all the same.
    pub fn listen(&mut self, port: u16) {
        self.listeners.insert(port);
    }

    /// Listens no more. Connections that are half-open, or whose notice has not been polled, are reset.
    pub fn unlisten(&mut self, port: u16) {
        self.listeners.remove(&port);
        let half_open = self.sockets.values().filter(|socket| socket.is_half_open());
        let half_open = half_open.filter(|socket| socket.local().port() == port).map(Socket::id);
        let unaccepted = self.env.out.iter().filter_map(|out| match out {
            Out::Notice(Notice::Accepted { socket, local, .. }) if local.port() == port => Some(*socket),
            Out::Notice(_) | Out::Send(_) => None,
        });
        for id in half_open.chain(unaccepted).collect::<Vec<_>>() {
            self.with(self.env.now, id, Socket::abort);
        }
    }

    /// Connects. The caller knows by its routes which address is `local`.
    ///
    /// # Errors
    ///
    /// `AddrNotAvailable` if there is such a connection, even if it is only in TIME_WAIT.
    pub fn connect(
        &mut self,
        now: Time,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Result<SocketId, io::ErrorKind> {
        if self.by_tuple.contains_key(&(local, remote)) {
            return Err(io::ErrorKind::AddrNotAvailable);
        }
        self.env.now = now;
        let id = self.issue(local, remote);
        self.sockets.insert(id, Socket::connect(id, local, remote, &mut self.env));
        Ok(id)
    }

    /// Writes; all of `data` is accepted. If the connection is broken, it goes nowhere.
    ///
    /// # Panics
    ///
    /// After a shutdown; and, as do the other calls except close and abort, after the socket was closed.
    pub fn write(&mut self, now: Time, id: SocketId, data: Bytes) {
        let socket = self.owned(id);
        assert!(!socket.is_shut(), "{id:?} is written to after its shutdown");
        let corks = self.env.rng.u8(..4) == 0;
        self.with(now, id, |socket, env| socket.write(data, corks, env));
        if corks {
            self.corked.push(id);
        }
    }

    /// Bytes that were written and are not acknowledged yet.
    pub fn unacked(&self, id: SocketId) -> usize {
        self.owned(id).unacked()
    }

    /// Reads up to `max` bytes.
    pub fn read(&mut self, now: Time, id: SocketId, max: usize) -> Read {
        self.owned(id);
        self.env.now = now;
        self.sockets.get_mut(&id).map_or(Read::Nothing, |socket| socket.read(max))
    }

    /// Whether a read would bring something, be it the end or an error.
    pub fn peek_readable(&self, id: SocketId) -> bool {
        self.owned(id).is_readable()
    }

    /// Ends the stream to the other side: a FIN follows what is written.
    pub fn shutdown(&mut self, now: Time, id: SocketId) {
        self.owned(id);
        self.with(now, id, Socket::shutdown);
    }

    /// Closes a socket. What is written still goes out, unless there are unread bytes: then it is reset.
    pub fn close(&mut self, now: Time, id: SocketId) {
        self.with(now, id, Socket::close);
    }

    /// Closes a socket with an RST.
    pub fn abort(&mut self, now: Time, id: SocketId) {
        self.with(now, id, Socket::abort);
    }

    /// Takes in a packet that is addressed to this host.
    pub fn handle_packet(&mut self, now: Time, packet: Packet) {
        self.env.now = now;
        let Packet { src, dst, body } = packet;
        match body {
            Body::Tcp(segment) => self.handle_segment(dst, src, segment),
            Body::Unreachable(Unreachable { why, src, dst, seq }) => {
                if let Some(&id) = self.by_tuple.get(&(src, dst)) {
                    self.with(now, id, |socket, env| socket.handle_unreachable(why, seq, env));
                }
            }
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Time) {
        let is_due = |socket: &&Socket| socket.deadline().is_some_and(|deadline| deadline <= now);
        for id in self.sockets.values().filter(is_due).map(Socket::id).collect::<Vec<_>>() {
            self.with(now, id, Socket::handle_timeout);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn deadline(&self) -> Option<Time> {
        self.sockets.values().filter_map(Socket::deadline).min()
    }

    /// What comes out next, if anything. There is no notice about a socket that the application has closed.
    pub fn poll(&mut self) -> Option<Out> {
        if self.env.out.is_empty() {
            for id in mem::take(&mut self.corked) {
                self.with(self.env.now, id, Socket::flush);
            }
        }
        while let Some(out) = self.env.out.pop_front() {
            match out {
                Out::Notice(notice) if !self.is_owned(notice.socket()) => {}
                Out::Notice(_) | Out::Send(_) => return Some(out),
            }
        }
        None
    }

    /// The application's sockets: those that it has not closed.
    pub fn open(&self) -> Vec<Left> {
        self.left(|owner| owner == Owner::Application)
    }

    /// The sockets that have no owner: closed ones that linger, and those that are not accepted yet.
    pub fn lingering(&self) -> Vec<Left> {
        self.left(|owner| owner != Owner::Application)
    }

    /// A socket's address on this host.
    pub fn local(&self, id: SocketId) -> SocketAddr {
        self.owned(id).local()
    }

    /// The address of the other side.
    pub fn remote(&self, id: SocketId) -> SocketAddr {
        self.owned(id).remote()
    }

    fn handle_segment(&mut self, local: SocketAddr, remote: SocketAddr, segment: Segment) {
        let Flags { syn, ack, rst, .. } = segment.flags;
        let opens = syn && !ack && !rst && self.listeners.contains(&local.port());
        let known = self.by_tuple.get(&(local, remote)).copied();
        let reopens = |id| opens && self.sockets.get(&id).is_some_and(|old| old.may_be_reopened(segment.seq));
        match known {
            Some(id) if reopens(id) => {
                self.with(self.env.now, id, |socket, _| socket.vanish());
                self.accept(local, remote, segment.seq);
            }
            Some(id) => self.with(self.env.now, id, |socket, env| socket.handle_segment(segment, env)),
            None if opens => self.accept(local, remote, segment.seq),
            None => self.env.refuse(local, remote, &segment),
        }
    }

    fn accept(&mut self, local: SocketAddr, remote: SocketAddr, syn: u32) {
        let id = self.issue(local, remote);
        self.sockets.insert(id, Socket::accept(id, local, remote, syn, &mut self.env));
    }

    fn issue(&mut self, local: SocketAddr, remote: SocketAddr) -> SocketId {
        self.issued += 1;
        let id = SocketId(self.issued);
        self.by_tuple.insert((local, remote), id);
        id
    }

    fn is_owned(&self, id: SocketId) -> bool {
        self.sockets.get(&id).is_some_and(|socket| socket.owner() == Owner::Application)
    }

    fn owned(&self, id: SocketId) -> &Socket {
        let socket = self.sockets.get(&id).filter(|socket| socket.owner() == Owner::Application);
        socket.unwrap_or_else(|| panic!("{id:?} is not, or no more, the application's"))
    }

    /// Has something done to a socket, if it is still there, and forgets it if that was its end.
    fn with(&mut self, now: Time, id: SocketId, act: impl FnOnce(&mut Socket, &mut Env)) {
        self.env.now = now;
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        let was_closed = socket.is_closed();
        act(socket, &mut self.env);
        if socket.is_closed() {
            if !was_closed {
                self.by_tuple.remove(&(socket.local(), socket.remote()));
            }
            if socket.owner() != Owner::Application {
                self.sockets.remove(&id);
            }
        }
    }

    fn left(&self, is_meant: impl Fn(Owner) -> bool) -> Vec<Left> {
        self.sockets.values().filter(|socket| is_meant(socket.owner())).map(Socket::left).collect()
    }
}

impl Notice {
    fn socket(self) -> SocketId {
        match self {
            Self::Connected(socket)
            | Self::Failed(socket, _)
            | Self::Readable(socket)
            | Self::Accepted { socket, .. } => socket,
        }
    }
}

impl Env {
    fn send(&mut self, src: SocketAddr, dst: SocketAddr, segment: Segment) {
        self.out.push_back(Out::Send(Packet { src, dst, body: Body::Tcp(segment) }));
    }

    /// If the application has closed the socket, it will not get to know.
    fn notify(&mut self, notice: Notice) {
        self.out.push_back(Out::Notice(notice));
    }

    /// Answers a segment that nobody wants by an RST (RFC 9293 section 3.10.7.1).
    fn refuse(&mut self, local: SocketAddr, remote: SocketAddr, segment: &Segment) {
        if segment.flags.rst {
            return;
        }
        let flags = Flags { rst: true, ack: !segment.flags.ack, ..Flags::default() };
        let (seq, ack) = match segment.flags.ack {
            true => (segment.ack, 0),
            false => (0, segment.seq.wrapping_add(socket::extent(segment) as u32)),
        };
        self.send(local, remote, Segment { flags, seq, ack, data: Bytes::new() });
    }
}
