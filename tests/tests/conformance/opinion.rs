//! A second opinion on the observed address (EXTENSIONS.md): each adapter's server with raw sockets, and each adapter's
//! client with fakes of the reference's server and with real ones.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rdv_core::{PickFirst, Role, Seen, ServerUrl};
use rdv_tests::adapter::{Adapter, Blocking, Party, TestConn, Trial};
use rdv_tests::answer::{request, switching};
use rdv_tests::fake::{Asked, Fake};
use rdv_tests::raw::RawConn;
use rdv_tests::server::TestServer;
use rdv_tests::tls::Authority;
use rdv_tests::{for_each_adapter, has_ipv6};

for_each_adapter! {
    the_peer_is_told
    one_that_comes_too_early_may_ask_again
    a_stranger_adds_nothing
    the_other_family_is_asked
    a_server_that_knows_nothing_of_it
    both_real
    both_real_over_tls
}

const ID: &str = "00ff00ff00ff00ff";

fn the_peer_is_told(subject: &'static dyn Adapter) {
    let server = TestServer::of(subject, "127.0.0.1:0", None, |_| {});
    let mut accepter = join(&server, "ACCEPT");
    server.settle();
    let mut asks = ask(&server, ID);
    let also = asks.local_addr();
    asks.expect(answer(also, "yes", "close"));
    asks.expect_eof();
    let mut dialer = server.ask("DIAL", "/tok");
    let mut addrs = [accepter.local_addr(), also];
    addrs.sort();
    dialer.expect(switching(dialer.local_addr(), format!("{}, {}", addrs[0], addrs[1])));
    accepter.expect(switching(accepter.local_addr(), dialer.local_addr()));
}

fn one_that_comes_too_early_may_ask_again(subject: &'static dyn Adapter) {
    let server = TestServer::of(subject, "127.0.0.1:0", None, |_| {});
    let mut asks = ask(&server, ID);
    let addr = asks.local_addr();
    asks.expect(answer(addr, "no", "keep-alive"));
    let _accepter = join(&server, "ACCEPT");
    server.settle();
    asks.send(question(ID));
    asks.expect(answer(addr, "yes", "close"));
    asks.expect_eof();
}

fn a_stranger_adds_nothing(subject: &'static dyn Adapter) {
    let server = TestServer::of(subject, "127.0.0.1:0", None, |_| {});
    let mut accepter = join(&server, "ACCEPT");
    server.settle();
    let mut asks = ask(&server, "00ff00ff00ff00fe");
    asks.expect(answer(asks.local_addr(), "no", "keep-alive"));
    let mut dialer = server.ask("DIAL", "/tok");
    dialer.expect(switching(dialer.local_addr(), accepter.local_addr()));
    accepter.expect(switching(accepter.local_addr(), dialer.local_addr()));
}

fn the_other_family_is_asked(subject: &'static dyn Adapter) {
    let Some((four, six, url)) = fakes() else { return };
    let waits = party(subject).start(Role::Accept, &url, "tok");
    let mut asked = four.asked();
    let mut asks = six.asked();
    let port = asked.conn.peer_addr().port();
    assert_eq!(asks.conn.peer_addr().port(), port, "{}: from the shared port", subject.name());
    let question = question(asked.header("Rdv-Attempt")).replace("rdv.test", asked.header("Host"));
    assert_eq!(asks.head, question);
    let seen: SocketAddr = "[2001:db8::5]:7000".parse().unwrap();
    asks.conn.send(answer(seen, "yes", "close"));
    asks.conn.expect_closed();
    let conn = connected(waits, &mut asked);
    let opinion = conn.report.second_opinion.expect("a second opinion");
    assert_eq!((opinion.server, opinion.seen), (six.addr(), Seen::Addr { observed: seen, noted: true }));
    assert_eq!(conn.meta.also_observed, Some(seen));
}

/// The reference's answer, others that are none, and none at all: the attempt is as it was.
fn a_server_that_knows_nothing_of_it(subject: &'static dyn Adapter) {
    let Some((four, six, url)) = fakes() else { return };
    let reference = "HTTP/1.1 426 Upgrade Required\r\nContent-Type: text/plain; charset=utf-8\r\n\
                     Upgrade: rdv/1\r\nContent-Length: 43\r\n\r\ninvalid rdv upgrade: requires upgrade to it\n";
    for says in
        [Some(reference), Some("HTTP/1.1 405 Method Not Allowed\r\n\r\n"), Some("\0\0\n\n"), Some(""), None]
    {
        for role in [Role::Dial, Role::Accept] {
            eprintln!("{says:?}, {role}");
            let waits = party(subject).start(role, &url, "tok");
            let mut asked = four.asked();
            let asks = six.asked();
            if let Some(says) = says {
                asks.conn.send(says);
                asks.conn.finish();
                let mut asks = asks;
                asks.conn.expect_closed();
            }
            let conn = connected(waits, &mut asked);
            assert_eq!(conn.meta.also_observed, None);
            assert_eq!(conn.meta.observed, Some(asked.conn.peer_addr()));
        }
    }
}

