//! Pairs, and the threads that serve them.

use std::cell::Cell;
use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use mio::event::Source;
use rdv_core::{
    Input, Intent, Lobby, LobbyConfig, LobbyEvent, Output, Relay, RelayEvent, RelayReport, Splice,
};
use rdv_socket::relay::{End, Kind, Pool, Tcp, Way};

use crate::{Crew, Ending, Leg, Pair, Plain, Ready};

/// Two threads for bulk get unequal parts of the machine, and three pairs are not shared out equally. By and by each pair is
/// served by both, and loses no byte by that.
#[test]
fn a_pair_in_bulk_stays_with_no_thread_for_long() {
    let crew = Crew::new(1, Pool::default());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let seen = [(); 3].map(|()| {
            let seen = Seen::default();
            let [from, to] = relayed(&crew, &seen, None);
            let sender = scope.spawn(|| send(from, &done));
            scope.spawn(|| assert_eq!(receive(to), sender.join().unwrap(), "bytes that came, and were sent"));
            seen
        });
        wait_until(|| seen.iter().all(|seen| threads(seen) == 2));
        done.store(true, Ordering::Relaxed);
        assert_eq!(seen.map(|seen| threads(&seen)), [2; 3], "so many threads for bulk have served each pair");
    });
    crew.stop();
}

/// Nor does anybody get a pair who would cut it off: neither the next one, which is due to the thread with the fewest, nor one
/// that is swapped.
#[test]
fn in_place_of_a_thread_that_has_failed_there_is_another() {
    let crew = Crew::new(1, Pool::default());
    let seen = [(); 3].map(|()| Seen::default());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let (breaks, ended) = channel();
        let [mut from, to] = relayed(&crew, &seen[0], Some(breaks));
        scope.spawn(move || io::copy(&mut &to, &mut io::sink()));
        while from.write_all(&[0; 1 << 16]).is_ok() {}
        assert_eq!(ended.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected), "its thread goes on");
        for seen in &seen[1..] {
            let [from, to] = relayed(&crew, seen, None);
            let sender = scope.spawn(|| send(from, &done));
            scope.spawn(|| assert_eq!(receive(to), sender.join().unwrap(), "bytes that came, and were sent"));
            wait_until(|| threads(seen) >= 1);
        }
        wait_until(|| seen[1..].iter().all(|seen| threads(seen) == 2));
        done.store(true, Ordering::Relaxed);
        assert_eq!(
            [0, 1, 2].map(|i| threads(&seen[i])),
            [1, 2, 2],
            "so many threads for bulk have served each pair"
        );
    });
    assert_eq!(crew.threads(Kind::Bulk), 2);
    crew.stop();
}

/// Or until patience ends; what is asserted then must not keep others from ending.
fn wait_until(is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() && began.elapsed() < PATIENCE {
        thread::yield_now();
    }
}

fn threads(seen: &Seen) -> usize {
    seen.lock().unwrap().len()
}

/// Sends a count until it is time to end. How many bytes that was.
fn send(mut to: TcpStream, done: &AtomicBool) -> u64 {
    let (piece, mut sent) = (count(PIECE), 0);
    while !done.load(Ordering::Relaxed) {
        to.write_all(&piece).unwrap();
        sent += PIECE as u64;
    }
    to.shutdown(Shutdown::Write).unwrap();
    sent
}

/// Receives it to its end. How many bytes came.
fn receive(mut from: TcpStream) -> u64 {
    let (mut buf, mut received, count) = (vec![0; PIECE], 0, count(PIECE + 256));
    loop {
        let len = from.read(&mut buf).unwrap();
        if len == 0 {
            return received;
        }
        let at = received as usize % 256;
        assert!(buf[..len] == count[at..at + len], "other bytes than were sent, from {received} on");
        received += len as u64;
    }
}

fn count(len: usize) -> Vec<u8> {
    (0..len).map(|i| i as u8).collect()
}

