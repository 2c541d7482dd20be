//! One server takes another's place, and no client is refused.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{PATIENCE, Rdv};
use crate::http::{connect, upgrade};
use crate::systemd::activated;

/// One of two clients that want to meet, and come again when they are told to.
struct Half {
    addr: String,
    request: String,
    stream: TcpStream,
    heard: Vec<u8>,
}

impl Half {
    fn new(addr: &str, method: &str, token: &str) -> Result<Self, String> {
        let request = upgrade(method, token);
        let stream = Self::ask(addr, &request)?;
        Ok(Self { addr: addr.to_owned(), request, stream, heard: Vec::new() })
    }

    fn ask(addr: &str, request: &str) -> Result<TcpStream, String> {
        let mut stream = TcpStream::connect(addr).map_err(|error| format!("connecting: {error}"))?;
        stream.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        stream.write_all(request.as_bytes()).map_err(|error| format!("asking: {error}"))?;
        Ok(stream)
    }

    /// Whether it has been matched.
    fn look(&mut self) -> Result<bool, String> {
        let mut buffer = [0; 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) if self.heard.starts_with(b"HTTP/1.1 503 ") => {
                let told = String::from_utf8_lossy(&self.heard);
                assert!(told.contains("\r\nRetry-After: "), "{told}");
                self.heard.clear();
                self.stream = Self::ask(&self.addr, &self.request)?;
            }
            Ok(0) => return Err(format!("ended behind {:?}", String::from_utf8_lossy(&self.heard))),
            Ok(len) => self.heard.extend_from_slice(&buffer[..len]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(format!("hearing: {error}")),
        }
        Ok(self.heard.starts_with(b"HTTP/1.1 101 ") && self.heard.ends_with(b"\r\n\r\n"))
    }
}

/// Two clients meet, wherever they come.
fn meet(addr: &str, token: &str) -> Result<(), String> {
    let mut halves = [Half::new(addr, "ACCEPT", token)?, Half::new(addr, "DIAL", token)?];
    let (mut met, until) = ([false; 2], Instant::now() + PATIENCE);
    while met != [true; 2] {
        for (half, met) in halves.iter_mut().zip(&mut met) {
            *met = *met || half.look()?;
        }
        if Instant::now() > until {
            return Err("the two did not meet".to_owned());
        }
    }
    let _ = halves[1].stream.write_all(b"OTHER 192.0.2.1:1\n");
    Ok(())
}

#[test]
fn with_a_socket_that_stays_no_connection_is_refused() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = socket.local_addr().unwrap().to_string();
    let mut old = activated(socket.try_clone().unwrap(), "rdv.socket", &[]);
    old.wait_for("listening");

    let (stop, met) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let failures = Arc::new(Mutex::new(Vec::new()));
    let crowd: Vec<_> = (0..4)
        .map(|who| {
            let (addr, stop, met, failures) = (addr.clone(), stop.clone(), met.clone(), failures.clone());
            thread::spawn(move || {
                let mut round = 0;
                while !stop.load(Ordering::Relaxed) {
                    round += 1;
                    match meet(&addr, &format!("restart-{who}-{round}")) {
                        Ok(()) => _ = met.fetch_add(1, Ordering::Relaxed),
                        Err(failure) => failures.lock().unwrap().push(failure),
                    }
                }
            })
        })
        .collect();
    let wait_for_more = |what: &str| {
        let (until, goal) = (Instant::now() + PATIENCE, met.load(Ordering::Relaxed) + 30);
        while met.load(Ordering::Relaxed) < goal {
            assert!(Instant::now() < until, "{what}: no pairs any more, {:?}", failures.lock().unwrap());
            thread::sleep(Duration::from_millis(5));
        }
    };
    wait_for_more("the old server");
    let mut new = activated(socket.try_clone().unwrap(), "rdv.socket", &[]);
    new.wait_for("listening");
    old.signal("TERM");
    assert_eq!(old.finish().status, Some(0));
    wait_for_more("the new server");
    stop.store(true, Ordering::Relaxed);
    for client in crowd {
        client.join().unwrap();
    }
    assert_eq!(*failures.lock().unwrap(), Vec::<String>::new());
}

#[test]
#[cfg(target_os = "linux")]
fn with_a_shared_port_those_in_the_queue_are_answered() {
    let start = |addr: &str| {
        let mut rdv = Rdv::start(&["serve", "-l", addr, "--reuse-port"]);
        let line = rdv.wait_for("listening addr=");
        (line.rsplit_once('=').expect("an address").1.to_owned(), rdv)
    };
    let (addr, old) = start("127.0.0.1:0");
    let (same, new) = start(&addr);
    assert_eq!(addr, same);
    // The system deals these out between the two.
    let mut crowd: Vec<TcpStream> = (0..100).map(|_| connect(&addr)).collect();
    old.signal("TERM");
    for (i, client) in crowd.iter_mut().enumerate() {
        client.write_all(upgrade("DIAL", &format!("shared-{i}")).as_bytes()).unwrap();
    }
    for mut client in crowd {
        client.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let mut told = String::new();
        match client.read_to_string(&mut told) {
            Ok(_) => assert!(told.starts_with("HTTP/1.1 503 "), "{told}"),
            // It waits at the new one.
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}")
            }
        }
    }
    assert_eq!(old.finish().status, Some(0));
    for round in 0..10 {
        meet(&addr, &format!("after-{round}")).unwrap();
    }
    drop(new);
}

#[test]
fn a_port_is_not_shared_with_just_anybody() {
    let mut rdv = Rdv::start(&["serve", "-l", "127.0.0.1:0"]);
    let line = rdv.wait_for("listening addr=");
    let addr = line.rsplit_once('=').expect("an address").1;
    let end = Rdv::start(&["serve", "-l", addr, "--reuse-port"]).finish();
    assert_eq!(end.status, Some(1), "{:#?}", end.log);
}
