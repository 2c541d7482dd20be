//! The steps of an attempt, with fakes all around it, so that it can be stopped at each.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use rdv_core::{Pick, Picker, Role, Standings};

use crate::adapter::{Adapter, Party, Trial};
use crate::fake::{BlackHole, Fake};
use crate::raw::RawConn;
use crate::tls::Authority;
use crate::{QUIET, SOON};

/// How far an attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Nobody knows.
    AtOnce,
    /// Nobody knows, but there is a name to be looked up first.
    Resolving,
    /// The server does not answer the SYN.
    Connecting,
    /// The server has the client's first words of TLS, and says nothing.
    Handshaking,
    /// The server has the connection; perhaps it is still being asked.
    Connected,
    /// The server has the request.
    Waiting,
    /// The peer is being dialled, and does not answer the SYN.
    Dialing,
    /// There are two direct connections, one from each side, and the peer says nothing.
    Greeting,
    /// A direct connection is ready, and nobody has chosen.
    Ready,
}

/// Everything around an attempt.
#[derive(Debug)]
pub struct Scene {
    server: Fake,
    peer: Fake,
    hole: Option<BlackHole>,
    conns: Vec<RawConn>,
    is_uncertain: bool,
}

impl Step {
    /// All of them.
    pub const EACH: [Step; 9] = [
        Step::AtOnce,
        Step::Resolving,
        Step::Connecting,
        Step::Handshaking,
        Step::Connected,
        Step::Waiting,
        Step::Dialing,
        Step::Greeting,
        Step::Ready,
    ];
}

impl Scene {
    /// Begins an attempt, and brings it to this step.
    ///
    /// # Panics
    /// If it does not get there.
    #[track_caller]
    pub fn play(adapter: &'static dyn Adapter, role: Role, step: Step) -> (Trial, Scene) {
        let (server, peer) = (Fake::start(), Fake::start());
        let hole = (step == Step::Connecting || step == Step::Dialing).then(BlackHole::new);
        let url = match &hole {
            Some(hole) if step == Step::Connecting => hole.url(),
            _ if step == Step::Resolving => {
                format!("http://localhost:{}", server.addr().port()).parse().unwrap()
            }
            _ if step == Step::Handshaking => format!("https://{}", server.addr()).parse().unwrap(),
            _ => server.url(),
        };
        let (ready, is_ready) = channel();
        let party = Party::new(adapter, "loopback4")
            .tls(Authority::new().trusted())
            .with(|config| config.picker = Arc::new(Undecided(Mutex::new(ready))));
        let trial = party.start(role, &url, "tok");
        let mut scene =
            Scene { server, peer, hole, conns: Vec::new(), is_uncertain: step <= Step::Resolving };
        scene.advance(role, step, &is_ready);
        (trial, scene)
    }

    #[track_caller]
    fn advance(&mut self, role: Role, step: Step, is_ready: &Receiver<usize>) {
        if step <= Step::Connecting {
            return;
        }
        if step <= Step::Connected {
            let mut conn = self.server.accept();
            if step == Step::Handshaking {
                assert_eq!(conn.read_once()[0], TLS_HANDSHAKE, "a record of TLS");
            }
            self.conns.push(conn);
            return;
        }
        let mut asked = self.server.asked();
        let client = asked.conn.peer_addr();
        if step >= Step::Dialing {
            let peer = self.hole.as_ref().map_or(self.peer.addr(), BlackHole::addr);
            asked.switch(&[peer]);
            // Its line comes once it has read the 101; and by then it has begun to dial.
            let mut inbound = RawConn::connect(client);
            inbound.expect(format!("rdv/1 {role} tok\n"));
            self.conns.push(inbound);
        }
        self.conns.push(asked.conn);
        if step >= Step::Greeting {
            let mut outbound = self.peer.accept();
            outbound.expect(format!("rdv/1 {role} tok\n"));
            if step == Step::Ready {
                outbound.send(format!("rdv/1 {} tok\n", role.other()));
            }
            self.conns.push(outbound);
        }
        // An accepter is not asked, nor does it say when it has heard the line.
        if step == Step::Ready && role == Role::Dial {
            while is_ready.recv_timeout(SOON).expect("a second connection to choose from") < 2 {}
        }
    }

    /// How many file descriptors all this takes.
    pub fn descriptors(&self) -> usize {
        2 + self.hole.as_ref().map_or(0, BlackHole::descriptors) + self.conns.len()
    }

    /// Every connection of the attempt ends.
    ///
    /// # Panics
    /// If one does not.
    #[track_caller]
    pub fn expect_closed(mut self) {
        if self.is_uncertain
            && let Some(tcp) = self.server.accept_within(QUIET)
        {
            self.conns.push(RawConn::from_tcp(tcp));
        }
        for mut conn in self.conns {
            // Of the request or the handshake, something may be unread.
            conn.read_to_end();
        }
    }
}

/// Tells how many connections there are, and takes none.
#[derive(Debug)]
struct Undecided(Mutex<Sender<usize>>);

impl Picker for Undecided {
    fn pick(&self, _now: Instant, standings: &Standings<'_>) -> Pick {
        // Nobody listens in most steps.
        let _ = self.0.lock().unwrap().send(standings.ready.len());
        Pick::Wait(None)
    }
}

/// The first byte of a record that carries it.
const TLS_HANDSHAKE: u8 = 22;
