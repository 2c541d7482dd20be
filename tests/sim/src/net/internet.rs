//! A topology brought to life: packets on their way, in virtual time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use log::trace;

use super::tcp::{Notice, Out, Read, SocketId, Stack};
use super::{
    Body, Firewall, HostId, Link, Nat, Next, Packet, RealmId, Time, Topology, Unexpected, Unreachable,
    Verdict, Why,
};

/// A network with hosts on it. Nothing happens but by [`step`](Internet::step).
pub struct Internet<'a> {
    topology: &'a Topology,
    now: Time,
    rng: fastrand::Rng,
    hosts: Vec<Host>,
    gateways: Vec<Option<Gateway>>,
    events: BinaryHeap<Reverse<Event>>,
    scheduled: u64,
    notices: VecDeque<(HostId, Notice)>,
    /// How many packets may still be lost.
    losable: u32,
    lost: u32,
}

struct Host {
    stack: Stack,
    firewall: Option<Firewall>,
    unplugged: bool,
    /// When its timer has been set to go off.
    wakes_at: Option<Time>,
}

struct Gateway {
    nat: Nat,
    firewall: Option<Firewall>,
}

/// Ordered by its time, then by when it was scheduled.
struct Event {
    at: Time,
    number: u64,
    what: What,
}

enum What {
    /// A packet is in the middle of a realm.
    InRealm(RealmId, Packet),
    /// A packet has come to a realm's gateway from outside.
    AtGateway(RealmId, Packet),
    AtHost(HostId, Packet),
    /// A packet that is not to be filtered, for it has never left the host.
    Looped(HostId, Packet),
    Timer(HostId),
}

