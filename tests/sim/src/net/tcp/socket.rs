//! One connection: what the application and the time do to it. [`arrival`] has what segments do.

mod arrival;

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;

pub(super) use self::arrival::extent;
use super::super::{Flags, Segment, Time, Why};
use super::recv::Receiver;
use super::send::{Piece, Sender};
use super::timing::{Keepalive, RETRIES, Rto, SYN_ACK_RETRIES, SYN_RETRIES};
use super::{Env, Left, Notice, Read, SocketId};

/// How long a four-tuple stays taken after the end (Linux: `TCP_TIMEWAIT_LEN`).
pub(super) const TIME_WAIT: Time = Time::from_secs(60);
/// How long a closed socket waits for the other side's FIN (Linux: `tcp_fin_timeout`).
pub(super) const FIN_WAIT_2: Time = Time::from_secs(60);
/// Segments without data that are not acceptable are answered once in this time, so that two sides that
/// disagree don't answer each other for ever (Linux: `tcp_invalid_ratelimit`).
const CHALLENGE_PAUSE: Time = Time::from_millis(500);

/// A socket, from the first SYN until nobody can tell that it was.
#[derive(Debug)]
pub(super) struct Socket {
    id: SocketId,
    local: SocketAddr,
    remote: SocketAddr,
    owner: Owner,
    phase: Phase,
    /// Why it broke, if it did.
    error: Option<io::ErrorKind>,
    send: Sender,
    recv: Receiver,
    /// Whether it was shut down before the other side's FIN came.
    shut_first: bool,
    rto: Rto,
    /// What was sent before this is sent again until it is acknowledged: the last timeout may have been about
    /// all of it.
    recover: Option<u32>,
    /// When to send again, or to end TIME_WAIT, or FIN_WAIT_2.
    deadline: Option<Time>,
    /// Counts while there is no such deadline.
    keepalive: Keepalive,
    challenged: Option<Time>,
}

/// Who has a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// It is half-open, and the application does not know of it yet.
    Listener,
    Application,
    /// The application has closed it.
    Nobody,
}

/// The states of RFC 9293, less what both halves of the connection know themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    SynSent,
    SynReceived,
    /// From ESTABLISHED to LAST_ACK.
    Synchronized,
    TimeWait,
    Closed,
}

impl Socket {
    /// Sends a SYN.
    pub(super) fn connect(id: SocketId, local: SocketAddr, remote: SocketAddr, env: &mut Env) -> Self {
        Self::open(id, local, remote, Owner::Application, Phase::SynSent, Receiver::default(), env)
    }

    /// Answers a SYN.
    pub(super) fn accept(
        id: SocketId,
        local: SocketAddr,
        remote: SocketAddr,
        syn: u32,
        env: &mut Env,
    ) -> Self {
        Self::open(id, local, remote, Owner::Listener, Phase::SynReceived, Receiver::new(syn), env)
    }

    fn open(
        id: SocketId,
        local: SocketAddr,
        remote: SocketAddr,
        owner: Owner,
        phase: Phase,
        recv: Receiver,
        env: &mut Env,
    ) -> Self {
        let mut socket = Self {
            id,
            local,
            remote,
            owner,
            phase,
            error: None,
            send: Sender::new(env.rng.u32(..)),
            recv,
            shut_first: false,
            rto: Rto::default(),
            recover: None,
            deadline: None,
            keepalive: Keepalive::default(),
            challenged: None,
        };
        socket.rto.sent(env.now, socket.send.next());
        socket.send_syn(env);
        socket.arm(env);
        socket
    }

    pub(super) fn id(&self) -> SocketId {
        self.id
    }

    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    pub(super) fn remote(&self) -> SocketAddr {
        self.remote
    }

    pub(super) fn owner(&self) -> Owner {
        self.owner
    }

    /// A connection that has nothing else to wait for is idle and the application's: it is kept alive.
    pub(super) fn deadline(&self) -> Option<Time> {
        let keepalive = (self.phase == Phase::Synchronized).then(|| self.keepalive.due());
        self.deadline.or(keepalive)
    }

    pub(super) fn unacked(&self) -> usize {
        self.send.unacked()
    }

