//! How soon the second of two clients is answered.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use rdv_tests::answer::request;

use crate::course::connect;
use crate::server::{Kind, Server};

/// From the second client's request to the end of its answer, one after the other, with everything on one CPU.
pub(crate) struct Answers {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    /// The median of those whose CPU had slept before: most of it is what a machine takes to come to itself.
    pub(crate) after_sleep: Duration,
}

impl Answers {
    pub(crate) fn measure(kind: Kind, lasts: Duration) -> Self {
        // A thread of its own, for it and all that it begins stay on that CPU.
        let measured = thread::scope(|scope| scope.spawn(|| Self::on_one_cpu(kind, lasts)).join());
        measured.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    fn on_one_cpu(kind: Kind, lasts: Duration) -> Self {
        stay_on_one_cpu();
        let server = Server::start(kind);
        let [accept, dial] = ["ACCEPT", "DIAL"].map(|role| request(role, "/bench", "10.1.2.3:40000"));
        let (began, mut times) = (Instant::now(), [Vec::new(), Vec::new()]);
        for number in 0.. {
            let sleeps = number % 2 == 1;
            if began.elapsed() > WARM_UP + lasts {
                break;
            }
            let patient = |conn: TcpStream| {
                conn.set_read_timeout(Some(PATIENCE)).map(|()| conn).expect("an open connection")
            };
            let mut accepter = (!kind.is_baseline()).then(|| patient(connect(server.addr(number))));
            if let Some(accepter) = &mut accepter {
                accepter.write_all(accept.as_bytes()).expect("an open connection");
            }
            let mut dialer = patient(connect(server.addr(number)));
            // The server may have something to do beforehand.
            leave_the_cpu();
            if sleeps {
                thread::sleep(SLEEP);
            }
            let sent = Instant::now();
            dialer.write_all(dial.as_bytes()).expect("an open connection");
            if !read_head(&mut dialer) {
                assert!(kind == Kind::Also, "the server does not answer");
                continue;
            }
            if began.elapsed() > WARM_UP {
                times[usize::from(sleeps)].push(sent.elapsed());
            }
            if let Some(accepter) = &mut accepter {
                assert!(
                    read_head(accepter) || kind == Kind::Also,
                    "the server does not answer the first one"
                );
                dialer.write_all(b"OTHER 10.1.2.3:40000\n").expect("an open connection");
            }
        }
        times.iter_mut().for_each(|times| times.sort_unstable());
        let [times, after_sleep] = times;
        let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
        Self { p50, p99, after_sleep: after_sleep[after_sleep.len() / 2] }
    }
}

/// Whether there is an answer.
fn read_head(conn: &mut TcpStream) -> bool {
    let (mut buf, mut len) = ([0; 1024], 0);
    while !buf[..len].ends_with(b"\r\n\r\n") {
        match conn.read(&mut buf[len..]) {
            Ok(more @ 1..) => len += more,
            Ok(0) | Err(_) => return false,
        }
    }
    assert!(buf.starts_with(b"HTTP/1.1 101 "), "a client is refused");
    true
}

/// Until nobody else wants it: then whoever offers it has it back at once.
fn leave_the_cpu() {
    let mut in_vain = 0;
    while in_vain < 3 {
        let offered = Instant::now();
        thread::yield_now();
        in_vain = if offered.elapsed() < SWITCH { in_vain + 1 } else { 0 };
    }
}

fn stay_on_one_cpu() {
    let me = Pid::from_raw(0);
    let allowed = sched_getaffinity(me).expect("every thread may ask");
    let cpu = (0..CpuSet::count()).rev().find(|cpu| allowed.is_set(*cpu).unwrap_or(false));
    let mut one = CpuSet::new();
    one.set(cpu.expect("a thread has a CPU")).expect("a CPU that exists");
    sched_setaffinity(me, &one).expect("every thread may have fewer CPUs");
}

const PATIENCE: Duration = Duration::from_millis(500);
/// Another thread does not run in less time than this.
const SWITCH: Duration = Duration::from_micros(2);
/// Long enough for the CPU to be let go.
const SLEEP: Duration = Duration::from_micros(500);
const WARM_UP: Duration = Duration::from_millis(100);
