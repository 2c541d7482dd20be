//! Client and client through the real server: every way to meet, and every way to give up.

mod data;
mod giving_up;
mod meeting;

use std::sync::Arc;
use std::time::Duration;

use rdv_blocking::{Client, Conn, Error};
use rdv_core::{Role, WaitForP2p};
use rdv_tests::attempt::{Attempt, client, raw};
use rdv_tests::fake::{Asked, Fake};
use rdv_tests::raw::RawConn;
use rdv_tests::server::TestServer;

/// Patient enough for any direct connection on a busy machine.
pub(crate) fn direct(spaces: &str) -> Client {
    client(spaces, |config| config.picker = Arc::new(WaitForP2p(Duration::from_secs(60))))
}

pub(crate) fn relayed() -> Client {
    client("none", |_| {})
}

/// Both sides of an attempt; `first` is in the lobby when the other one comes.
pub(crate) fn meet(
    server: &TestServer,
    dialer: &Client,
    accepter: &Client,
    token: &str,
    first: Role,
) -> (Conn, Conn) {
    let url = server.url();
    let clients = |role| if role == Role::Dial { dialer } else { accepter };
    let one = Attempt::start(clients(first), first, &url, token);
    server.settle();
    let two = Attempt::start(clients(first.other()), first.other(), &url, token);
    let (one, two) = (one.conn(), two.conn());
    if first == Role::Dial { (one, two) } else { (two, one) }
}

/// A client that is known to wait in the lobby, for its request was seen to go there.
pub(crate) struct Seated {
    attempt: Attempt,
    client: RawConn,
    lobby: RawConn,
}

/// Has a client wait in the lobby.
#[track_caller]
pub(crate) fn seat(server: &TestServer, role: Role, token: &str) -> Seated {
    let front = Fake::start();
    let attempt = Attempt::start(&relayed(), role, &front.url(), token);
    let Asked { conn: client, head } = front.asked();
    let lobby = RawConn::connect(server.addr());
    lobby.send(head);
    server.settle();
    Seated { attempt, client, lobby }
}

impl Seated {
    /// How it fails, once the server has sent it away.
    #[track_caller]
    pub(crate) fn error(mut self) -> Error {
        let (answer, _) = self.lobby.read_to_end();
        self.client.send(answer);
        self.attempt.error()
    }
}

/// Bytes in both directions, then FINs in both.
#[track_caller]
pub(crate) fn talk(dialer: Conn, accepter: Conn) {
    let (mut dialer, mut accepter) = (raw(dialer), raw(accepter));
    dialer.send("hello from dialer\n");
    accepter.send("hello from accepter\n");
    accepter.expect("hello from dialer\n");
    dialer.expect("hello from accepter\n");
    dialer.finish();
    accepter.expect_eof();
    accepter.send("last words");
    accepter.finish();
    dialer.expect("last words");
    dialer.expect_eof();
}
