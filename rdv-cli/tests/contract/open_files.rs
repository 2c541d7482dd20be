//! A server in a process that may have few files open: whoever comes is answered or waits in the queue, and when others
//! have left all is as before.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{PATIENCE, Server};

/// With as many connections as files allow, a client is told so before there are none to tell it with.
#[test]
fn load_is_shed_before_files_run_out() {
    let server = Server::start_with_files(64, &[]);
    // Half of the files are for connections, where they are so few. Each waiting client has room for its peer.
    let mut waiting: Vec<_> = (0..16).map(|i| ask(&server, "DIAL", &format!("shed{i}"))).collect();
    settle(&server);
    for i in 0..50 {
        let told = answer(&mut ask(&server, "DIAL", &format!("more{i}")));
        assert!(
            told.starts_with("HTTP/1.1 503 ") && told.contains("\r\nRdv-Error: overloaded\r\n"),
            "{told}"
        );
        assert!(told.contains("\r\nRetry-After: 10\r\n"), "{told}");
    }
    let mut peers = Vec::new();
    for (i, client) in waiting.iter_mut().enumerate() {
        let mut peer = patient(|| ask(&server, "ACCEPT", &format!("shed{i}")), "101");
        assert!(peer.1.starts_with("HTTP/1.1 101 "), "{}", peer.1);
        assert!(answer(client).starts_with("HTTP/1.1 101 "));
        client.write_all(b"CONTINUE\n").unwrap();
        peer.0.read_exact(&mut [0; 9]).unwrap();
        peers.push(peer);
    }
    // All of it relays now. Nobody is left hanging.
    let told = answer(&mut ask(&server, "DIAL", "late"));
    assert!(told.contains("\r\nRdv-Error: overloaded\r\n"), "{told}");
    drop((waiting, peers));
    meet(&server, "after");
    server.rdv.signal("TERM");
    let end = server.rdv.finish();
    assert_eq!(end.status, Some(0), "{:#?}", end.log);
    assert!(!end.log.iter().any(|line| line.contains("cannot accept")), "{:#?}", end.log);
}

/// Where the operator has asked for more than there is, accepting fails. It pauses, and those in the queue have their turn.
#[test]
fn whoever_cannot_be_accepted_waits_in_the_queue() {
    let mut server = Server::start_with_files(40, &["--max-open", "none"]);
    let mut clients: Vec<_> = (0..60).map(|i| ask(&server, "DIAL", &format!("queue{i}"))).collect();
    let line = server.rdv.wait_for("cannot accept");
    assert!(line.starts_with("WARN server: cannot accept connections, pausing: "), "{line}");
    let busy = processor_time(server.rdv.pid());
    thread::sleep(Duration::from_millis(500));
    if let (Some(before), Some(after)) = (busy, processor_time(server.rdv.pid())) {
        assert!(after - before < Duration::from_millis(200), "busy for {:?}", after - before);
    }
    // Whoever is in leaves, and the others come in.
    let rest = clients.split_off(40);
    drop(clients);
    server.rdv.wait_for("INFO server: accepting connections again");
    for (i, mut client) in (40..).zip(rest) {
        let (_peer, told) = patient(|| ask(&server, "ACCEPT", &format!("queue{i}")), "101");
        assert!(told.starts_with("HTTP/1.1 101 "), "{told}");
        assert!(answer(&mut client).starts_with("HTTP/1.1 101 "));
    }
    meet(&server, "after");
    server.rdv.signal("TERM");
    let end = server.rdv.finish();
    assert_eq!(end.status, Some(0), "{:#?}", end.log);
    let lines = end.log.iter().filter(|line| line.contains("cannot accept")).count();
    assert!(lines <= 2, "said {lines} times: {:#?}", end.log);
}

fn connect(server: &Server) -> TcpStream {
    let addr = server.url.strip_prefix("http://").expect("an http server");
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn ask(server: &Server, method: &str, token: &str) -> TcpStream {
    let mut stream = connect(server);
    let head =
        format!("{method} /{token} HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n\r\n");
    match stream.write_all(head.as_bytes()) {
        Err(err) if !matches!(err.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
            panic!("{err}")
        }
        Ok(()) | Err(_) => stream,
    }
}

/// The head of an answer, or as much of it as comes.
fn answer(stream: &mut TcpStream) -> String {
    let mut told = Vec::new();
    let mut byte = [0];
    while !told.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1..) => told.push(byte[0]),
            Ok(0) => break,
            Err(err) if err.kind() == ErrorKind::ConnectionReset => break,
            Err(err) => panic!("no answer: {err}"),
        }
    }
    String::from_utf8(told).unwrap()
}

/// Asks until the answer has this status: a server that is full needs a moment to see that others have left.
fn patient(ask: impl Fn() -> TcpStream, status: &str) -> (TcpStream, String) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut stream = ask();
        let told = answer(&mut stream);
        if told.starts_with(&format!("HTTP/1.1 {status} ")) || Instant::now() >= deadline {
            return (stream, told);
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Until the server has taken note of all that was sent to it: the second of two that ask came when the first was
/// answered already.
fn settle(server: &Server) {
    for _ in 0..2 {
        let mut stream = connect(server);
        stream.write_all(b"OBSERVE /settled HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        assert!(answer(&mut stream).starts_with("HTTP/1.1 200 "));
    }
}

fn meet(server: &Server, token: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        // A dialer that is refused does not wait, and then neither does its peer find it.
        let mut dialer = ask(server, "DIAL", token);
        dialer.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        if dialer.read(&mut [0; 8]).is_err() {
            dialer.set_read_timeout(Some(PATIENCE)).unwrap();
            let told = answer(&mut ask(server, "ACCEPT", token));
            if told.starts_with("HTTP/1.1 101 ") {
                return;
            }
        }
        assert!(Instant::now() < deadline, "nobody meets here any more");
    }
}

/// What a process has used of the processors. `None` where that is not to be found out.
fn processor_time(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}
