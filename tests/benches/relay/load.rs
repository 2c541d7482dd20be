//! The two ends, and what goes from one to the other.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::socket::{MsgFlags, recv};
use nix::unistd::Pid;
use rdv_tests::answer::request;
use rdv_tests::raw::{RawConn, show};

use crate::server::{Kind, Server};

/// As many bytes as can be, in one direction of each pair.
pub(crate) struct Bulk {
    /// Bytes per second of each pair.
    pub(crate) rates: Vec<f64>,
    /// Seconds of the server's for each GB; nothing if there is no server.
    pub(crate) cpu: Option<f64>,
}

/// What the receivers of bulk do with it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// Read it, as every program does.
    Reads,
    /// Have the kernel drop it. Nobody reads the bytes then, so they never leave the cache of the CPU that wrote them.
    Drops,
}

/// 64 bytes, and the answer to them, with everything on one CPU.
pub(crate) struct PingPong {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

/// Makes pairs of connected ends.
struct Place {
    kind: Kind,
    server: Option<Server>,
    listener: TcpListener,
}

impl Bulk {
    pub(crate) fn measure(kind: Kind, pairs: usize, receiver: Receiver, lasts: Duration) -> Self {
        let place = Place::new(kind);
        let pairs: Vec<_> = (0..pairs).map(|i| (place.pair(i), AtomicU64::new(0))).collect();
        thread::scope(|scope| {
            for ((from, to), received) in &pairs {
                scope.spawn(|| send(from));
                scope.spawn(|| receive(to, received, receiver));
            }
            thread::sleep(WARM_UP);
            let (began, bytes, cpu) = (Instant::now(), received(&pairs), place.cpu());
            thread::sleep(lasts);
            let (took, bytes_after, cpu_after) =
                (began.elapsed().as_secs_f64(), received(&pairs), place.cpu());
            for ((from, to), _) in &pairs {
                // Those that end first have their peer's end closed by the server already.
                let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
            }
            let bytes: Vec<_> =
                bytes_after.iter().zip(&bytes).map(|(after, before)| (after - before) as f64).collect();
            let all: f64 = bytes.iter().sum();
            let cpu = cpu_after.zip(cpu).map(|(after, before)| (after - before).as_secs_f64() * 1e9 / all);
            Self { rates: bytes.iter().map(|bytes| bytes / took).collect(), cpu }
        })
    }

    /// Of all pairs together.
    pub(crate) fn rate(&self) -> f64 {
        self.rates.iter().sum()
    }

    /// What the slowest pair has of its fair share.
    pub(crate) fn fairness(&self) -> f64 {
        self.rates.iter().copied().fold(f64::INFINITY, f64::min) * self.rates.len() as f64 / self.rate()
    }
}

impl PingPong {
    /// With answers of so many bytes; and perhaps beside two pairs in bulk, through the same server and on the same CPU.
    pub(crate) fn measure(kind: Kind, answer: usize, bulk: Option<Receiver>, lasts: Duration) -> Self {
        // A thread of its own, for it and all that it begins stay on that CPU.
        let measured = || Self::on_one_cpu(kind, answer, bulk, lasts);
        let measured = thread::scope(|scope| scope.spawn(measured).join());
        measured.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    fn on_one_cpu(kind: Kind, answer: usize, bulk: Option<Receiver>, lasts: Duration) -> Self {
        let me = Pid::from_raw(0);
        let allowed = sched_getaffinity(me).expect("every thread may ask");
        let cpu = (0..CpuSet::count()).rev().find(|cpu| allowed.is_set(*cpu).unwrap_or(false));
        let mut one = CpuSet::new();
        one.set(cpu.expect("a thread has a CPU")).expect("a CPU that exists");
        sched_setaffinity(me, &one).expect("every thread may have fewer CPUs");

        let place = Place::new(kind);
        let (asks, answers) = place.pair(0);
        let beside: Vec<_> =
            bulk.iter().flat_map(|receiver| [1, 2].map(|i| (place.pair(i), *receiver))).collect();
        let mut times = thread::scope(|scope| {
            for ((from, to), receiver) in &beside {
                scope.spawn(|| send(from));
                scope.spawn(|| receive(to, &AtomicU64::new(0), *receiver));
            }
            scope.spawn(|| reply(answers, answer));
            let times = play(&asks, answer, lasts);
            // An end of each is the other's.
            for stream in beside.iter().flat_map(|((from, to), _)| [from, to]).chain([&asks]) {
                let _ = stream.shutdown(Shutdown::Both);
            }
            times
        });
        times.sort_unstable();
        Self { p50: times[times.len() / 2], p99: times[times.len() * 99 / 100] }
    }
}

fn reply(mut with: TcpStream, answer: usize) {
    let (mut ball, answer) = ([0; BALL], vec![7; answer]);
    while with.read_exact(&mut ball).is_ok() && with.write_all(&answer).is_ok() {}
}

/// How long each exchange took.
fn play(mut with: &TcpStream, answer: usize, lasts: Duration) -> Vec<Duration> {
    let (ball, mut answer) = ([7; BALL], vec![0; answer]);
    let (began, mut times) = (Instant::now(), Vec::new());
    while began.elapsed() < WARM_UP + lasts {
        let sent = Instant::now();
        with.write_all(&ball).expect("the other end is there");
        with.read_exact(&mut answer).expect("it replies");
        if began.elapsed() > WARM_UP {
            times.push(sent.elapsed());
        }
    }
    times
}

impl Place {
    fn new(kind: Kind) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("it is bound");
        let server = (kind != Kind::Direct).then(|| Server::start(kind, addr));
        Self { kind, server, listener }
    }

