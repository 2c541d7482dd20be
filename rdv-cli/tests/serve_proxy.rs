//! `rdv serve --trusted-proxy`, and what it says to an operator who has forgotten that.

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use common::{PATIENCE, Program, Rdv};

const PROGRAM: Program = Program::Rdv;

/// A server on a free port, and its address.
fn serve(flags: &[&str]) -> (Rdv, SocketAddr) {
    let mut server = Rdv::start(&[&["serve", "-l", "127.0.0.1:0"], flags].concat());
    let line = server.wait_for("listening");
    let addr = line.split("addr=").nth(1).and_then(|rest| rest.split_whitespace().next());
    let addr = addr.unwrap_or_else(|| panic!("no address in {line:?}"));
    (server, addr.parse().unwrap())
}

fn ask(server: SocketAddr, before: &str, method: &str, line: &str) -> TcpStream {
    let mut conn = TcpStream::connect(server).unwrap();
    conn.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!(
        "{before}{method} /tok HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n{line}\r\n\r\n"
    );
    conn.write_all(request.as_bytes()).unwrap();
    conn
}

fn head(mut conn: TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && conn.read(&mut byte).unwrap() > 0 {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

#[test]
fn a_trusted_proxy_is_believed() {
    let (_server, addr) = serve(&["--trusted-proxy", "10.0.0.0/8", "--trusted-proxy", "127.0.0.1"]);
    let dialer = ask(addr, "PROXY TCP4 198.51.100.1 203.0.113.1 39841 80\r\n", "DIAL", "X-None: x");
    let accepter = ask(addr, "", "ACCEPT", "Forwarded: for=\"[2001:db8::1]:39842\"");
    for (conn, observed) in [(dialer, "198.51.100.1:39841"), (accepter, "[2001:db8::1]:39842")] {
        let head = head(conn);
        assert!(head.contains(&format!("Rdv-Observed-Addr: {observed}\r\n")), "{head}");
    }
}

#[test]
fn one_that_is_not_is_told_of_once() {
    let (server, addr) = serve(&[]);
    for _ in 0..3 {
        let dialer = ask(addr, "", "DIAL", "X-Forwarded-For: 198.51.100.1");
        let accepter = ask(addr, "", "ACCEPT", "Via: 1.1 proxy");
        assert!(head(dialer).contains("Rdv-Observed-Addr: 127.0.0.1:"));
        assert!(head(accepter).contains("Rdv-Observed-Addr: 127.0.0.1:"));
        let stranger = ask(addr, "PROXY TCP4 198.51.100.1 203.0.113.1 39841 80\r\n", "DIAL", "X-None: x");
        assert!(head(stranger).contains("Rdv-Error: untrusted-proxy\r\n"));
    }
    server.signal("TERM");
    let log = server.finish().log;
    for text in ["have come through a proxy", "sends PROXY headers, which are refused"] {
        let said: Vec<_> = log.iter().filter(|line| line.contains(text)).collect();
        assert!(matches!(said[..], [line] if line.contains("--trusted-proxy 127.0.0.1")), "{log:#?}");
    }
}

#[test]
fn a_network_that_is_none_is_a_usage_error() {
    for network in ["10.0.0.0/33", "proxy.example", ""] {
        let finished = Rdv::start(&["serve", "--trusted-proxy", network]).finish();
        assert_eq!(finished.status, Some(2), "{:#?}", finished.log);
    }
}
