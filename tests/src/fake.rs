//! Fakes of the server and of a peer, for what the real ones never do.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rdv_core::ServerUrl;

use crate::SOON;
use crate::answer::switching;
use crate::raw::RawConn;

/// Something that listens: a server or a peer, as the test has it.
#[derive(Debug)]
pub struct Fake {
    listener: TcpListener,
}

/// A client of a fake server, and what it asked.
#[derive(Debug)]
pub struct Asked {
    /// Its connection.
    pub conn: RawConn,
    /// The head of its request.
    pub head: String,
}

impl Fake {
    /// Listens on IPv4 loopback.
    pub fn start() -> Self {
        Self::on("127.0.0.1:0")
    }

    /// Listens elsewhere.
    ///
    /// # Panics
    /// If it can't be bound.
    pub fn on(addr: &str) -> Self {
        let listener = TcpListener::bind(addr).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self { listener }
    }

    /// Where it listens.
    ///
    /// # Panics
    /// Never, as long as it listens.
    pub fn addr(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// The URL of it as a server.
    ///
    /// # Panics
    /// Never, but for a fault in this file.
    pub fn url(&self) -> ServerUrl {
        format!("http://{}", self.addr()).parse().unwrap()
    }

    /// The next connection, which must come soon.
    ///
    /// # Panics
    /// If none comes.
    #[track_caller]
    pub fn accept(&self) -> RawConn {
        match self.accept_within(SOON) {
            Some(tcp) => RawConn::from_tcp(tcp),
            None => panic!("nobody connected to {} within {SOON:?}", self.addr()),
        }
    }

    /// The next connection, if one comes in time.
    ///
    /// # Panics
    /// If accepting fails.
    #[track_caller]
    pub fn accept_within(&self, patience: Duration) -> Option<TcpStream> {
        let deadline = Instant::now() + patience;
        loop {
            match self.listener.accept() {
                Ok((tcp, _)) => return Some(tcp),
                Err(err) if err.kind() == ErrorKind::WouldBlock && Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(1));
                }
                Err(err) if err.kind() == ErrorKind::WouldBlock => return None,
                Err(err) => panic!("cannot accept: {err}"),
            }
        }
    }

    /// The next client, as a server takes it in.
    #[track_caller]
    pub fn asked(&self) -> Asked {
        let mut conn = self.accept();
        let head = String::from_utf8(conn.read_until("\r\n\r\n")).expect("a request in UTF-8");
        Asked { conn, head }
    }
}

impl Asked {
    /// Answers by a 101 that lists `peer_addrs`.
    #[track_caller]
    pub fn switch(&mut self, peer_addrs: &[SocketAddr]) {
        let list: Vec<_> = peer_addrs.iter().map(SocketAddr::to_string).collect();
        self.conn.send(switching(self.conn.peer_addr(), list.join(", ")));
    }

    /// The value of a header.
    ///
    /// # Panics
    /// If there is none, or more than one.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let prefix = format!("{name}: ");
        let values: Vec<_> = self.head.split("\r\n").filter_map(|line| line.strip_prefix(&prefix)).collect();
        assert_eq!(values.len(), 1, "headers {name} in {:?}", self.head);
        values[0]
    }

    /// Where the client says it listens; its address on loopback must be among them.
    #[track_caller]
    pub fn client_addr(&self) -> SocketAddr {
        let addr = self.conn.peer_addr();
        let offered = self.header("Rdv-Self-Addrs").split(", ").any(|it| it == addr.to_string());
        assert!(offered, "{addr} is not among the addresses offered in {:?}", self.head);
        addr
    }
}

/// An address from which no answer comes to a SYN: a listener whose queue is full.
#[derive(Debug)]
pub struct BlackHole {
    listener: TcpListener,
    queued: Vec<TcpStream>,
}

impl BlackHole {
    /// On IPv4 loopback.
    ///
    /// # Panics
    /// If its queue can't be filled.
    pub fn new() -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        socket.listen(0).unwrap();
        let listener = TcpListener::from(socket);
        let addr = listener.local_addr().unwrap();
        let mut queued = Vec::new();
        while let Ok(conn) = TcpStream::connect_timeout(&addr, Duration::from_millis(100)) {
            queued.push(conn);
            assert!(queued.len() < 64, "the queue has no end");
        }
        Self { listener, queued }
    }

    /// Where it would be.
    ///
    /// # Panics
    /// Never, as long as it listens.
    pub fn addr(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// The URL of it as a server.
    ///
    /// # Panics
    /// Never, but for a fault in this file.
    pub fn url(&self) -> ServerUrl {
        format!("http://{}", self.addr()).parse().unwrap()
    }

    /// How many file descriptors it takes.
    pub fn descriptors(&self) -> usize {
        1 + self.queued.len()
    }
}

impl Default for BlackHole {
    fn default() -> Self {
        Self::new()
    }
}
