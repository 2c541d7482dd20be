//! Connecting: routes, families, names, pickers, tokens, and many at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdv_core::{Pick, PickFirst, Picker, Role, Route, Standings, WaitConstant, WaitForP2p};
use rdv_tests::adapter::{Adapter, Blocking, Party, TestConn, meet};
use rdv_tests::answer::switching;
use rdv_tests::fake::Fake;
use rdv_tests::ground::{Ground, Way, meet_by};
use rdv_tests::server::TestServer;
use rdv_tests::tls::Authority;
use rdv_tests::{for_each_adapter, has_ipv6};

for_each_adapter! {
    every_way
    ipv6
    server_by_name
    into_tcp
    pick_first
    wait_for_p2p
    wait_constant
    picker_of_ones_own
    odd_tokens
    base_paths
    bytes_behind_continue
    tls_to_names_and_ipv6
    tls_certificate_of_a_stranger
    a_hundred_at_once
}

/// Direct and relayed, in clear and over TLS, with what the connection says of itself.
fn every_way(subject: &'static dyn Adapter) {
    for way in Way::EACH {
        let ground = Ground::new(way, &Blocking, subject, &Blocking);
        for role in ROLES {
            eprintln!("{way:?}, {role}");
            let (one, two) = ground.meet(role);
            greet(&one, &two);
            let chosen = if way.is_relayed() { Route::Relay } else { Route::Direct };
            assert_eq!(one.meta.role, role);
            assert_eq!(one.report.chosen, Some((one.peer_addr, chosen)), "what the report says");
            if way.is_relayed() {
                assert_eq!(one.peer_addr, ground.server.addr(), "the relay's address");
            } else {
                let peer = two.meta.observed.expect("an observed address");
                assert_eq!(one.peer_addr, peer, "the peer's address");
                assert!(one.meta.peer_addrs.contains(&peer), "{:?}", one.meta.peer_addrs);
            }
        }
    }
}

fn ipv6(subject: &'static dyn Adapter) {
    if !has_ipv6() {
        return;
    }
    let server = TestServer::on("[::1]:0", |_| {});
    for (spaces, is_relayed) in [("loopback6", false), ("none", true)] {
        for role in ROLES {
            eprintln!("{spaces}, {role}");
            let party = |adapter| Party::new(adapter, spaces);
            let (one, two) = meet_by(is_relayed, (&party(subject), role), &party(&Blocking), &server.url());
            assert!(one.peer_addr.is_ipv6(), "{}", one.peer_addr);
            greet(&one, &two);
        }
    }
}

fn server_by_name(subject: &'static dyn Adapter) {
    let server = TestServer::start();
    let url = format!("http://localhost:{}", server.addr().port()).parse().unwrap();
    for role in ROLES {
        let party = |adapter| Party::new(adapter, "loopback4");
        let (one, two) = meet_by(false, (&party(subject), role), &party(&Blocking), &url);
        greet(&one, &two);
    }
}

/// The plain stream stands at the peer's first byte. Through an https server there is none.
fn into_tcp(subject: &'static dyn Adapter) {
    for way in Way::EACH {
        let ground = Ground::new(way, &Blocking, subject, &Blocking);
        let (one, two) = ground.meet(Role::Accept);
        two.send("hello");
        let (name, peer_addr) = (one.name().to_owned(), one.peer_addr);
        match one.into_raw() {
            Some(mut raw) => {
                assert_ne!(way, Way::RelayedTls, "{name}: a plain stream under TLS");
                assert_eq!(raw.peer_addr(), peer_addr);
                raw.expect("hello");
                raw.send("hello yourself");
                two.expect("hello yourself");
                raw.finish();
                two.expect_end();
            }
            None => assert_eq!(way, Way::RelayedTls, "{name}: no plain stream"),
        }
    }
}

/// It takes the relay, which is there first.
fn pick_first(subject: &'static dyn Adapter) {
    let server = TestServer::start();
    let dialer = Party::new(subject, "loopback4").with(|config| config.picker = Arc::new(PickFirst));
    let accepter = Party::new(&Blocking, "loopback4");
    let (one, two) = meet_by(true, (&dialer, Role::Dial), &accepter, &server.url());
    greet(&one, &two);
}

