//! An adapter of one page: the core, driven with nothing but std's non-blocking sockets and rdv-socket. std has no
//! poller, so it asks every socket once in a while; apart from that it does all that an adapter's client does,
//! except for TLS.
//!
//! ```sh
//! cargo run -p rdv-core --example poll -- accept http://example.com:8080 7f3a9c
//! cargo run -p rdv-core --example poll -- dial   http://example.com:8080 7f3a9c
//! ```
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "what the core must not do, its driver does"
)]

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use rdv_core::{
    Attempt, Config, ConnId, Connector, Event, Input, Intent, LocalAddr, Output, Role, Selected, SelfAddrs,
    ServerUrl, Target,
};
use rdv_socket::SharedPort;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("{err}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<(), Box<dyn Error>> {
    let [role, url, token] = args else {
        return Err("usage: poll dial|accept URL TOKEN".into());
    };
    let role = match role.as_str() {
        "dial" => Role::Dial,
        "accept" => Role::Accept,
        other => return Err(format!("{other} is neither dial nor accept").into()),
    };
    let url: ServerUrl = url.parse()?;
    if url.is_https() {
        return Err("this example has no TLS".into());
    }

    let started = Instant::now();
    let config = Config::default();
    let mut driver = Driver { port: SharedPort::bind()?, sockets: BTreeMap::new(), answers: VecDeque::new() };
    let local = driver.port.local_addrs()?.into_iter().map(|addr| LocalAddr {
        ip: addr.ip,
        interface: addr.interface,
        is_default_route: addr.is_default_route,
        is_temporary: addr.is_temporary,
        is_deprecated: addr.is_deprecated,
    });
    let attempt = Attempt {
        role,
        server_addrs: config.first_hop(&url).to_socket_addrs()?.collect(),
        url,
        token: token.parse()?,
        self_addrs: SelfAddrs::select(local, driver.port.port(), config.spaces, &config.interfaces)?,
        seed: RandomState::new().hash_one(started),
    };
    let connector = Connector::new(started, Instant::now(), &attempt, config);
    let (selected, stream) = driver.run(connector)?;
    println!("connected to {}, {}, after {:?}", selected.remote, selected.route, started.elapsed());

    stream.set_nonblocking(false)?;
    writeln!(&stream, "{role} says hello")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    print!("{line}");
    Ok(())
}

/// The canonical loop, and the sockets that it is about.
struct Driver {
    port: SharedPort,
    sockets: BTreeMap<ConnId, Socket>,
    answers: VecDeque<(ConnId, Answer)>,
}

/// A connection, and what is under way on it.
struct Socket {
    stream: TcpStream,
    connecting: bool,
    read: Option<NonZeroUsize>,
    write: Option<Bytes>,
}

enum Answer {
    Connected,
    Read(Vec<u8>),
    Wrote,
    Quiet,
    Failed(ErrorKind),
}

impl Driver {
    fn run(&mut self, mut connector: Connector) -> Result<(Selected, TcpStream), Box<dyn Error>> {
        loop {
            match connector.poll_output() {
                // 1. Carry out what it wants.
                Output::Intent(intent) => self.perform(intent),
                Output::Event(Event::Selected(selected)) => {
                    let socket = self.sockets.remove(&selected.conn).ok_or("no such connection")?;
                    return Ok((*selected, socket.stream));
                }
                Output::Event(Event::Failed(failure)) => return Err(failure),
                Output::Event(_) => {}
                Output::Wait(deadline) => {
                    // 2. Wait for something to happen.
                    let accepted = self.wait(deadline);
                    // 3. Tell it.
                    while let Some((conn, answer)) = self.answers.pop_front() {
                        connector.handle_input(Instant::now(), answer.input(conn));
                    }
                    for (stream, remote) in accepted {
                        let conn = connector.handle_accept(Instant::now(), remote);
                        self.add(conn, Ok(stream), false);
                    }
                    connector.handle_timeout(Instant::now());
                }
            }
        }
    }

