//! The client against peers that do as they please on direct connections (rdv/1 sections 3 and 4). The server is a
//! fake as well, so that the relay's end is in the test's hands.

mod accepter;
mod dialer;
mod race;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rdv_blocking::Client;
use rdv_core::{Role, WaitForP2p};
use rdv_tests::attempt::{Attempt, client};
use rdv_tests::fake::{Asked, Fake};
use rdv_tests::raw::RawConn;

/// A client whose only space is IPv4 loopback, and a fake server and peer.
pub(crate) struct Scene {
    pub(crate) attempt: Attempt,
    pub(crate) asked: Asked,
    /// Where the peer listens, if the client dials it.
    pub(crate) peer: Fake,
    /// Where the client listens.
    pub(crate) addr: SocketAddr,
    _server: Fake,
}

/// Who connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Client,
    Peer,
}

pub(crate) const BOTH: [By; 2] = [By::Client, By::Peer];

impl Scene {
    pub(crate) fn begin(client: &Client, role: Role) -> Scene {
        let (server, peer) = (Fake::start(), Fake::start());
        let attempt = Attempt::start(client, role, &server.url(), "tok");
        let asked = server.asked();
        let addr = asked.client_addr();
        Scene { attempt, asked, peer, addr, _server: server }
    }

    /// Past the 101, which lists the peer if the client is to dial it.
    pub(crate) fn matched(client: &Client, role: Role, by: By) -> Scene {
        let mut scene = Scene::begin(client, role);
        match by {
            By::Client => scene.asked.switch(&[scene.peer.addr()]),
            By::Peer => scene.asked.switch(&[]),
        }
        scene
    }

    /// A direct connection, on which the client has written its line without waiting for the peer's.
    pub(crate) fn direct(&self, role: Role, by: By) -> RawConn {
        let mut conn = match by {
            By::Client => self.peer.accept(),
            By::Peer => RawConn::connect(self.addr),
        };
        conn.expect(format!("rdv/1 {role} tok\n"));
        conn
    }

    pub(crate) fn relay(&mut self) -> &mut RawConn {
        &mut self.asked.conn
    }
}

/// Patient enough for any test to be done before the relay is taken.
pub(crate) fn patient() -> Client {
    client("loopback4", |config| {
        config.picker = Arc::new(WaitForP2p(Duration::from_secs(60)));
        config.orphan_timeout = Duration::from_millis(100);
    })
}