impl<'a> Internet<'a> {
    /// `losable`: after this many lost packets the links lose no more, so that every retransmission succeeds in
    /// the end.
    pub fn new(topology: &'a Topology, seed: u64, losable: u32) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut host = |host: &super::Host| Host {
            stack: Stack::new(rng.u64(..)),
            firewall: host.firewall.map(Firewall::new),
            unplugged: false,
            wakes_at: None,
        };
        let hosts = topology.hosts.iter().map(&mut host).collect();
        let mut gateway = |gateway: &super::Gateway| Gateway {
            nat: Nat::new(gateway.nat, gateway.external, rng.u64(..)),
            firewall: gateway.firewall.map(Firewall::new),
        };
        let gateways = topology.realms.iter().map(|realm| realm.gateway.as_ref().map(&mut gateway)).collect();
        Self {
            topology,
            now: Time::ZERO,
            rng,
            hosts,
            gateways,
            events: BinaryHeap::new(),
            scheduled: 0,
            notices: VecDeque::new(),
            losable,
            lost: 0,
        }
    }

    /// The time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// When the next thing happens, if any will.
    pub fn next_at(&self) -> Option<Time> {
        self.events.peek().map(|Reverse(event)| event.at)
    }

    /// Lets time pass in which nothing happens.
    pub fn wait_until(&mut self, at: Time) {
        debug_assert!(self.next_at().is_none_or(|next| at <= next), "something happens before");
        self.now = self.now.max(at);
    }

    /// Lets the next thing happen.
    pub fn step(&mut self) {
        let Some(Reverse(Event { at, what, .. })) = self.events.pop() else {
            return;
        };
        self.now = at;
        match what {
            What::InRealm(realm, packet) => self.in_realm(realm, packet),
            What::AtGateway(realm, packet) => self.come_in(realm, packet),
            What::AtHost(host, packet) => self.arrive(host, packet),
            What::Looped(host, packet) => {
                self.hosts[host].stack.handle_packet(at, packet);
                self.flush(host);
            }
            // Others were set for later, and overtaken by an earlier one.
            What::Timer(host) if self.hosts[host].wakes_at == Some(at) => {
                self.hosts[host].wakes_at = None;
                self.hosts[host].stack.handle_timeout(at);
                self.flush(host);
            }
            What::Timer(_) => {}
        }
    }

    /// What a host's application is to know next.
    pub fn notice(&mut self) -> Option<(HostId, Notice)> {
        self.notices.pop_front()
    }

    /// How many packets the links have lost.
    pub fn lost(&self) -> u32 {
        self.lost
    }

    /// A host's TCP, to be looked at.
    pub fn stack(&self, host: HostId) -> &Stack {
        &self.hosts[host].stack
    }

    /// Listens on all of the host's addresses.
    pub fn listen(&mut self, host: HostId, port: u16) {
        self.hosts[host].stack.listen(port);
    }

    /// Stops listening.
    pub fn unlisten(&mut self, host: HostId, port: u16) {
        self.hosts[host].stack.unlisten(port);
        self.flush(host);
    }

    /// Connects from a port, and from the address that belongs to the route.
    pub fn connect(
        &mut self,
        host: HostId,
        port: u16,
        remote: SocketAddr,
    ) -> Result<SocketId, io::ErrorKind> {
        let ip = self.source(host, remote.ip()).ok_or(io::ErrorKind::NetworkUnreachable)?;
        let socket = self.hosts[host].stack.connect(self.now, SocketAddr::new(ip, port), remote)?;
        self.flush(host);
        Ok(socket)
    }

    /// Writes all of it.
    pub fn write(&mut self, host: HostId, socket: SocketId, data: Bytes) {
        self.hosts[host].stack.write(self.now, socket, data);
        self.flush(host);
    }

    /// Reads what is there.
    pub fn read(&mut self, host: HostId, socket: SocketId, max: usize) -> Read {
        let read = self.hosts[host].stack.read(self.now, socket, max);
        self.flush(host);
        read
    }

    /// Sends a FIN behind what is written.
    pub fn shutdown(&mut self, host: HostId, socket: SocketId) {
        self.hosts[host].stack.shutdown(self.now, socket);
        self.flush(host);
    }

    /// Closes.
    pub fn close(&mut self, host: HostId, socket: SocketId) {
        self.hosts[host].stack.close(self.now, socket);
        self.flush(host);
    }

    /// Closes with an RST.
    pub fn abort(&mut self, host: HostId, socket: SocketId) {
        self.hosts[host].stack.abort(self.now, socket);
        self.flush(host);
    }

    /// Nothing that the host sends arrives any more, nor does anything that is sent to it.
    pub fn unplug(&mut self, host: HostId) {
        self.hosts[host].unplugged = true;
    }

    fn source(&self, host: HostId, dst: IpAddr) -> Option<IpAddr> {
        if self.topology.is_own(host, dst) {
            return Some(dst);
        }
        let at = self.topology.route(host, dst)?;
        Some(self.topology.hosts[host].interfaces[at].addr)
    }

    /// Takes what a stack has to say, after whatever was done to it.
    fn flush(&mut self, host: HostId) {
        while let Some(out) = self.hosts[host].stack.poll() {
            match out {
                Out::Send(packet) => self.send(host, packet),
                Out::Notice(notice) => self.notices.push_back((host, notice)),
            }
        }
        let wanted = self.hosts[host].stack.deadline();
        let set = &mut self.hosts[host].wakes_at;
        if let Some(at) = wanted.filter(|at| set.is_none_or(|set| *at < set)) {
            *set = Some(at);
            self.schedule(at, What::Timer(host));
        }
    }

    fn send(&mut self, host: HostId, packet: Packet) {
        if self.topology.is_own(host, packet.dst.ip()) {
            return self.schedule(self.now + LOOPBACK_DELAY, What::Looped(host, packet));
        }
        let Some(at) = self.topology.route(host, packet.dst.ip()).filter(|_| !self.hosts[host].unplugged)
        else {
            return;
        };
        let verdict = match &mut self.hosts[host].firewall {
            Some(firewall) => firewall.outbound(self.now, packet),
            None => Verdict::Forward(packet),
        };
        trace!("{:?} host {host} sends {verdict}", self.now);
        if let Verdict::Forward(packet) = verdict {
            let interface = self.topology.hosts[host].interfaces[at];
            self.cross(interface.link, What::InRealm(interface.realm, packet));
        }
    }

    fn arrive(&mut self, host: HostId, packet: Packet) {
        if self.hosts[host].unplugged {
            return;
        }
        let verdict = match &mut self.hosts[host].firewall {
            Some(firewall) => firewall.inbound(self.now, packet),
            None => Verdict::Forward(packet),
        };
        trace!("{:?} host {host} gets {verdict}", self.now);
        match verdict {
            Verdict::Forward(packet) => {
                self.hosts[host].stack.handle_packet(self.now, packet);
                self.flush(host);
            }
            Verdict::Back(answer) => {
                if let Some(at) = self.topology.route(host, answer.dst.ip()) {
                    let interface = self.topology.hosts[host].interfaces[at];
                    self.cross(interface.link, What::InRealm(interface.realm, answer));
                }
            }
            Verdict::Dropped => {}
        }
    }

    fn in_realm(&mut self, realm: RealmId, packet: Packet) {
        match self.topology.next(realm, packet.dst.ip()) {
            Next::Host(host, at) => {
                let link = self.topology.hosts[host].interfaces[at].link;
                self.cross(link, What::AtHost(host, packet));
            }
            Next::Down(child) => {
                if let Some(gateway) = self.topology.realms[child].gateway {
                    self.cross(gateway.link, What::AtGateway(child, packet));
                }
            }
            Next::Up => self.go_out(realm, packet),
            // The sender itself finds out, when nobody answers its ARP requests.
            Next::Nobody => self.report(realm, packet, ARP_TIMEOUT),
            Next::Unroutable => match self.topology.unroutable {
                Unexpected::Dropped => {}
                Unexpected::Reset | Unexpected::Unreachable => self.report(realm, packet, Time::ZERO),
            },
        }
    }

    /// Out of a realm, by its gateway.
    fn go_out(&mut self, realm: RealmId, packet: Packet) {
        let (Some(gateway), Some(spec)) = (&mut self.gateways[realm], self.topology.realms[realm].gateway)
        else {
            return;
        };
        let verdict = match (packet.dst.is_ipv4(), &mut gateway.firewall) {
            (true, _) => gateway.nat.outbound(self.now, packet),
            (false, Some(firewall)) => firewall.outbound(self.now, packet),
            (false, None) => Verdict::Forward(packet),
        };
        trace!("{:?} out of realm {realm}: {verdict}", self.now);
        match verdict {
            Verdict::Forward(packet) => self.cross(spec.link, What::InRealm(spec.parent, packet)),
            Verdict::Back(packet) => self.in_realm(realm, packet),
            Verdict::Dropped => {}
        }
    }

    /// Into a realm, by its gateway.
    fn come_in(&mut self, realm: RealmId, packet: Packet) {
        let (Some(gateway), Some(spec)) = (&mut self.gateways[realm], self.topology.realms[realm].gateway)
        else {
            return;
        };
        let verdict = match (packet.dst.is_ipv4(), &mut gateway.firewall) {
            (true, _) => gateway.nat.inbound(self.now, packet),
            (false, Some(firewall)) => firewall.inbound(self.now, packet),
            (false, None) => Verdict::Forward(packet),
        };
        trace!("{:?} into realm {realm}: {verdict}", self.now);
        match verdict {
            Verdict::Forward(packet) => self.in_realm(realm, packet),
            Verdict::Back(packet) => self.cross(spec.link, What::InRealm(spec.parent, packet)),
            Verdict::Dropped => {}
        }
    }

    /// Tells the sender of a packet that it could not be delivered.
    fn report(&mut self, realm: RealmId, packet: Packet, after: Time) {
        let Body::Tcp(segment) = packet.body else {
            return;
        };
        if segment.flags.rst {
            return;
        }
        let body = Body::Unreachable(Unreachable {
            why: Why::Host,
            src: packet.src,
            dst: packet.dst,
            seq: segment.seq,
        });
        let report = Packet { src: SocketAddr::new(packet.dst.ip(), 0), dst: packet.src, body };
        self.schedule(self.now + after, What::InRealm(realm, report));
    }

    fn cross(&mut self, link: Link, what: What) {
        if link.lost > 0 && self.lost < self.losable && self.rng.u16(..1000) < link.lost {
            self.lost += 1;
            return;
        }
        let jitter = match u64::try_from(link.jitter.as_micros()) {
            Ok(0) | Err(_) => Duration::ZERO,
            Ok(most) => Duration::from_micros(self.rng.u64(..=most)),
        };
        self.schedule(self.now + link.delay + jitter, what);
    }

    fn schedule(&mut self, at: Time, what: What) {
        self.scheduled += 1;
        self.events.push(Reverse(Event { at, number: self.scheduled, what }));
    }
}

impl Ord for Event {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Event {}

/// From a host to itself.
const LOOPBACK_DELAY: Time = Time::from_micros(10);
/// After which a host that sends to an address on its link gives up asking who has it (Linux: three requests,
/// one a second).
const ARP_TIMEOUT: Time = Time::from_secs(3);

#[cfg(test)]
mod tests;