    fn cpu(&self) -> Option<Duration> {
        self.server.as_ref().map(Server::cpu)
    }

    fn pair(&self, number: usize) -> (TcpStream, TcpStream) {
        let addr = match &self.server {
            Some(server) => server.addr,
            None => self.listener.local_addr().expect("it is bound"),
        };
        if self.kind.is_baseline() {
            let one = TcpStream::connect(addr).expect("a connection");
            let (two, _) = self.listener.accept().expect("a connection");
            one.set_nodelay(true).and_then(|()| two.set_nodelay(true)).expect("an open socket");
            return (one, two);
        }
        relayed(addr, &format!("/{number}"))
    }
}

fn relayed(server: SocketAddr, target: &str) -> (TcpStream, TcpStream) {
    let (mut dialer, mut accepter) = (RawConn::connect(server), RawConn::connect(server));
    accepter.send(request("ACCEPT", target, ""));
    dialer.send(request("DIAL", target, ""));
    // Somebody else's answers have headers of their own.
    for conn in [&mut dialer, &mut accepter] {
        let answer = conn.read_until("\r\n\r\n");
        assert!(answer.starts_with(b"HTTP/1.1 101 "), "not matched: {}", show(&answer));
    }
    dialer.send("CONTINUE\n");
    accepter.expect("CONTINUE\n");
    let [dialer, accepter] = [dialer, accepter].map(|conn| conn.tcp().try_clone().expect("a descriptor"));
    (dialer, accepter)
}

/// Until the socket is shut down.
fn send(mut to: &TcpStream) {
    let data = vec![7; CHUNK];
    while to.write_all(&data).is_ok() {}
}

/// Until the socket is shut down.
fn receive(from: &TcpStream, received: &AtomicU64, receiver: Receiver) {
    let (mut chunk, flags) = match receiver {
        Receiver::Reads => (vec![0; CHUNK], MsgFlags::empty()),
        Receiver::Drops => (vec![0; 4 * CHUNK], MsgFlags::MSG_TRUNC),
    };
    while let Ok(len @ 1..) = recv(from.as_raw_fd(), &mut chunk, flags) {
        received.fetch_add(len as u64, Ordering::Relaxed);
    }
}

fn received(pairs: &[((TcpStream, TcpStream), AtomicU64)]) -> Vec<u64> {
    pairs.iter().map(|(_, received)| received.load(Ordering::Relaxed)).collect()
}

/// Bytes of a question, and of an answer as short.
pub(crate) const BALL: usize = 64;
/// Bytes of a block that is asked for.
pub(crate) const BLOCK: usize = 64 * 1024;
const CHUNK: usize = 256 * 1024;
const WARM_UP: Duration = Duration::from_millis(300);