    /// Whether its four-tuple is free again.
    pub(super) fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    pub(super) fn is_half_open(&self) -> bool {
        self.owner == Owner::Listener
    }

    /// Whether it was shut down.
    pub(super) fn is_shut(&self) -> bool {
        self.send.is_shut()
    }

    pub(super) fn is_readable(&self) -> bool {
        self.recv.has_data() || self.recv.is_eof() || self.error.is_some()
    }

    /// Whether a SYN is so new that it can't be of the connection that TIME_WAIT guards.
    pub(super) fn may_be_reopened(&self, syn: u32) -> bool {
        self.phase == Phase::TimeWait && (syn.wrapping_sub(self.recv.next()) as i32) > 0
    }

    pub(super) fn left(&self) -> Left {
        Left { socket: self.id, state: self.state(), local: self.local, remote: self.remote }
    }

    pub(super) fn write(&mut self, data: Bytes, corks: bool, env: &mut Env) {
        if !self.is_closed() {
            self.send.push(data);
            if !corks {
                self.flush(env);
            }
        }
    }

    pub(super) fn read(&mut self, max: usize) -> Read {
        if self.recv.has_data() {
            Read::Data(self.recv.read(max))
        } else if self.recv.is_eof() {
            Read::Eof
        } else {
            self.error.map_or(Read::Nothing, Read::Failed)
        }
    }

    pub(super) fn shutdown(&mut self, env: &mut Env) {
        if !self.is_closed() && !self.send.is_shut() {
            self.shut_first = !self.recv.is_eof();
            self.send.shut();
            self.flush(env);
        }
    }

    pub(super) fn close(&mut self, env: &mut Env) {
        if self.owner == Owner::Nobody {
            return;
        }
        match self.phase {
            Phase::SynSent => self.vanish(),
            Phase::SynReceived | Phase::Synchronized if self.recv.has_data() => self.abort(env),
            Phase::SynReceived | Phase::Synchronized => {
                self.shutdown(env);
                self.deadline = self.deadline.or(Some(env.now + FIN_WAIT_2));
            }
            Phase::TimeWait | Phase::Closed => {}
        }
        self.owner = Owner::Nobody;
    }

    pub(super) fn abort(&mut self, env: &mut Env) {
        if self.owner == Owner::Nobody {
            return;
        }
        let resets = match self.phase {
            Phase::SynReceived => true,
            // In CLOSING and LAST_ACK all has been said.
            Phase::Synchronized => !(self.recv.is_eof() && self.send.fin_sent()),
            Phase::SynSent | Phase::TimeWait | Phase::Closed => false,
        };
        if resets {
            self.send_reset(env);
        }
        if self.phase != Phase::TimeWait {
            self.vanish();
        }
        self.owner = Owner::Nobody;
    }

    /// Ends it without a word.
    pub(super) fn vanish(&mut self) {
        self.phase = Phase::Closed;
        self.deadline = None;
        self.send.clear();
    }

    /// Sends what has not been sent yet, as far as the window allows.
    pub(super) fn flush(&mut self, env: &mut Env) {
        if self.phase != Phase::Synchronized {
            return;
        }
        while let Some(piece) = self.send.fresh(&mut env.rng) {
            self.rto.sent(env.now, self.send.next());
            self.emit_piece(piece, env);
            if self.deadline.is_none() {
                self.arm(env);
            }
        }
    }

    pub(super) fn handle_timeout(&mut self, env: &mut Env) {
        if self.deadline.is_none() {
            self.keep_alive(env);
            return;
        }
        let (retries, kind) = match self.phase {
            Phase::SynReceived if self.is_half_open() => (SYN_ACK_RETRIES, None),
            Phase::SynSent | Phase::SynReceived => (SYN_RETRIES, Some(io::ErrorKind::TimedOut)),
            Phase::Synchronized if self.send.in_flight() => (RETRIES, Some(io::ErrorKind::TimedOut)),
            Phase::Synchronized | Phase::TimeWait | Phase::Closed => (0, None),
        };
        if self.rto.tries() < retries {
            self.rto.sent_again();
            self.recover = Some(self.send.next());
            self.send_again(env);
            self.arm(env);
        } else if let Some(kind) = kind {
            self.fail(kind, env);
        } else {
            self.vanish();
        }
    }

