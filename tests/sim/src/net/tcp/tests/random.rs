//! Two applications over a way that loses, repeats and reorders.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::*;

/// By then the applications have closed everything, ...
const CURTAIN: Time = Time::from_secs(300);
/// ... and by then all is forgotten.
const END: Time = Time::from_secs(600);

#[test]
fn every_byte_arrives_once_and_in_order() {
    for seed in 0..300 {
        let world = World::run(seed, false);
        for (app, peer) in [(0, 1), (1, 0)].map(|(n, m)| (&world.apps[n], &world.apps[m])) {
            assert_eq!(app.failure, None, "seed {seed}: {app:?}");
            assert!(app.received == peer.bytes, "seed {seed}: other bytes than written: {app:?}, {peer:?}");
            assert!(app.eof, "seed {seed}: the end did not come: {app:?}");
        }
    }
}

#[test]
fn whoever_leaves_nothing_stays() {
    for seed in 0..300 {
        let world = World::run(seed, true);
        for (app, peer) in [(0, 1), (1, 0)].map(|(n, m)| (&world.apps[n], &world.apps[m])) {
            assert!(peer.bytes.starts_with(&app.received), "seed {seed}: other bytes than written: {app:?}");
            let is_complete = app.received == peer.bytes[..peer.written];
            assert!(!app.eof || is_complete, "seed {seed}: cut short, it looks complete: {app:?}, {peer:?}");
        }
    }
}

struct World {
    rng: Rng,
    hosts: [Host; 2],
    apps: [App; 2],
    /// What is under way, by its arrival and a number.
    packets: BTreeMap<(Time, u32), Packet>,
    sent: u32,
    /// In percent.
    loss: u8,
    repetition: u8,
}

struct App {
    socket: Option<SocketId>,
    /// All that is to be written.
    bytes: Vec<u8>,
    written: usize,
    received: Vec<u8>,
    eof: bool,
    failure: Option<io::ErrorKind>,
    /// When it does something next.
    acts_at: Time,
    /// Whether it ends its stream as soon as all is written, not only when the other one has ended.
    ends_first: bool,
    /// When it loses patience.
    leaves_at: Time,
}

impl World {
    /// Plays it to the end, and sees that nothing is left.
    fn run(seed: u64, someone_leaves: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut hosts = [Host::new("10.0.0.1:1000", rng.u64(..)), Host::new("10.0.0.2:2000", rng.u64(..))];
        let mut apps = [0, 1].map(|_| App::new(&mut rng, someone_leaves));
        apps[rng.usize(..2)].ends_first = true;
        let [a, b] = &mut hosts;
        apps[0].socket = Some(a.dial(b));
        if rng.bool() {
            apps[1].socket = Some(b.dial(a));
        } else {
            b.listen();
        }
        let (loss, repetition) = (rng.u8(..15), rng.u8(..20));
        let mut world = Self { rng, hosts, apps, packets: BTreeMap::new(), sent: 0, loss, repetition };
        while let Some(now) = world.next().filter(|next| *next <= END) {
            world.step(now);
        }
        for host in &world.hosts {
            assert!(host.is_at_rest(), "seed {seed}: left are {:?}", host.states());
        }
        world
    }

    fn next(&mut self) -> Option<Time> {
        for n in 0..2 {
            self.collect(n);
        }
        let arrival = self.packets.keys().next().map(|(at, _)| *at);
        let deadlines = self.hosts.iter().filter_map(|host| host.stack.deadline());
        let acts = self.apps.iter().filter(|app| app.socket.is_some()).map(|app| app.acts_at);
        arrival.into_iter().chain(deadlines).chain(acts).min()
    }

    fn step(&mut self, now: Time) {
        for n in 0..2 {
            self.hosts[n].now = now;
            self.hosts[n].stack.handle_timeout(now);
            self.collect(n);
            if self.apps[n].acts_at <= now {
                self.apps[n].act(&mut self.hosts[n], &mut self.rng);
            }
        }
        while let Some(entry) = self.packets.first_entry().filter(|entry| entry.key().0 <= now) {
            let packet = entry.remove();
            let n = usize::from(packet.dst == self.hosts[1].addr);
            self.hosts[n].receive(packet);
        }
    }

    fn collect(&mut self, n: usize) {
        for packet in self.hosts[n].sent() {
            let copies = if self.rng.u8(..100) < self.repetition { 2 } else { 1 };
            for _ in 0..copies {
                if self.rng.u8(..100) >= self.loss {
                    let arrival = self.hosts[n].now + MS * self.rng.u32(10..80);
                    self.sent += 1;
                    self.packets.insert((arrival, self.sent), packet.clone());
                }
            }
        }
        for notice in self.hosts[n].noticed() {
            self.apps[n].notice(notice);
        }
    }
}

impl App {
    fn new(rng: &mut Rng, may_leave: bool) -> Self {
        let most = [2, 100, 50_000][rng.usize(..3)];
        let len = rng.usize(..most);
        Self {
            socket: None,
            bytes: std::iter::repeat_with(|| rng.u8(..)).take(len).collect(),
            written: 0,
            received: Vec::new(),
            eof: false,
            failure: None,
            acts_at: Time::ZERO,
            ends_first: rng.bool(),
            leaves_at: if may_leave { MS * rng.u32(..2000) } else { CURTAIN },
        }
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Accepted { socket, .. } => {
                assert_eq!(self.socket, None, "accepted once");
                self.socket = Some(socket);
            }
            Notice::Failed(_, kind) => {
                assert_eq!(self.failure, None, "it fails once");
                self.failure = Some(kind);
            }
            Notice::Connected(_) | Notice::Readable(_) => {}
        }
    }

    fn act(&mut self, host: &mut Host, rng: &mut Rng) {
        let Some(id) = self.socket else { return };
        self.acts_at = host.now + MS * rng.u32(1..100);
        match host.stack.read(host.now, id, rng.usize(1..10_000)) {
            Read::Data(bytes) => self.received.extend(bytes),
            Read::Eof => self.eof = true,
            Read::Nothing | Read::Failed(_) => {}
        }
        let left = self.bytes.len() - self.written;
        let size = rng.usize(..=left.min(5000));
        let ends = left == 0 && (self.ends_first || self.eof);
        if size > 0 {
            let data = Bytes::copy_from_slice(&self.bytes[self.written..self.written + size]);
            host.stack.write(host.now, id, data);
            self.written += size;
        } else if ends {
            host.shutdown(id);
        }
        if ends && self.eof {
            host.close(id);
            self.socket = None;
        } else if host.now >= self.leaves_at {
            if rng.bool() {
                host.close(id)
            } else {
                host.abort(id)
            }
            self.socket = None;
        }
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { socket, bytes, written, received, eof, failure, .. } = self;
        let (read, all) = (received.len(), bytes.len());
        write!(f, "{socket:?}: wrote {written} of {all}, read {read}, eof {eof}, failure {failure:?}")
    }
}
