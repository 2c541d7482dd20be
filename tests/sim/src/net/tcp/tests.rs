//! Two hosts, whose packets are in the test's hands.

mod closing;
mod data;
mod keepalive;
mod opening;
mod random;
mod resets;
mod timing;

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;

use super::super::{Body, Flags, Packet, Segment, Time};
use super::{Notice, Out, Read, SocketId, Stack};

const MS: Time = Time::from_millis(1);
const SECOND: Time = Time::from_secs(1);

/// A stack, and what has come out of it.
struct Host {
    now: Time,
    addr: SocketAddr,
    stack: Stack,
    packets: Vec<Packet>,
    notices: Vec<Notice>,
}

impl Host {
    fn new(addr: &str, seed: u64) -> Self {
        Self {
            now: Time::ZERO,
            addr: addr.parse().expect("an address"),
            stack: Stack::new(seed),
            packets: Vec::new(),
            notices: Vec::new(),
        }
    }

    fn dial(&mut self, to: &Self) -> SocketId {
        self.stack.connect(self.now, self.addr, to.addr).expect("the four-tuple is free")
    }

    fn listen(&mut self) {
        self.stack.listen(self.addr.port());
    }

    fn write(&mut self, id: SocketId, data: &'static [u8]) {
        self.stack.write(self.now, id, Bytes::from_static(data));
    }

    fn read(&mut self, id: SocketId) -> Read {
        self.stack.read(self.now, id, usize::MAX)
    }

    fn shutdown(&mut self, id: SocketId) {
        self.stack.shutdown(self.now, id);
    }

    fn close(&mut self, id: SocketId) {
        self.stack.close(self.now, id);
    }

    fn abort(&mut self, id: SocketId) {
        self.stack.abort(self.now, id);
    }

    fn receive(&mut self, packet: Packet) {
        assert_eq!(packet.dst.ip(), self.addr.ip(), "a packet for another host: {packet:?}");
        self.stack.handle_packet(self.now, packet);
    }

    fn drain(&mut self) {
        while let Some(out) = self.stack.poll() {
            match out {
                Out::Send(packet) => self.packets.push(packet),
                Out::Notice(notice) => self.notices.push(notice),
            }
        }
    }

    /// The packets sent since this was last asked.
    fn sent(&mut self) -> Vec<Packet> {
        self.drain();
        std::mem::take(&mut self.packets)
    }

    /// The one packet sent since then.
    fn sent_one(&mut self) -> Packet {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "one packet was expected, not {:?}", shown(&sent));
        sent.remove(0)
    }

    fn noticed(&mut self) -> Vec<Notice> {
        self.drain();
        std::mem::take(&mut self.notices)
    }

    /// Lets time pass, and whatever is due happen.
    fn sleep(&mut self, time: Time) {
        let end = self.now + time;
        while let Some(deadline) = self.stack.deadline().filter(|deadline| *deadline <= end) {
            self.now = deadline;
            self.stack.handle_timeout(deadline);
            self.drain();
        }
        self.now = end;
    }

    /// When packets go out of their own accord, and which.
    fn sent_in(&mut self, time: Time) -> Vec<(Time, String)> {
        let start = self.now;
        let end = start + time;
        let mut sent = Vec::new();
        while let Some(deadline) = self.stack.deadline().filter(|deadline| *deadline <= end) {
            self.sleep(deadline - self.now);
            sent.extend(self.sent().iter().map(|packet| (deadline - start, show(packet))));
        }
        self.now = end;
        sent
    }

    fn states(&self) -> Vec<&'static str> {
        self.stack.open().iter().chain(&self.stack.lingering()).map(|left| left.state).collect()
    }

    fn is_at_rest(&self) -> bool {
        self.states().is_empty() && self.stack.deadline().is_none()
    }
}

fn hosts() -> (Host, Host) {
    (Host::new("10.0.0.1:1000", 1), Host::new("10.0.0.2:2000", 2))
}

/// Delivers everything until both are silent.
fn carry(a: &mut Host, b: &mut Host) {
    loop {
        let (from_a, from_b) = (a.sent(), b.sent());
        if from_a.is_empty() && from_b.is_empty() {
            return;
        }
        from_a.into_iter().for_each(|packet| b.receive(packet));
        from_b.into_iter().for_each(|packet| a.receive(packet));
    }
}

fn sleep(a: &mut Host, b: &mut Host, time: Time) {
    a.sleep(time);
    b.sleep(time);
}

/// Lets time pass at both, and delivers what they have to say meanwhile.
fn idle(a: &mut Host, b: &mut Host, time: Time) {
    let end = a.now + time;
    while let Some(next) =
        a.stack.deadline().into_iter().chain(b.stack.deadline()).min().filter(|at| *at <= end)
    {
        let pause = next - a.now;
        sleep(a, b, pause);
        carry(a, b);
    }
    let rest = end - a.now;
    sleep(a, b, rest);
}

/// Two hosts with a connection that the first has made to the second, and its socket at each.
fn connected() -> (Host, Host, SocketId, SocketId) {
    let (mut a, mut b) = hosts();
    b.listen();
    let at_a = a.dial(&b);
    carry(&mut a, &mut b);
    assert_eq!(a.noticed(), [Notice::Connected(at_a)]);
    let at_b = match b.noticed()[..] {
        [Notice::Accepted { socket, local, remote }] if (local, remote) == (b.addr, a.addr) => socket,
        ref other => panic!("the listener got {other:?}"),
    };
    (a, b, at_a, at_b)
}

fn tcp(packet: &Packet) -> &Segment {
    match &packet.body {
        Body::Tcp(segment) => segment,
        Body::Unreachable(_) => panic!("not TCP: {packet:?}"),
    }
}

fn tcp_mut(packet: &mut Packet) -> &mut Segment {
    match &mut packet.body {
        Body::Tcp(segment) => segment,
        Body::Unreachable(_) => panic!("not TCP"),
    }
}

/// Its flags, and its bytes if there are any.
fn show(packet: &Packet) -> String {
    let Segment { flags: Flags { syn, ack, fin, rst }, data, .. } = tcp(packet);
    let names = [(syn, "SYN"), (fin, "FIN"), (rst, "RST"), (ack, "ACK")];
    let mut shown: Vec<_> = names.iter().filter(|(is_set, _)| **is_set).map(|(_, name)| *name).collect();
    let text = String::from_utf8_lossy(data);
    if !text.is_empty() {
        shown.push(&text);
    }
    shown.join(" ")
}

fn shown(packets: &[Packet]) -> Vec<String> {
    packets.iter().map(show).collect()
}

fn data(bytes: &[u8]) -> Read {
    Read::Data(bytes.to_vec())
}

fn segment(src: SocketAddr, dst: SocketAddr, flags: Flags, seq: u32, ack: u32) -> Packet {
    Packet { src, dst, body: Body::Tcp(Segment { flags, seq, ack, data: Bytes::new() }) }
}

const SYN: Flags = Flags { syn: true, ack: false, fin: false, rst: false };
const SYN_ACK: Flags = Flags { syn: true, ack: true, fin: false, rst: false };
const ACK: Flags = Flags { syn: false, ack: true, fin: false, rst: false };
const RST: Flags = Flags { syn: false, ack: false, fin: false, rst: true };

const REFUSED: io::ErrorKind = io::ErrorKind::ConnectionRefused;
const RESET: io::ErrorKind = io::ErrorKind::ConnectionReset;
const TIMED_OUT: io::ErrorKind = io::ErrorKind::TimedOut;