/// The dialer's connection and the accepter's, of a pair that is served from now on.
fn relayed(crew: &Crew<Noted, Silent>, seen: &Seen, breaks: Option<Sender<()>>) -> [TcpStream; 2] {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let [(client, dialer), (peer, accepter)] = [(); 2].map(|()| {
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.set_write_timeout(Some(PATIENCE)).unwrap();
        let conn = listener.accept().unwrap().0;
        conn.set_nonblocking(true).unwrap();
        (client, Noted { plain: conn.into(), seen: seen.clone(), breaks: breaks.clone() })
    });
    let (relay, splice) = spliced();
    crew.serve(Box::new(Pair::new(relay, &splice, [Some(dialer), Some(accepter)], Silent))).unwrap();
    [client, peer]
}

/// A relay whose bytes are to be copied.
fn spliced() -> (Relay, Box<Splice>) {
    let now = Instant::now();
    let mut lobby = Lobby::new(LobbyConfig::default());
    let mut heads = ["ACCEPT", "DIAL"].map(|method| {
        let conn = lobby.handle_accept(now, "203.0.113.7:4567".parse().unwrap());
        let fields = "Host: rdv\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\nRdv-Self-Addrs: \r\n\r\n";
        (conn, Some(format!("{method} /token HTTP/1.1\r\n{fields}")))
    });
    let mut matched = loop {
        match lobby.poll_output() {
            Output::Intent(Intent::Read { conn, .. }) => {
                let head = heads.iter_mut().find(|(it, _)| *it == conn).and_then(|(_, head)| head.take());
                if let Some(head) = head {
                    lobby.handle_input(now, Input::Read(conn, head.as_bytes()));
                }
            }
            Output::Intent(Intent::Check { conn }) => lobby.handle_input(now, Input::Quiet(conn)),
            Output::Event(LobbyEvent::Matched(matched)) => break matched,
            output @ (Output::Intent(_) | Output::Event(_) | Output::Wait(_)) => {
                panic!("{output:?} before there is a pair")
            }
        }
    };
    let dialer = matched.dialer;
    let splice = loop {
        let answer = match matched.relay.poll_output() {
            Output::Intent(Intent::Write { conn, .. }) => Input::Wrote(conn),
            Output::Intent(Intent::Read { conn, .. }) if conn == dialer => Input::Read(conn, b"CONTINUE\n"),
            Output::Intent(Intent::StopRead { conn }) => Input::Quiet(conn),
            Output::Event(RelayEvent::Splice(splice)) => break splice,
            Output::Event(_) => continue,
            output @ (Output::Intent(_) | Output::Wait(_)) => panic!("{output:?} before bytes are copied"),
        };
        matched.relay.handle_input(now, answer);
    };
    (matched.relay, splice.into())
}

thread_local! {
    static BROKEN: Cell<Option<Sender<()>>> = const { Cell::new(None) };
}

/// The threads for bulk that have served a pair.
type Seen = Arc<Mutex<HashSet<ThreadId>>>;

/// A leg that notes them: each registers its socket.
struct Noted {
    plain: Plain,
    seen: Seen,
    /// Has the first of them panic. Dropped when that has ended.
    breaks: Option<Sender<()>>,
}

impl Leg for Noted {
    fn source(&mut self) -> &mut dyn Source {
        let thread = thread::current();
        if thread.name() == Some("rdv-bulk") {
            self.seen.lock().unwrap().insert(thread.id());
            if let Some(breaks) = self.breaks.take() {
                BROKEN.set(Some(breaks));
                panic!("a thread fails, as it should here");
            }
        }
        self.plain.source()
    }

    fn ready(&mut self) -> &mut Ready {
        self.plain.ready()
    }

    fn take_error(&self) -> Option<io::Error> {
        self.plain.take_error()
    }

    fn reset(self) {
        self.plain.reset();
    }
}

impl End for Noted {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.plain.read(buf)
    }

    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.plain.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.plain.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.plain.finish()
    }

    fn is_plain(&self) -> bool {
        self.plain.is_plain()
    }

    fn on_socket(
        &mut self,
        way: Way,
        act: &mut dyn FnMut(Tcp<'_>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.plain.on_socket(way, act)
    }
}

struct Silent;

impl Ending for Silent {
    fn finished(&mut self, _: RelayReport) {}
}

/// A multiple of 256, so that the count goes on.
const PIECE: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(30);
