//! Clients of bytes as they are, and the pairs that they make.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::common::PATIENCE;

/// A raw client of a server, or of what is in front of it.
pub(crate) struct Client(TcpStream);

impl Client {
    pub(crate) fn new(addr: SocketAddr) -> Self {
        let tcp = TcpStream::connect(addr).unwrap();
        tcp.set_nodelay(true).unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(tcp)
    }

    pub(crate) fn ask(addr: SocketAddr, method: &str, token: &str) -> Self {
        let mut client = Self::new(addr);
        client.say(&format!(
            "{method} /{token} HTTP/1.1\r\nHost: rdv.test\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n\r\n"
        ));
        client
    }

    pub(crate) fn say(&mut self, text: &str) {
        // If the other side is gone, what is heard will tell.
        let _ = self.0.write_all(text.as_bytes());
    }

    pub(crate) fn finish(&self) {
        let _ = self.0.shutdown(Shutdown::Write);
    }

    pub(crate) fn head(&mut self) -> String {
        self.head_within(PATIENCE)
    }

    /// What there is of an answer's head by then.
    pub(crate) fn head_within(&mut self, patience: Duration) -> String {
        self.0.set_read_timeout(Some(patience)).unwrap();
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") && matches!(self.0.read(&mut byte), Ok(1)) {
            head.push(byte[0]);
        }
        self.0.set_read_timeout(Some(PATIENCE)).unwrap();
        String::from_utf8_lossy(&head).into_owned()
    }

    /// Whether this comes, and not the end.
    pub(crate) fn hears(&mut self, text: &str) -> bool {
        let mut heard = vec![0; text.len()];
        match self.0.read_exact(&mut heard) {
            Ok(()) => {
                assert_eq!(heard, text.as_bytes());
                true
            }
            Err(err) if matches!(err.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => false,
            Err(err) => panic!("neither {text:?} nor the end: {err}"),
        }
    }

    pub(crate) fn expect(&mut self, text: &str) {
        assert!(self.hears(text), "the end came instead of {text:?}");
    }

    /// All up to an orderly end.
    pub(crate) fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.0.read_to_string(&mut rest).expect("an orderly end");
        rest
    }
}

/// A pair behind its 101.
pub(crate) fn pair(addr: SocketAddr, token: &str) -> [Client; 2] {
    let mut pair = ["DIAL", "ACCEPT"].map(|method| Client::ask(addr, method, token));
    for client in &mut pair {
        let head = client.head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{token}: {head:?}");
        // The address is the client's own, behind the balancer too.
        let observed = format!("\r\nrdv-observed-addr: {}\r\n", client.0.local_addr().unwrap());
        assert!(head.to_lowercase().contains(&observed), "{observed:?} is not in {head:?}");
    }
    pair
}

/// As a client does that is refused for a while: both come again.
pub(crate) fn meet_somehow(addr: SocketAddr, token: &str) {
    let started = Instant::now();
    loop {
        let mut pair = ["DIAL", "ACCEPT"].map(|method| Client::ask(addr, method, token));
        let heads = pair.each_mut().map(|client| client.head_within(Duration::from_secs(2)));
        if heads.iter().all(|head| head.starts_with("HTTP/1.1 101 ")) {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "{token} does not meet: {heads:?}");
    }
}