/// Direct if that is to be had, or else the relay.
fn wait_for_p2p(subject: &'static dyn Adapter) {
    let server = TestServer::start();
    let waits = |time| {
        let picker = Arc::new(WaitForP2p(time));
        Party::new(subject, "loopback4").with(move |config| config.picker = picker)
    };
    let patient = waits(Duration::from_secs(60));
    let (one, two) =
        meet_by(false, (&patient, Role::Dial), &Party::new(&Blocking, "loopback4"), &server.url());
    greet(&one, &two);
    let hasty = waits(Duration::from_millis(50));
    let (one, two) = meet_by(true, (&hasty, Role::Dial), &Party::new(&Blocking, "none"), &server.url());
    greet(&one, &two);
}

/// Not before its time, though all is there.
fn wait_constant(subject: &'static dyn Adapter) {
    let (server, time) = (TestServer::start(), Duration::from_millis(300));
    for (spaces, is_relayed) in [("loopback4", false), ("none", true)] {
        let dialer = Party::new(subject, spaces).with(|config| config.picker = Arc::new(WaitConstant(time)));
        let (one, two) =
            meet_by(is_relayed, (&dialer, Role::Dial), &Party::new(&Blocking, spaces), &server.url());
        let took = one.report.ended.unwrap() - one.report.matched.unwrap();
        assert!(took >= time, "{}: {spaces}: picked after {took:?}", one.name());
        greet(&one, &two);
    }
}

/// Waits for a direct connection, and takes the relay nevertheless.
#[derive(Debug, Default)]
struct Contrary {
    has_seen_both: AtomicBool,
}

impl Picker for Contrary {
    fn pick(&self, _now: Instant, standings: &Standings<'_>) -> Pick {
        match (standings.first_direct(), standings.relay()) {
            (Some(_), Some(relay)) => {
                self.has_seen_both.store(true, Ordering::Relaxed);
                Pick::Choose(relay.conn)
            }
            _ => Pick::Wait(None),
        }
    }
}

fn picker_of_ones_own(subject: &'static dyn Adapter) {
    let (server, picker) = (TestServer::start(), Arc::<Contrary>::default());
    let dialer = Party::new(subject, "loopback4").with(|config| config.picker = picker.clone());
    let accepter = Party::new(&Blocking, "loopback4");
    let (one, two) = meet_by(true, (&dialer, Role::Dial), &accepter, &server.url());
    assert!(picker.has_seen_both.load(Ordering::Relaxed));
    greet(&one, &two);
}

/// In the request and in the direct connection's line as they are to be written, and understood by a peer.
fn odd_tokens(subject: &'static dyn Adapter) {
    let server = TestServer::start();
    let (fake, peer) = (Fake::start(), Fake::start());
    let party = |adapter| Party::new(adapter, "loopback4");
    let long = "x".repeat(4000);
    let tokens: [(&[u8], &str); 9] = [
        (b"kitchen/7f3a", "kitchen%2F7f3a"),
        (b"/", "%2F"),
        (b" a b ", "%20a%20b%20"),
        (b"%41", "%2541"),
        (b";,?!*'()", "%3B%2C%3F%21%2A%27%28%29"),
        (b"\r\n\0\x7f", "%0D%0A%00%7F"),
        ("grüß".as_bytes(), "gr%C3%BC%C3%9F"),
        (b"\xff\xfe", "%FF%FE"),
        (long.as_bytes(), &long),
    ];
    for (token, escaped) in tokens {
        for role in ROLES {
            eprintln!("{escaped:.40}, {role}");
            let trial = party(subject).start(role, &fake.url(), token);
            let mut asked = fake.asked();
            let first = format!("{role} /{escaped} HTTP/1.1\r\n");
            assert!(asked.head.starts_with(&first), "{}: {:?}", subject.name(), asked.head);
            asked.switch(&[peer.addr()]);
            peer.accept().expect(format!("rdv/1 {role} {escaped}\n"));
            trial.cancelled();
            let (one, two) = meet((&party(subject), role), &party(&Blocking), &server.url(), token);
            assert!(!one.is_relay);
            greet(&one, &two);
        }
    }
}

