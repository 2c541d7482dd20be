//! A socket that does as it is told, and says what it got instead of what a test expected.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::{QUIET, SOON};

/// One TCP connection. Every wait is bounded by [`SOON`], and every failure prints what was received.
#[derive(Debug)]
pub struct RawConn {
    tcp: TcpStream,
    /// Received, and not yet taken by an expectation.
    inbox: Vec<u8>,
    end: Option<End>,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By a FIN.
    Eof,
    /// By an RST.
    Reset,
}

impl RawConn {
    /// Connects.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    pub fn connect(addr: SocketAddr) -> Self {
        match TcpStream::connect_timeout(&addr, SOON) {
            Ok(tcp) => Self::from_tcp(tcp),
            Err(err) => panic!("cannot connect to {addr}: {err}"),
        }
    }

    /// Connects from another address of this machine: on Linux, all of 127.0.0.0/8 is.
    ///
    /// # Panics
    /// If the connection does not come about.
    #[track_caller]
    pub fn connect_from(from: [u8; 4], addr: SocketAddr) -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
        socket.connect_timeout(&addr.into(), SOON).unwrap();
        Self::from_tcp(socket.into())
    }

    /// Takes a connection over.
    ///
    /// # Panics
    /// If its options can't be set.
    #[track_caller]
    pub fn from_tcp(tcp: TcpStream) -> Self {
        tcp.set_nonblocking(false).unwrap();
        tcp.set_nodelay(true).unwrap();
        tcp.set_read_timeout(Some(SOON)).unwrap();
        tcp.set_write_timeout(Some(SOON)).unwrap();
        Self { tcp, inbox: Vec::new(), end: None }
    }

    /// The plain socket.
    pub fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// This end's address.
    ///
    /// # Panics
    /// If the socket has none any more.
    pub fn local_addr(&self) -> SocketAddr {
        self.tcp.local_addr().unwrap()
    }

    /// The other end's address.
    ///
    /// # Panics
    /// If the socket has none any more.
    pub fn peer_addr(&self) -> SocketAddr {
        self.tcp.peer_addr().unwrap()
    }

    /// Sends, in one write if the kernel takes it. If the other end has closed, what comes back will tell.
    ///
    /// # Panics
    /// If the bytes are not taken in time.
    #[track_caller]
    pub fn send(&self, data: impl AsRef<[u8]>) {
        let data = data.as_ref();
        match (&self.tcp).write_all(data) {
            Ok(()) => {}
            Err(err) if matches!(err.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {}
            Err(err) => panic!("cannot send {} bytes: {err}", data.len()),
        }
    }

    /// Sends each byte in a write, and so in a segment, of its own.
    #[track_caller]
    pub fn send_bytewise(&self, data: impl AsRef<[u8]>) {
        data.as_ref().chunks(1).for_each(|byte| self.send(byte));
    }

    /// Sends a FIN.
    pub fn finish(&self) {
        // The other end may be gone; what is received will say so.
        let _ = self.tcp.shutdown(Shutdown::Write);
    }

    /// Closes with an RST.
    ///
    /// # Panics
    /// If the socket does not take the option.
    pub fn reset(self) {
        SockRef::from(&self.tcp).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// What a single read of the socket brings, or what an expectation has left over.
    ///
    /// # Panics
    /// If nothing comes in time.
    #[track_caller]
    pub fn read_once(&mut self) -> Vec<u8> {
        if self.inbox.is_empty() && self.end.is_none() && !self.fill(SOON) {
            panic!("nothing received within {SOON:?}");
        }
        std::mem::take(&mut self.inbox)
    }

    /// Takes `expected` off the stream.
    ///
    /// # Panics
    /// If something else comes, or not enough.
    #[track_caller]
    pub fn expect(&mut self, expected: impl AsRef<[u8]>) {
        let expected = expected.as_ref();
        let deadline = Instant::now() + SOON;
        while self.inbox.len() < expected.len()
            && expected.starts_with(&self.inbox)
            && self.end.is_none()
            && self.fill(deadline.saturating_duration_since(Instant::now()))
        {}
        if !self.inbox.starts_with(expected) {
            panic!("expected {}, got {}", show(expected), self.status());
        }
        self.inbox.drain(..expected.len());
    }

    /// Takes everything up to and with `end` off the stream.
    ///
    /// # Panics
    /// If it does not come.
    #[track_caller]
    pub fn read_until(&mut self, end: impl AsRef<[u8]>) -> Vec<u8> {
        let end = end.as_ref();
        let deadline = Instant::now() + SOON;
        loop {
            if let Some(at) = self.inbox.windows(end.len()).position(|window| window == end) {
                return self.inbox.drain(..at + end.len()).collect();
            }
            if self.end.is_some() || !self.fill(deadline.saturating_duration_since(Instant::now())) {
                panic!("expected something that ends in {}, got {}", show(end), self.status());
            }
        }
    }

    /// What has arrived by now, and the stream's end if that has. Does not wait.
    ///
    /// # Panics
    /// If the socket fails in some other way.
    pub fn read_now(&mut self) -> (Vec<u8>, Option<End>) {
        self.tcp.set_nonblocking(true).unwrap();
        while self.end.is_none() && self.fill(SOON) {}
        self.tcp.set_nonblocking(false).unwrap();
        (std::mem::take(&mut self.inbox), self.end)
    }

    /// Everything up to the end of the stream, which may be of either kind.
    ///
    /// # Panics
    /// If there is a longer pause.
    #[track_caller]
    pub fn read_to_end(&mut self) -> (Vec<u8>, End) {
        loop {
            if let Some(end) = self.end {
                return (std::mem::take(&mut self.inbox), end);
            }
            if !self.fill(SOON) {
                panic!("expected the stream's end, got {}", self.status());
            }
        }
    }

    /// The stream ends by a FIN, and nothing comes before.
    ///
    /// # Panics
    /// If something else happens.
    #[track_caller]
    pub fn expect_eof(&mut self) {
        self.expect_end(&[End::Eof]);
    }

    /// The stream ends by an RST, and nothing comes before.
    ///
    /// # Panics
    /// If something else happens.
    #[track_caller]
    pub fn expect_reset(&mut self) {
        self.expect_end(&[End::Reset]);
    }

    /// The connection is closed, and nothing comes before. Unread bytes make an RST of a FIN, so either will do.
    ///
    /// # Panics
    /// If something else happens.
    #[track_caller]
    pub fn expect_closed(&mut self) {
        self.expect_end(&[End::Eof, End::Reset]);
    }

    /// Nothing comes, and the connection stays open.
    ///
    /// # Panics
    /// If something comes.
    #[track_caller]
    pub fn expect_silence(&mut self) {
        if !self.inbox.is_empty() || self.end.is_some() || self.fill(QUIET) {
            panic!("expected nothing for {QUIET:?}, got {}", self.status());
        }
    }

    #[track_caller]
    fn expect_end(&mut self, allowed: &[End]) {
        while self.inbox.is_empty() && self.end.is_none() && self.fill(SOON) {}
        let ended = self.inbox.is_empty() && self.end.is_some_and(|end| allowed.contains(&end));
        assert!(ended, "expected the end of the stream by {allowed:?}, got {}", self.status());
    }

    /// One read. False if nothing happened in time.
    #[track_caller]
    fn fill(&mut self, patience: Duration) -> bool {
        self.tcp.set_read_timeout(Some(patience.max(Duration::from_millis(1)))).unwrap();
        let mut buffer = vec![0; 64 * 1024];
        match self.tcp.read(&mut buffer) {
            Ok(0) => self.end = Some(End::Eof),
            Ok(len) => self.inbox.extend_from_slice(&buffer[..len]),
            Err(err) if err.kind() == ErrorKind::ConnectionReset => self.end = Some(End::Reset),
            Err(err) if matches!(err.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return false,
            Err(err) => panic!("cannot read: {err}, after {}", show(&self.inbox)),
        }
        true
    }

    fn status(&self) -> String {
        let end = match self.end {
            Some(End::Eof) => "then a FIN",
            Some(End::Reset) => "then an RST",
            None => "and the connection is open",
        };
        format!("{}, {end}", show(&self.inbox))
    }
}

/// Bytes as they are shown in failures: escaped, and shortened in the middle.
pub fn show(bytes: &[u8]) -> String {
    const MOST: usize = 300;
    match bytes.len() {
        0 => "nothing".to_owned(),
        len if len <= MOST => format!("\"{}\" ({len} bytes)", bytes.escape_ascii()),
        len => {
            let (head, tail) = (&bytes[..MOST / 2], &bytes[len - MOST / 2..]);
            format!("\"{} ... {}\" ({len} bytes)", head.escape_ascii(), tail.escape_ascii())
        }
    }
}
