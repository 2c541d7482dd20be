//! Where a test plays: a server and two clients, each of an adapter of the test's choice, and a way between them.

use std::sync::atomic::{AtomicU32, Ordering};

use rdv_core::{Role, ServerUrl};

use crate::adapter::{Adapter, Party, TestConn, meet};
use crate::server::TestServer;
use crate::tls::Authority;

/// How bytes get from one client to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From one to the other; the server speaks in clear.
    Direct,
    /// The same, but the server speaks TLS.
    DirectTls,
    /// Through the server.
    Relayed,
    /// Through the server, over TLS.
    RelayedTls,
}

/// A server, and two clients that meet there.
#[derive(Debug)]
pub struct Ground {
    /// The way between them.
    pub way: Way,
    /// The server.
    pub server: TestServer,
    /// Whom the clients trust.
    pub authority: Authority,
    /// A client.
    pub one: Party,
    /// Another one.
    pub two: Party,
}

impl Way {
    /// All of them.
    pub const EACH: [Way; 4] = [Way::Direct, Way::DirectTls, Way::Relayed, Way::RelayedTls];

    /// Whether the server relays.
    pub fn is_relayed(self) -> bool {
        matches!(self, Way::Relayed | Way::RelayedTls)
    }

    /// Whether the server speaks TLS.
    pub fn is_tls(self) -> bool {
        matches!(self, Way::DirectTls | Way::RelayedTls)
    }
}

impl Ground {
    /// On IPv4 loopback.
    pub fn new(
        way: Way,
        server: &'static dyn Adapter,
        one: &'static dyn Adapter,
        two: &'static dyn Adapter,
    ) -> Self {
        let authority = Authority::new();
        let certificate = way.is_tls().then(|| authority.certify("127.0.0.1").into());
        let party = |adapter| {
            let spaces = if way.is_relayed() { "none" } else { "loopback4" };
            Party::new(adapter, spaces).tls(authority.trusted())
        };
        Self {
            way,
            server: TestServer::of(server, "127.0.0.1:0", certificate, |_| {}),
            one: party(one),
            two: party(two),
            authority,
        }
    }

    /// Has them meet: the first of the pair is `one`'s end, which has this role.
    ///
    /// # Panics
    /// If they don't, or not in this way.
    #[track_caller]
    pub fn meet(&self, role: Role) -> (TestConn, TestConn) {
        self.meet_via(role, &self.server.url())
    }

    /// The same, but `one` takes this URL.
    ///
    /// # Panics
    /// If they don't, or not in this way.
    #[track_caller]
    pub fn meet_via(&self, role: Role, url: &ServerUrl) -> (TestConn, TestConn) {
        let token = token();
        let one = self.one.start(role, url, &token);
        let two = self.two.start(role.other(), &self.server.url(), &token);
        let conns = (one.conn(), two.conn());
        expect_route(&conns, self.way.is_relayed());
        conns
    }
}

/// Has two clients meet that are relayed, or not, as expected.
///
/// # Panics
/// If it is otherwise.
#[track_caller]
pub fn meet_by(is_relayed: bool, one: (&Party, Role), two: &Party, url: &ServerUrl) -> (TestConn, TestConn) {
    let conns = meet(one, two, url, token());
    expect_route(&conns, is_relayed);
    conns
}

/// Another one every time.
pub fn token() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("token-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

#[track_caller]
fn expect_route(conns: &(TestConn, TestConn), is_relayed: bool) {
    for conn in [&conns.0, &conns.1] {
        assert_eq!(conn.is_relay, is_relayed, "{}: is its connection relayed?", conn.name());
    }
}
