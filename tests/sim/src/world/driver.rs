//! Completions on simulated sockets: what the adapters' `driver.rs` is to real ones.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;

use rdv_core::{ConnId, Input, Intent, Target};

use crate::net::tcp::{Notice, Read, SocketId};
use crate::net::{HostId, Internet, Time};
use crate::scenario::Rules;

/// The connections of one process.
pub(super) struct Driver {
    pub(super) host: HostId,
    port: u16,
    rng: fastrand::Rng,
    wires: BTreeMap<ConnId, Wire>,
    names: BTreeMap<SocketId, ConnId>,
    answers: VecDeque<Answer>,
    /// Writes, reads that are given up, and handshakes of TLS, which take their time; and until when.
    writes: BTreeMap<ConnId, Time>,
    stops: BTreeMap<ConnId, Time>,
    handshakes: BTreeMap<ConnId, Time>,
    slow: bool,
    rules: Rules,
    /// The peer's addresses that were dialled.
    dialed: BTreeSet<SocketAddr>,
    /// By the reference's rules, how long a round trip to the server takes, or since when it has been under way.
    trips: BTreeMap<ConnId, Time>,
    /// And until when the server's answer is not complete.
    late: BTreeMap<ConnId, Time>,
    pub(super) sockets: Sockets,
}

/// How many sockets were open at a time, of IPv4 and of IPv6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sockets {
    /// Those that the process has opened itself, without its listeners.
    pub dialed: [usize; 2],
    /// Those that have come in.
    pub came_in: [usize; 2],
}

struct Wire {
    socket: Option<SocketId>,
    remote: SocketAddr,
    came_in: bool,
    connecting: bool,
    reading: Option<usize>,
}

/// An [`Input`] that is yet to be fed.
pub(super) enum Answer {
    Connected(ConnId),
    Read(ConnId, Vec<u8>),
    Wrote(ConnId),
    Quiet(ConnId),
    Failed(ConnId, io::ErrorKind),
}

impl Driver {
    pub(super) fn new(host: HostId, port: u16, seed: u64, slow: bool) -> Self {
        Self {
            host,
            port,
            rng: fastrand::Rng::with_seed(seed),
            wires: BTreeMap::new(),
            names: BTreeMap::new(),
            answers: VecDeque::new(),
            writes: BTreeMap::new(),
            stops: BTreeMap::new(),
            handshakes: BTreeMap::new(),
            slow,
            rules: Rules::Ours,
            dialed: BTreeSet::new(),
            trips: BTreeMap::new(),
            late: BTreeMap::new(),
            sockets: Sockets::default(),
        }
    }