/// The URL's path comes first, and its query last.
fn base_paths(subject: &'static dyn Adapter) {
    let fake = Fake::start();
    for (base, target) in
        [("", "/tok"), ("/", "/tok"), ("/rdv", "/rdv/tok"), ("/a/b/", "/a/b/tok"), ("/a?b=c", "/a/tok?b=c")]
    {
        let url = format!("http://{}{base}", fake.addr()).parse().unwrap();
        let party = Party::new(subject, "none").with(|config| {
            config.headers.add("Authorization", "Bearer 7f3a").unwrap();
        });
        let trial = party.start(Role::Dial, &url, "tok");
        let asked = fake.asked();
        let first = format!("DIAL {target} HTTP/1.1\r\n");
        assert!(asked.head.starts_with(&first), "{}: {base}: {:?}", subject.name(), asked.head);
        assert_eq!(asked.header("authorization"), "Bearer 7f3a", "{}: a header of one's own", subject.name());
        trial.cancelled();
    }
}

/// In one segment with the 101: not a byte too many is taken for the handshake's.
fn bytes_behind_continue(subject: &'static dyn Adapter) {
    let fake = Fake::start();
    let trial = Party::new(subject, "none").start(Role::Accept, &fake.url(), "tok");
    let mut asked = fake.asked();
    asked.conn.send(switching("127.0.0.1:1", "127.0.0.1:2") + "CONTINUE\nearly");
    let conn = trial.conn();
    conn.expect("early");
    conn.send("answer");
    asked.conn.expect("answer");
    asked.conn.finish();
    conn.expect_end();
}

fn tls_to_names_and_ipv6(subject: &'static dyn Adapter) {
    let authority = Authority::new();
    let mut cases = vec![("127.0.0.1:0", "localhost", "localhost")];
    if has_ipv6() {
        cases.push(("[::1]:0", "::1", "[::1]"));
    }
    for (listen, name, host) in cases {
        let server = TestServer::of(&Blocking, listen, Some(authority.certify(name).into()), |_| {});
        let url = format!("https://{host}:{}", server.addr().port()).parse().unwrap();
        for role in ROLES {
            eprintln!("{url}, {role}");
            let party = |adapter| Party::new(adapter, "none").tls(authority.trusted());
            let (one, two) = meet_by(true, (&party(subject), role), &party(&Blocking), &url);
            greet(&one, &two);
        }
    }
}

fn tls_certificate_of_a_stranger(subject: &'static dyn Adapter) {
    let ground = Ground::new(Way::RelayedTls, &Blocking, subject, &Blocking);
    let trusting_another = ground.one.tls(Authority::new().trusted());
    let failure = trusting_another.start(Role::Dial, &ground.server.url(), "tok").failure();
    assert!(failure.text.contains("invalid peer certificate"), "{}: {}", subject.name(), failure.text);
}

/// Fifty pairs, every other one relayed; nobody gets another one's bytes.
fn a_hundred_at_once(subject: &'static dyn Adapter) {
    let server = TestServer::start();
    let pairs: Vec<_> = (0..50)
        .map(|i| {
            let party = Party::new(subject, if i % 2 == 0 { "loopback4" } else { "none" });
            ROLES.map(|role| party.start(role, &server.url(), format!("pair {i}")))
        })
        .collect();
    for (i, [dialer, accepter]) in pairs.into_iter().enumerate() {
        let (dialer, accepter) = (dialer.conn(), accepter.conn());
        assert_eq!([dialer.is_relay, accepter.is_relay], [i % 2 == 1; 2], "pair {i}");
        dialer.send(format!("to accepter {i}"));
        accepter.send(format!("to dialer {i}"));
        accepter.expect(format!("to accepter {i}"));
        dialer.expect(format!("to dialer {i}"));
    }
}

/// Some bytes each way.
#[track_caller]
fn greet(one: &TestConn, two: &TestConn) {
    one.send("hello");
    two.expect("hello");
    two.send("hello yourself");
    one.expect("hello yourself");
}

const ROLES: [Role; 2] = [Role::Dial, Role::Accept];