    /// ICMP reports that a segment of ours was not delivered.
    pub(super) fn handle_unreachable(&mut self, why: Why, seq: u32, env: &mut Env) {
        let is_opening = matches!(self.phase, Phase::SynSent | Phase::SynReceived) && !self.is_half_open();
        if is_opening && seq == self.send.una() {
            let kind = match why {
                Why::Port => io::ErrorKind::ConnectionRefused,
                Why::Host | Why::Prohibited => io::ErrorKind::HostUnreachable,
            };
            self.fail(kind, env);
        }
    }

    /// Asks whether the other side is still there, or gives it up.
    fn keep_alive(&mut self, env: &mut Env) {
        debug_assert_eq!(self.owner, Owner::Application, "a closed socket has a deadline of its own");
        debug_assert!(!self.send.in_flight(), "what is in flight has a deadline");
        if self.keepalive.take_probe(env.now) {
            let seq = self.send.next().wrapping_sub(1);
            self.emit_piece(Piece { seq, data: Bytes::new(), fin: false }, env);
        } else {
            self.send_reset(env);
            self.fail(io::ErrorKind::TimedOut, env);
        }
    }

    fn fail(&mut self, kind: io::ErrorKind, env: &mut Env) {
        self.vanish();
        self.error = Some(kind);
        env.notify(Notice::Failed(self.id, kind));
    }

    fn arm(&mut self, env: &Env) {
        self.deadline = Some(env.now + self.rto.timeout());
    }

    fn challenge(&mut self, segment: &Segment, env: &mut Env) {
        if segment.data.is_empty() && !segment.flags.fin {
            if self.challenged.is_some_and(|at| env.now < at + CHALLENGE_PAUSE) {
                return;
            }
            self.challenged = Some(env.now);
        }
        self.send_ack(env);
    }

    fn send_again(&mut self, env: &mut Env) {
        if self.phase == Phase::Synchronized {
            let piece = self.send.again(&mut env.rng);
            self.emit_piece(piece, env);
        } else {
            self.send_syn(env);
        }
    }

    /// A SYN, or a SYN-ACK.
    fn send_syn(&self, env: &mut Env) {
        let flags = Flags { syn: true, ack: self.phase != Phase::SynSent, ..Flags::default() };
        self.emit(flags, self.send.una(), Bytes::new(), env);
    }

    fn send_ack(&self, env: &mut Env) {
        self.emit_piece(Piece { seq: self.send.next(), data: Bytes::new(), fin: false }, env);
    }

    fn send_reset(&self, env: &mut Env) {
        let flags = Flags { rst: true, ack: true, ..Flags::default() };
        self.emit(flags, self.send.next(), Bytes::new(), env);
    }

    fn emit_piece(&self, piece: Piece, env: &mut Env) {
        let flags = Flags { ack: true, fin: piece.fin, ..Flags::default() };
        self.emit(flags, piece.seq, piece.data, env);
    }

    fn emit(&self, flags: Flags, seq: u32, data: Bytes, env: &mut Env) {
        let ack = if flags.ack { self.recv.next() } else { 0 };
        env.send(self.local, self.remote, Segment { flags, seq, ack, data });
    }

    /// Its state in the terms of RFC 9293.
    fn state(&self) -> &'static str {
        match self.phase {
            Phase::SynSent => "SYN_SENT",
            Phase::SynReceived => "SYN_RECEIVED",
            Phase::TimeWait => "TIME_WAIT",
            Phase::Closed => "CLOSED",
            Phase::Synchronized => match (self.send.is_shut(), self.recv.is_eof()) {
                (false, false) => "ESTABLISHED",
                (false, true) => "CLOSE_WAIT",
                (true, false) if self.send.fin_acked() => "FIN_WAIT_2",
                (true, false) => "FIN_WAIT_1",
                (true, true) if self.shut_first => "CLOSING",
                (true, true) => "LAST_ACK",
            },
        }
    }
}
