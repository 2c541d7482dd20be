//! Servers that answer each request with their number, so that it shows which one a balancer chooses.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use crate::client::Client;

pub(crate) struct Fakes {
    pub(crate) addrs: Vec<SocketAddr>,
}

impl Fakes {
    pub(crate) fn start(count: u8) -> Self {
        let addrs = (0..count).map(|number| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let addr = listener.local_addr().unwrap();
            thread::spawn(move || {
                for conn in listener.incoming().flatten() {
                    answer(conn, number);
                }
            });
            addr
        });
        Self { addrs: addrs.collect() }
    }
}

/// What comes may be a health check, which says nothing, or begin with a PROXY header.
fn answer(mut conn: TcpStream, number: u8) {
    let (mut head, mut part) = (Vec::<u8>::new(), [0; 1024]);
    while !head.windows(5).any(|it| it[0].is_ascii_graphic() && it.ends_with(b"\r\n\r\n")) {
        match conn.read(&mut part) {
            Ok(len @ 1..) => head.extend_from_slice(&part[..len]),
            Ok(0) | Err(_) => return,
        }
    }
    let _ = write!(
        conn,
        "HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\nConnection: close\r\nNumber: {number}\r\n\r\n"
    );
}

/// Of the server to which a token leads.
pub(crate) fn number(balancer: SocketAddr, token: &str) -> u8 {
    let head = Client::ask(balancer, "DIAL", token).head().to_lowercase();
    let number = head.lines().find_map(|line| line.strip_prefix("number: "));
    number.unwrap_or_else(|| panic!("no number in {head:?}")).parse().unwrap()
}
