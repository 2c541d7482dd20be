//! What those cost who wait: in the server, and in the kernel.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rdv_tests::answer::request;
use socket2::{Domain, Socket, Type};

use crate::server::{Kind, Server, allow_many_files};

/// So many of a kind, and what each of them costs.
pub(crate) struct Crowd {
    pub(crate) number: usize,
    pub(crate) what: &'static str,
    /// Bytes of the server's, for each.
    pub(crate) resident: f64,
    /// Bytes of the kernel's, for each, both ends together.
    pub(crate) kernel: f64,
    /// File descriptors of the server's, for each.
    pub(crate) descriptors: f64,
}

/// The server and the kernel, before anybody comes.
struct Before<'a> {
    server: &'a Server,
    resident: usize,
    kernel: usize,
    descriptors: usize,
}

impl Crowd {
    /// Ten times as many at each step, up to `most` that wait, or as many as a process may have files; then a tenth as many pairs that are relayed.
    pub(crate) fn grow(kind: Kind, most: usize) -> Vec<Crowd> {
        let most = most.min(allow_many_files() as usize - OTHER_FILES);
        let steps = || [1_000, 10_000, 100_000].into_iter().filter(|step| *step < most).chain([most]);
        let mut crowds = Vec::new();
        let server = Server::start(kind);
        let before = Before::of(&server, kind);
        let mut clients = Vec::new();
        for step in steps() {
            clients.extend((clients.len()..step).map(|i| wait(kind, &server, i)));
            crowds.push(before.count("wait", step, step));
        }
        drop((clients, server));
        if !kind.is_baseline() {
            let server = Server::start(kind);
            let before = Before::of(&server, kind);
            let pairs: Vec<_> = (0..most / 10).map(|i| pair(&server, i)).collect();
            crowds.push(before.count("idle pairs", pairs.len(), 2 * pairs.len()));
        }
        crowds
    }
}

impl<'a> Before<'a> {
    fn of(server: &'a Server, kind: Kind) -> Self {
        if !kind.is_baseline() {
            // So that what is once and for all is there: each thread's stack, for one.
            drop((0..16).map(|i| pair(server, i)).collect::<Vec<_>>());
        }
        thread::sleep(SETTLED);
        let (resident, descriptors) = (server.resident(), server.descriptors());
        Self { server, resident, kernel: kernel(), descriptors }
    }

    /// Once they are all there.
    fn count(&self, what: &'static str, number: usize, descriptors: usize) -> Crowd {
        let began = Instant::now();
        while self.server.descriptors() < self.descriptors + descriptors {
            assert!(began.elapsed() < PATIENCE, "the server does not take them all in");
            thread::sleep(SETTLED / 10);
        }
        thread::sleep(SETTLED);
        let each = |after: usize, before: usize| (after as f64 - before as f64) / number as f64;
        Crowd {
            number,
            what,
            resident: each(self.server.resident(), self.resident),
            kernel: each(kernel(), self.kernel),
            descriptors: each(self.server.descriptors(), self.descriptors),
        }
    }
}

/// A baseline's does not even ask.
fn wait(kind: Kind, server: &Server, number: usize) -> TcpStream {
    let mut conn = connect(server, number);
    if !kind.is_baseline() {
        let request =
            request("ACCEPT", &format!("/bench-{number:08}"), "10.1.2.3:40000, [2001:db8::1]:40000");
        conn.write_all(request.as_bytes()).expect("an open connection");
    }
    conn
}

/// Relayed, and a word each way.
fn pair(server: &Server, number: usize) -> [TcpStream; 2] {
    let mut conns = ["DIAL", "ACCEPT"].map(|role| {
        let mut conn = connect(server, number);
        let request = request(role, &format!("/bench-{number:08}"), "10.1.2.3:40000");
        conn.write_all(request.as_bytes()).expect("an open connection");
        conn
    });
    let [dialer, accepter] = &mut conns;
    expect_end(dialer, b"\r\n\r\n");
    expect_end(accepter, b"\r\n\r\n");
    dialer.write_all(b"CONTINUE\nhello").expect("an open connection");
    expect_end(accepter, b"CONTINUE\nhello");
    accepter.write_all(b"hello").expect("an open connection");
    expect_end(dialer, b"hello");
    conns
}

fn expect_end(conn: &mut TcpStream, end: &[u8]) {
    let (mut buf, mut len) = ([0; 1024], 0);
    while !buf[..len].ends_with(end) {
        let more = conn.read(&mut buf[len..]).expect("an open connection");
        assert!(more > 0, "the server has closed the connection");
        len += more;
    }
}

/// From an address of its own, as strangers come.
fn connect(server: &Server, number: usize) -> TcpStream {
    let [_, a, b, c] = (number as u32 + 0x0100_0000 / 2).to_be_bytes();
    let from = SocketAddr::from((Ipv4Addr::new(127, a, b, c), 0));
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a file descriptor");
    socket.bind(&from.into()).expect("a free port");
    socket.connect(&server.addr(number).into()).expect("the server listens");
    socket.into()
}

/// Bytes that the kernel has for objects of its own, such as sockets. Of the whole machine.
fn kernel() -> usize {
    let text = fs::read_to_string("/proc/meminfo").expect("Linux tells of its memory");
    let slab = text.lines().find_map(|line| line.strip_prefix("Slab:"));
    let kib: usize =
        slab.and_then(|kib| kib.trim().strip_suffix(" kB")?.parse().ok()).expect("a number of KiB");
    kib * 1024
}

/// What a process has open besides.
const OTHER_FILES: usize = 500;
const SETTLED: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(60);