fn both_real(subject: &'static dyn Adapter) {
    meet_on_both_families(subject, None);
}

fn both_real_over_tls(subject: &'static dyn Adapter) {
    meet_on_both_families(subject, Some(&Authority::new()));
}

/// What the accepter reports is what the dialer is told.
fn meet_on_both_families(subject: &'static dyn Adapter, authority: Option<&Authority>) {
    let Some((port, _)) = port_of_both() else { return };
    let tls = authority.map(|authority| authority.certify("localhost").into());
    let scheme = if tls.is_some() { "https" } else { "http" };
    let _server = TestServer::of(&Blocking, &format!("localhost:{port}"), tls, |_| {});
    let url: ServerUrl = format!("{scheme}://localhost:{port}").parse().unwrap();
    let ready = |party: Party| match authority {
        Some(authority) => party.tls(authority.trusted()),
        None => party,
    };
    for millis in 0..100 {
        let accepter = ready(party(subject)).start(Role::Accept, &url, "tok");
        // Longer and longer, for nobody says when the question has been answered.
        thread::sleep(Duration::from_millis(millis));
        let dialer = ready(party(&Blocking).with(|config| config.second_opinion = false));
        let dialer = dialer.start(Role::Dial, &url, "tok").conn();
        let accepter = accepter.conn();
        let seen = accepter.report.second_opinion.map(|opinion| opinion.seen);
        // The peer may be here before the question, or the attempt over before the answer.
        if let Some(Seen::Addr { observed, noted: true }) = seen {
            assert!(observed.is_ipv6() && observed.ip().is_loopback(), "{observed}");
            assert!(dialer.meta.peer_addrs.contains(&observed), "{:?}", dialer.meta.peer_addrs);
            assert_eq!(accepter.meta.also_observed, Some(observed));
            return;
        }
    }
    panic!("{}: the second opinion was never in time", subject.name());
}

/// Not on loopback, so that what the server sees there is not among the addresses that are offered anyway.
fn party(adapter: &'static dyn Adapter) -> Party {
    Party::new(adapter, "default").with(|config| config.picker = Arc::new(PickFirst))
}

/// The relay to a fake.
fn connected(waits: Trial, asked: &mut Asked) -> TestConn {
    asked.conn.send(switching(asked.conn.peer_addr(), ""));
    if asked.head.starts_with("ACCEPT") {
        asked.conn.send("CONTINUE\n");
    } else {
        asked.conn.expect("CONTINUE\n");
    }
    let conn = waits.conn();
    assert!(conn.is_relay);
    asked.conn.send("hello");
    conn.expect("hello");
    conn
}

fn join(server: &TestServer, method: &str) -> RawConn {
    let conn = server.connect();
    conn.send(request(method, "/tok", "").replace("Host", &format!("Rdv-Attempt: {ID}\r\nHost")));
    conn
}

fn ask(server: &TestServer, id: &str) -> RawConn {
    let conn = server.connect();
    conn.send(question(id));
    conn
}

fn question(id: &str) -> String {
    format!("OBSERVE /tok HTTP/1.1\r\nHost: rdv.test\r\nRdv-Attempt: {id}\r\n\r\n")
}

fn answer(observed: SocketAddr, noted: &str, connection: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nConnection: {connection}\r\nContent-Length: 0\r\nRdv-Noted: {noted}\r\n\
         Rdv-Observed-Addr: {observed}\r\n\r\n"
    )
}

/// Two fakes on one port, and the URL of both. None where localhost has one family.
fn fakes() -> Option<(Fake, Fake, ServerUrl)> {
    let (port, four) = port_of_both()?;
    let six = Fake::on(&format!("[::1]:{port}"));
    Some((four, six, format!("http://localhost:{port}").parse().unwrap()))
}

/// A port that is free in both families, and was taken in IPv4.
fn port_of_both() -> Option<(u16, Fake)> {
    let has_both = ("localhost", 1).to_socket_addrs().is_ok_and(|mut all| {
        let (four, six): (Vec<_>, Vec<_>) = all.by_ref().partition(SocketAddr::is_ipv4);
        !four.is_empty() && !six.is_empty()
    });
    if !has_ipv6() || !has_both {
        eprintln!("skipped: localhost has not both families");
        return None;
    }
    (0..100).find_map(|_| {
        let four = Fake::start();
        let port = four.addr().port();
        TcpListener::bind(("::1", port)).is_ok().then_some((port, four))
    })
}