    /// The same for a client with these rules.
    pub(super) fn by(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// A machine has named a connection that came in.
    pub(super) fn accepted(&mut self, conn: ConnId, socket: SocketId, remote: SocketAddr) {
        let wire = Wire { socket: Some(socket), remote, came_in: true, connecting: false, reading: None };
        self.wires.insert(conn, wire);
        self.names.insert(socket, conn);
        self.count();
    }

    pub(super) fn obey(&mut self, net: &mut Internet<'_>, intent: Intent) {
        match intent {
            // By the rules of others, this never happens: no socket, and no outcome.
            Intent::Connect { conn, remote, to: Target::Peer }
                if self.rules == Rules::Reference && !self.dialed.insert(remote) =>
            {
                self.wires.insert(conn, Wire::dialing(None, remote));
            }
            Intent::Connect { conn, remote, to } => {
                if self.rules == Rules::Reference && to == Target::Server {
                    self.trips.insert(conn, net.now());
                }
                let socket = match net.connect(self.host, self.port, remote) {
                    Ok(socket) => {
                        self.names.insert(socket, conn);
                        Some(socket)
                    }
                    Err(kind) => {
                        self.answers.push_back(Answer::Failed(conn, kind));
                        None
                    }
                };
                self.wires.insert(conn, Wire::dialing(socket, remote));
                self.count();
            }
            // TLS is not simulated, but for the time that it takes.
            Intent::Secure { conn, .. } => match self.delay() {
                Some(delay) => {
                    self.handshakes.insert(conn, net.now() + delay);
                }
                None => self.answers.push_back(Answer::Connected(conn)),
            },
            Intent::Read { conn, max } => {
                if let Some(wire) = self.wires.get_mut(&conn) {
                    wire.reading = Some(max.get());
                    self.try_read(net, conn);
                }
            }
            Intent::Write { conn, data } => {
                if let Some(socket) = self.socket(conn) {
                    net.write(self.host, socket, data);
                    match self.delay() {
                        Some(delay) => {
                            self.writes.insert(conn, net.now() + delay);
                        }
                        None => self.answers.push_back(Answer::Wrote(conn)),
                    }
                }
            }
            Intent::Check { conn } => {
                self.try_read(net, conn);
                if self.wires.get(&conn).is_some_and(|wire| wire.reading.is_some()) {
                    self.answers.push_back(Answer::Quiet(conn));
                }
            }
            Intent::StopRead { conn } => match self.delay() {
                Some(delay) => {
                    self.stops.insert(conn, net.now() + delay);
                }
                None => self.stop_read(net, conn),
            },
            Intent::Shutdown { conn } => {
                if let Some(socket) = self.socket(conn) {
                    net.shutdown(self.host, socket);
                }
            }
            Intent::Close { conn } => {
                if let Some(socket) = self.release(conn) {
                    net.close(self.host, socket);
                }
            }
            Intent::Reset { conn } => {
                if let Some(socket) = self.release(conn) {
                    net.abort(self.host, socket);
                }
            }
        }
    }

    /// Takes what happened to a socket. False: it is none of these.
    pub(super) fn noticed(&mut self, net: &mut Internet<'_>, notice: &Notice) -> bool {
        let (Notice::Connected(socket) | Notice::Failed(socket, _) | Notice::Readable(socket)) = notice
        else {
            return false;
        };
        let Some(conn) = self.names.get(socket).copied() else {
            return false;
        };
        match notice {
            Notice::Connected(_) => {
                if let Some(wire) = self.wires.get_mut(&conn) {
                    wire.connecting = false;
                }
                self.trips.entry(conn).and_modify(|trip| *trip = net.now() - *trip);
                self.answers.push_back(Answer::Connected(conn));
            }
            // Who does nothing on a connection does not hear of its end; a read under way does.
            Notice::Failed(_, kind) => {
                let connecting = self.wires.get(&conn).is_some_and(|wire| wire.connecting);
                let busy = [&self.writes, &self.handshakes].iter().any(|it| it.contains_key(&conn));
                if connecting || busy {
                    self.fail(net, conn, *kind);
                } else {
                    self.try_read(net, conn);
                }
            }
            Notice::Readable(_) if self.late.contains_key(&conn) => {}
            Notice::Readable(_) => match self.trips.remove(&conn) {
                Some(trip) => _ = self.late.insert(conn, net.now() + trip),
                None => self.try_read(net, conn),
            },
            Notice::Accepted { .. } => {}
        }
        true
    }

    /// When the next of what takes its time is done.
    pub(super) fn deadline(&self) -> Option<Time> {
        let all = [&self.writes, &self.stops, &self.handshakes, &self.late];
        all.into_iter().flat_map(BTreeMap::values).min().copied()
    }

    /// Takes note of what is done by now.
    pub(super) fn time_passed(&mut self, net: &mut Internet<'_>) {
        let now = net.now();
        self.answers.extend(due(&mut self.writes, now).into_iter().map(Answer::Wrote));
        self.answers.extend(due(&mut self.handshakes, now).into_iter().map(Answer::Connected));
        due(&mut self.stops, now).into_iter().for_each(|conn| self.stop_read(net, conn));
        due(&mut self.late, now).into_iter().for_each(|conn| self.try_read(net, conn));
    }

    pub(super) fn answer(&mut self) -> Option<Answer> {
        self.answers.pop_front()
    }

    /// Sockets that are open.
    pub(super) fn open(&self) -> Sockets {
        let mut open = Sockets::default();
        for wire in self.wires.values().filter(|wire| wire.socket.is_some()) {
            let kind = if wire.came_in { &mut open.came_in } else { &mut open.dialed };
            kind[usize::from(wire.remote.is_ipv6())] += 1;
        }
        open
    }

    pub(super) fn socket(&self, conn: ConnId) -> Option<SocketId> {
        self.wires.get(&conn)?.socket
    }

    /// Takes a connection out: somebody else's from here on.
    pub(super) fn release(&mut self, conn: ConnId) -> Option<SocketId> {
        self.writes.remove(&conn);
        self.stops.remove(&conn);
        self.trips.remove(&conn);
        self.late.remove(&conn);
        self.handshakes.remove(&conn);
        let socket = self.wires.remove(&conn)?.socket?;
        self.names.remove(&socket);
        Some(socket)
    }

    /// What a system does when a process ends.
    pub(super) fn close_all(&mut self, net: &mut Internet<'_>) {
        for wire in std::mem::take(&mut self.wires).into_values() {
            if let Some(socket) = wire.socket {
                net.close(self.host, socket);
            }
        }
        self.names.clear();
        self.answers.clear();
        self.writes.clear();
        self.stops.clear();
        self.handshakes.clear();
        self.trips.clear();
        self.late.clear();
    }

    fn count(&mut self) {
        self.sockets = self.sockets.max(self.open());
    }

    fn try_read(&mut self, net: &mut Internet<'_>, conn: ConnId) {
        let Some(wire) = self.wires.get_mut(&conn) else {
            return;
        };
        let (Some(max), Some(socket)) = (wire.reading, wire.socket) else {
            return;
        };
        // A read may bring less than there is.
        let max = if self.rng.u8(..8) == 0 { self.rng.usize(1..=max) } else { max };
        let data = match net.read(self.host, socket, max) {
            Read::Data(data) => data,
            Read::Eof => Vec::new(),
            Read::Failed(kind) => return self.fail(net, conn, kind),
            Read::Nothing => return,
        };
        wire.reading = None;
        self.stops.remove(&conn);
        self.answers.push_back(Answer::Read(conn, data));
    }

    fn stop_read(&mut self, net: &mut Internet<'_>, conn: ConnId) {
        self.try_read(net, conn);
        if self.wires.get_mut(&conn).is_some_and(|wire| wire.reading.take().is_some()) {
            self.answers.push_back(Answer::Quiet(conn));
        }
    }

    /// How long an operation takes that is usually done at once.
    fn delay(&mut self) -> Option<Time> {
        (self.slow && self.rng.bool()).then(|| Time::from_micros(self.rng.u64(1..SLOWEST_MICROS)))
    }

    /// A connection that has failed is gone.
    fn fail(&mut self, net: &mut Internet<'_>, conn: ConnId, kind: io::ErrorKind) {
        if let Some(socket) = self.release(conn) {
            net.close(self.host, socket);
        }
        self.answers.push_back(Answer::Failed(conn, kind));
    }
}

impl Wire {
    fn dialing(socket: Option<SocketId>, remote: SocketAddr) -> Self {
        Self { socket, remote, came_in: false, connecting: socket.is_some(), reading: None }
    }
}

impl Sockets {
    /// The larger of each.
    #[must_use]
    pub fn max(self, other: Sockets) -> Sockets {
        let max = |one: [usize; 2], two: [usize; 2]| [one[0].max(two[0]), one[1].max(two[1])];
        Sockets { dialed: max(self.dialed, other.dialed), came_in: max(self.came_in, other.came_in) }
    }
}

impl Answer {
    pub(super) fn input(&self) -> Input<'_> {
        match self {
            Answer::Connected(conn) => Input::Connected(*conn),
            Answer::Read(conn, data) => Input::Read(*conn, data),
            Answer::Wrote(conn) => Input::Wrote(*conn),
            Answer::Quiet(conn) => Input::Quiet(*conn),
            Answer::Failed(conn, kind) => Input::Failed(*conn, *kind),
        }
    }
}

/// Takes out what is due by now.
fn due(pending: &mut BTreeMap<ConnId, Time>, now: Time) -> Vec<ConnId> {
    let due: Vec<_> = pending.iter().filter(|(_, at)| **at <= now).map(|(conn, _)| *conn).collect();
    pending.retain(|_, at| *at > now);
    due
}

/// The longest that a slow operation takes; longer than the machines' patience with some.
const SLOWEST_MICROS: u64 = 1_200_000;