    fn perform(&mut self, intent: Intent) {
        match intent {
            Intent::Connect { conn, remote, to } => {
                let stream = match to {
                    Target::Peer => self.port.connect_to_peer(remote),
                    Target::Server | Target::Proxy => self.port.connect(remote),
                };
                self.add(conn, stream, true);
            }
            // For an https server behind a proxy, and here is neither.
            Intent::Secure { conn, .. } => {
                self.answers.push_back((conn, Answer::Failed(ErrorKind::Unsupported)))
            }
            Intent::Read { conn, max } => self.with(conn, |socket| socket.read = Some(max)),
            Intent::Write { conn, data } => self.with(conn, |socket| socket.write = Some(data)),
            Intent::Check { conn } => {
                let answer = self.sockets.get_mut(&conn).and_then(Socket::try_read);
                self.answers.push_back((conn, answer.unwrap_or(Answer::Quiet)));
            }
            Intent::StopRead { conn } => {
                if let Some(socket) = self.sockets.get_mut(&conn) {
                    let answer = socket.try_read().or_else(|| socket.read.take().map(|_| Answer::Quiet));
                    self.answers.extend(answer.map(|answer| (conn, answer)));
                }
            }
            Intent::Shutdown { conn } => self.with(conn, |socket| {
                // If the connection is gone already, the next read will say so.
                let _ = socket.stream.shutdown(Shutdown::Write);
            }),
            Intent::Close { conn } => drop(self.sockets.remove(&conn)),
            Intent::Reset { conn } => {
                if let Some(socket) = self.sockets.remove(&conn) {
                    rdv_socket::reset(socket.stream);
                }
            }
        }
    }

    /// Asks all sockets until one has an answer, a connection comes in, or the deadline has come.
    fn wait(&mut self, deadline: Option<Instant>) -> Vec<(TcpStream, SocketAddr)> {
        loop {
            for (conn, socket) in &mut self.sockets {
                let answers = [socket.try_connect(), socket.try_write(), socket.try_read()];
                self.answers.extend(answers.into_iter().flatten().map(|answer| (*conn, answer)));
            }
            let accept = |listener| std::iter::from_fn(move || rdv_socket::accept(listener).ok());
            let accepted: Vec<_> = self.port.listeners().flat_map(accept).collect();
            let late = deadline.is_some_and(|at| at <= Instant::now());
            if late || !accepted.is_empty() || !self.answers.is_empty() {
                return accepted;
            }
            thread::park_timeout(Duration::from_millis(1));
        }
    }

    fn add(&mut self, conn: ConnId, stream: io::Result<TcpStream>, connecting: bool) {
        match stream {
            Ok(stream) => {
                self.sockets.insert(conn, Socket { stream, connecting, read: None, write: None });
            }
            Err(err) => self.answers.push_back((conn, Answer::Failed(err.kind()))),
        }
    }

    fn with(&mut self, conn: ConnId, act: impl FnOnce(&mut Socket)) {
        self.sockets.get_mut(&conn).map(act).unwrap_or_default();
    }
}

impl Socket {
    fn try_connect(&mut self) -> Option<Answer> {
        if !self.connecting {
            return None;
        }
        let answer = match rdv_socket::connect_finished(&self.stream) {
            Ok(false) => return None,
            Ok(true) => Answer::Connected,
            Err(err) => Answer::Failed(err.kind()),
        };
        self.connecting = false;
        Some(answer)
    }

    fn try_read(&mut self) -> Option<Answer> {
        let max = self.read.filter(|_| !self.connecting)?;
        // Whatever is asked for, a read may bring less.
        let mut data = vec![0; max.get().min(4096)];
        let answer = match self.stream.read(&mut data) {
            Err(err) if err.kind() == ErrorKind::WouldBlock => return None,
            Err(err) => Answer::Failed(err.kind()),
            Ok(len) => {
                data.truncate(len);
                Answer::Read(data)
            }
        };
        self.read = None;
        Some(answer)
    }

    fn try_write(&mut self) -> Option<Answer> {
        let data = self.write.as_mut().filter(|_| !self.connecting)?;
        let answer = loop {
            match self.stream.write(data) {
                Err(err) if err.kind() == ErrorKind::WouldBlock => return None,
                Err(err) => break Answer::Failed(err.kind()),
                Ok(len) => data.advance(len),
            }
            if data.is_empty() {
                break Answer::Wrote;
            }
        };
        self.write = None;
        Some(answer)
    }
}

impl Answer {
    fn input(&self, conn: ConnId) -> Input<'_> {
        match self {
            Answer::Connected => Input::Connected(conn),
            Answer::Read(data) => Input::Read(conn, data),
            Answer::Wrote => Input::Wrote(conn),
            Answer::Quiet => Input::Quiet(conn),
            Answer::Failed(kind) => Input::Failed(conn, *kind),
        }
    }
}
