//! Which of this machine's addresses a client offers.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use rdv_core::{Role, SelfAddrs};
use rdv_tests::adapter::{Adapter, Party};
use rdv_tests::fake::Fake;
use rdv_tests::for_each_adapter;

for_each_adapter! {
    interfaces_by_name
}

/// Those of all interfaces, of those that are allowed, or of those that are not denied; and a name that none has
/// is refused before anyone is called.
fn interfaces_by_name(subject: &'static dyn Adapter) {
    let local = rdv_socket::local_addrs().expect("addresses");
    let loopback = local.iter().find(|addr| addr.ip.is_loopback()).expect("a loopback interface");
    let loopback = loopback.interface.as_str();

    assert!(offered(subject, &[], &[]).contains("127.0.0.1"), "{}: not all are offered", subject.name());
    for (allowed, denied) in [(&[loopback][..], &[][..]), (&["*"], &[]), (&[], &["nosuch0", "nosuch*"])] {
        let offered = offered(subject, allowed, denied);
        assert!(offered.contains("127.0.0.1"), "{}: {allowed:?} but {denied:?}: {offered:?}", subject.name());
    }
    for (allowed, denied) in [(&[][..], &[loopback][..]), (&[loopback], &["*"])] {
        let offered = offered(subject, allowed, denied);
        assert!(
            !offered.contains("127.0.0.1"),
            "{}: {allowed:?} but {denied:?}: {offered:?}",
            subject.name()
        );
    }

    let server = Fake::start();
    let party = Party::new(subject, "all").with(|config| {
        config.interfaces.allow("*").allow("nosuch0");
    });
    let failure = party.start(Role::Dial, &server.url(), "tok").failure();
    let text = &failure.text;
    assert!(text.contains("\"nosuch0\"") && text.contains(loopback), "{}: {text}", subject.name());
    assert!(failure.connect.is_none() && !failure.is_timeout, "{}: {failure:?}", subject.name());
}

/// What the server is told, without the port, which has to be the one that it was called from.
#[track_caller]
fn offered(subject: &'static dyn Adapter, allowed: &[&str], denied: &[&str]) -> BTreeSet<String> {
    let server = Fake::start();
    let party = Party::new(subject, "all").with(|config| {
        for name in allowed {
            config.interfaces.allow(*name);
        }
        for name in denied {
            config.interfaces.deny(*name);
        }
    });
    let trial = party.start(Role::Accept, &server.url(), "tok");
    let asked = server.asked();
    let offered: SelfAddrs = asked.header("Rdv-Self-Addrs").parse().expect("a list of addresses");
    let port = asked.conn.peer_addr().port();
    assert!(offered.iter().all(|addr| addr.port() == port), "{}: {offered}, from {port}", subject.name());
    drop(asked);
    trial.failure();
    offered.iter().map(SocketAddr::ip).map(|ip| ip.to_string()).collect()
}
