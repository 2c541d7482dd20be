//! Many clients at once: those that meet, and those that leave.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use rdv_tests::answer::request;

use crate::server::{Kind, Server};

/// How much there was of something, and what it took.
pub(crate) struct Course {
    pub(crate) per_second: f64,
    /// CPU time of the server's, in microseconds.
    pub(crate) cpu: f64,
}

/// Clients on one thread, each of which begins anew once the server has closed its connection.
struct Load<'a> {
    server: &'a Server,
    poll: Poll,
    clients: Vec<Client>,
    /// Connections that were begun.
    begun: usize,
    leave: bool,
    is_rdv: bool,
    /// Whether the server leaves pairs without an answer, as another's may.
    loses_pairs: bool,
}

struct Client {
    conn: TcpStream,
    answer: Vec<u8>,
    is_over: bool,
    since: Instant,
}

impl Course {
    /// Two clients ask, are both answered, and the dialer says that they have connected directly. A baseline has no pairs:
    /// there it is two connections each.
    pub(crate) fn of_matches(kind: Kind, lasts: Duration) -> Self {
        let conns = Load::run(kind, 2 * IN_FLIGHT, false, lasts);
        Self { per_second: conns.per_second / 2.0, cpu: conns.cpu * 2.0 }
    }

    /// A client asks, and leaves before there is an answer.
    pub(crate) fn of_churn(kind: Kind, lasts: Duration) -> Self {
        Load::run(kind, IN_FLIGHT, true, lasts)
    }
}

impl<'a> Load<'a> {
    fn run(kind: Kind, clients: usize, leave: bool, lasts: Duration) -> Course {
        let server = Server::start(kind);
        let poll = Poll::new().expect("a poller");
        let mut load = Load {
            server: &server,
            poll,
            clients: Vec::with_capacity(clients),
            begun: 0,
            leave,
            is_rdv: !kind.is_baseline(),
            loses_pairs: kind == Kind::Also,
        };
        load.clients = (0..clients).map(|i| load.begin(i)).collect();
        load.go_on(WARM_UP);
        let (began, cpu) = (Instant::now(), server.cpu());
        let ended = load.go_on(lasts) as f64;
        let (took, cpu) = (began.elapsed(), server.cpu() - cpu);
        Course { per_second: ended / took.as_secs_f64(), cpu: cpu.as_secs_f64() * 1e6 / ended }
    }

    /// How many connections have ended meanwhile.
    fn go_on(&mut self, lasts: Duration) -> usize {
        let (began, mut ended) = (Instant::now(), 0);
        let mut events = Events::with_capacity(self.clients.len());
        while began.elapsed() < lasts {
            let patience = if self.loses_pairs { LOST } else { PATIENCE };
            self.poll.poll(&mut events, Some(patience)).expect("polling works");
            if self.loses_pairs {
                self.give_up_lost();
            } else {
                assert!(!events.is_empty(), "the server says nothing more");
            }
            for event in &events {
                let at = event.token().0;
                let says = self.is_rdv && !self.leave && is_dialer(at);
                self.clients[at].advance(says, event.is_read_closed());
                ended += self.renew(at);
            }
        }
        ended
    }

    /// Those that meet begin anew together, lest one of them finds the other's last connection.
    fn renew(&mut self, at: usize) -> usize {
        let both = [at, at ^ 1];
        let them = if self.leave { &both[..1] } else { &both };
        if !them.iter().all(|at| self.clients[*at].is_over) {
            return 0;
        }
        for at in them {
            self.clients[*at] = self.begin(*at);
        }
        them.len()
    }

    /// Has pairs begin anew that wait in vain.
    fn give_up_lost(&mut self) {
        for at in (0..self.clients.len()).step_by(2) {
            if [at, at + 1].iter().all(|at| self.clients[*at].since.elapsed() > LOST) {
                self.clients[at] = self.begin(at);
                self.clients[at + 1] = self.begin(at + 1);
            }
        }
    }

    fn begin(&mut self, at: usize) -> Client {
        self.begun += 1;
        let role = if is_dialer(at) { "DIAL" } else { "ACCEPT" };
        // Two that meet are begun one after the other.
        let request = request(role, &format!("/bench-{:08}", (self.begun - 1) / 2), "10.1.2.3:40000");
        let mut conn = connect(self.server.addr(self.begun));
        conn.write_all(request.as_bytes()).expect("an open connection");
        if self.leave {
            conn.shutdown(Shutdown::Write).expect("an open connection");
        }
        conn.set_nonblocking(true).expect("an open socket");
        let mut conn = TcpStream::from_std(conn);
        self.poll.registry().register(&mut conn, Token(at), Interest::READABLE).expect("room in the poller");
        Client { conn, answer: Vec::new(), is_over: false, since: Instant::now() }
    }
}

impl Client {
    /// Reads what there is, and says so if it is to be said.
    fn advance(&mut self, says: bool, has_ended: bool) {
        let mut buf = [0; 1024];
        while !self.is_over {
            match self.conn.read(&mut buf) {
                Ok(0) => self.is_over = true,
                Ok(len) => {
                    let had = self.is_answered();
                    self.answer.extend_from_slice(&buf[..len]);
                    if says && !had && self.is_answered() {
                        assert!(self.answer.starts_with(b"HTTP/1.1 101 "), "a client is refused");
                        self.conn.write_all(b"OTHER 10.1.2.3:40000\n").expect("an open connection");
                        self.conn.shutdown(Shutdown::Both).expect("an open connection");
                        self.is_over = true;
                    }
                    // The rest will be reported.
                    if len < buf.len() && !has_ended {
                        return;
                    }
                }
                Err(err) if err.kind() == ErrorKind::WouldBlock => return,
                Err(err) => panic!("a connection failed: {err}"),
            }
        }
    }

    fn is_answered(&self) -> bool {
        self.answer.ends_with(b"\r\n\r\n")
    }
}

fn is_dialer(at: usize) -> bool {
    at % 2 == 1
}

pub(crate) fn connect(addr: SocketAddr) -> std::net::TcpStream {
    std::net::TcpStream::connect(addr).expect("the server listens")
}

/// Pairs, or connections of those that leave.
const IN_FLIGHT: usize = 64;
const WARM_UP: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(10);
/// Whoever has waited for so long is not answered.
const LOST: Duration = Duration::from_millis(60);
