//! Attempts that fail: timeouts, refusals, servers and peers that go away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdv_core::{ConnectError, Phase, Pick, Picker, Role, ServerUrl, Standings};
use rdv_tests::adapter::{Adapter, Blocking, Failure, Party};
use rdv_tests::fake::{BlackHole, Fake};
use rdv_tests::server::TestServer;
use rdv_tests::tls::Authority;
use rdv_tests::{for_each_adapter, refusing};

for_each_adapter! {
    times_out_resolving
    times_out_connecting
    times_out_in_tls_handshake
    times_out_waiting
    times_out_racing
    connect_timeout
    orphan_timeout
    server_unreachable
    server_closes
    server_speaks_something_else
    refused_with_body
    refused_by_the_server
}

/// No time at all: whatever it was doing, it is over.
fn times_out_resolving(subject: &'static dyn Adapter) {
    let server = Fake::start();
    let url = format!("http://localhost:{}", server.addr().port()).parse().unwrap();
    let failure = limited(subject, Duration::ZERO).start(Role::Dial, &url, "tok").failure();
    assert!(failure.is_timeout, "{}: {failure:?}", subject.name());
}

fn times_out_connecting(subject: &'static dyn Adapter) {
    expect_timeout(subject, Role::Dial, &BlackHole::new().url(), Phase::Connecting);
}

fn times_out_in_tls_handshake(subject: &'static dyn Adapter) {
    let silent = Fake::start();
    let url = format!("https://{}", silent.addr()).parse().unwrap();
    expect_timeout(subject, Role::Accept, &url, Phase::Connecting);
    silent.accept().read_to_end();
}

fn times_out_waiting(subject: &'static dyn Adapter) {
    let server = TestServer::start();
    for role in ROLES {
        expect_timeout(subject, role, &server.url(), Phase::Waiting);
    }
}

/// The dialer does not like the relay, the accepter hears of no choice.
fn times_out_racing(subject: &'static dyn Adapter) {
    for role in ROLES {
        let server = Fake::start();
        let party = limited(subject, BRIEF).with(|config| config.picker = Arc::new(Never));
        let trial = party.start(role, &server.url(), "tok");
        let mut asked = server.asked();
        asked.switch(&[]);
        let failure = trial.failure();
        expect_phase(subject, &failure, Phase::Racing);
        asked.conn.expect_closed();
    }
}

/// The time for the connection to the server alone, which is bounded even if the attempt is not.
fn connect_timeout(subject: &'static dyn Adapter) {
    let brief = |config: &mut rdv_core::Config| config.connect_timeout = BRIEF;
    let hole = BlackHole::new();
    let failure = Party::new(subject, "none").with(brief).start(Role::Dial, &hole.url(), "tok").failure();
    expect_unreachable(subject, &failure);

    let silent = Fake::start();
    let url = format!("https://{}", silent.addr()).parse().unwrap();
    let party = Party::new(subject, "none").with(brief).tls(Authority::new().trusted());
    let failure = party.start(Role::Dial, &url, "tok").failure();
    expect_unreachable(subject, &failure);
}

/// An accepter whose relay is gone waits for a direct connection, but not for long.
fn orphan_timeout(subject: &'static dyn Adapter) {
    let (server, party) = (Fake::start(), Party::new(subject, "loopback4"));
    let trial = party.with(|config| config.orphan_timeout = BRIEF).start(Role::Accept, &server.url(), "tok");
    let mut asked = server.asked();
    asked.switch(&[]);
    drop(asked);
    let failure = trial.failure();
    let gone = matches!(failure.connect, Some(ConnectError::PeerGone));
    assert!(gone, "{}: {failure:?}", subject.name());
}

fn server_unreachable(subject: &'static dyn Adapter) {
    let (_socket, addr) = refusing();
    let url = format!("http://{addr}").parse().unwrap();
    let failure = Party::new(subject, "none").start(Role::Dial, &url, "tok").failure();
    expect_unreachable(subject, &failure);
    assert!(failure.text.contains(&addr.to_string()), "{}: {}", subject.name(), failure.text);
}

/// By a FIN, and by an RST.
fn server_closes(subject: &'static dyn Adapter) {
    let server = Fake::start();
    let party = Party::new(subject, "none");
    for role in ROLES {
        let trial = party.start(role, &server.url(), "tok");
        drop(server.asked());
        let failure = trial.failure();
        assert!(matches!(failure.connect, Some(ConnectError::NoAnswer)), "{}: {failure:?}", subject.name());

        let trial = party.start(role, &server.url(), "tok");
        server.asked().conn.reset();
        let failure = trial.failure();
        let lost = matches!(failure.connect, Some(ConnectError::ServerLost(_)));
        assert!(lost, "{}: {failure:?}", subject.name());
    }
}

fn server_speaks_something_else(subject: &'static dyn Adapter) {
    let server = Fake::start();
    for answer in ["SSH-2.0-OpenSSH_9.6\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"] {
        let trial = Party::new(subject, "none").start(Role::Dial, &server.url(), "tok");
        let asked = server.asked();
        asked.conn.send(answer);
        asked.conn.finish();
        let failure = trial.failure();
        let text = &failure.text;
        assert!(failure.connect.is_some() && !failure.is_timeout, "{}: {answer:?}: {text}", subject.name());
    }
}

/// The server's own words get to the application, whole, whether their length is told or not.
fn refused_with_body(subject: &'static dyn Adapter) {
    let server = Fake::start();
    let head = "HTTP/1.1 403 Not Today\r\nRetry-After: 7\r\nRdv-Error: not-today\r\n";
    for length in ["Content-Length: 14\r\n", "Connection: close\r\n"] {
        for role in ROLES {
            let trial = Party::new(subject, "none").start(role, &server.url(), "tok");
            let mut asked = server.asked();
            // In pieces, as a slow network has it.
            asked.conn.send(format!("{head}{length}\r\ncome"));
            asked.conn.send(" tomorrow\n");
            asked.conn.finish();
            let failure = trial.failure();
            let Some(ConnectError::Refused(refusal)) = &failure.connect else {
                panic!("{}: {length:?}: {failure:?}", subject.name());
            };
            assert_eq!(refusal.status, 403);
            assert_eq!(refusal.reason, "Not Today");
            assert_eq!(refusal.code(), Some("not-today"));
            assert_eq!(refusal.headers["retry-after"], "7");
            assert_eq!(refusal.body.escape_ascii().to_string(), "come tomorrow\\n", "{}", subject.name());
            assert!(failure.text.contains("come tomorrow"), "{}: {}", subject.name(), failure.text);
            asked.conn.expect_closed();
        }
    }
}

/// What rdv-blocking's server has to say, in clear and over TLS.
fn refused_by_the_server(subject: &'static dyn Adapter) {
    let authority = Authority::new();
    for tls in [None, Some(authority.certify("127.0.0.1").into())] {
        let server = TestServer::of(&Blocking, "127.0.0.1:0", tls, |lobby| lobby.lobby_timeout = Some(BRIEF));
        let party = Party::new(subject, "none").tls(authority.trusted());
        let failure = party.start(Role::Accept, &server.url(), "alone").failure();
        expect_code(subject, &failure, 408, "no-peer");
    }
}

/// Waits for something better.
#[derive(Debug)]
struct Never;

impl Picker for Never {
    fn pick(&self, _now: Instant, _standings: &Standings<'_>) -> Pick {
        Pick::Wait(None)
    }
}

fn limited(subject: &'static dyn Adapter, time: Duration) -> Party {
    let party = Party::new(subject, "none").tls(Authority::new().trusted());
    party.with(|config| config.timeout = Some(time))
}

#[track_caller]
fn expect_timeout(subject: &'static dyn Adapter, role: Role, url: &ServerUrl, phase: Phase) {
    let start = Instant::now();
    let failure = limited(subject, BRIEF).start(role, url, "tok").failure();
    expect_phase(subject, &failure, phase);
    assert!(start.elapsed() >= BRIEF, "{}: timed out after {:?}", subject.name(), start.elapsed());
}

#[track_caller]
fn expect_phase(subject: &dyn Adapter, failure: &Failure, phase: Phase) {
    let right = matches!(failure.connect, Some(ConnectError::TimedOut(it)) if it == phase);
    assert!(right && failure.is_timeout, "{}: expected a timeout {phase}: {failure:?}", subject.name());
}

#[track_caller]
fn expect_unreachable(subject: &dyn Adapter, failure: &Failure) {
    let right = matches!(failure.connect, Some(ConnectError::Unreachable { .. }));
    assert!(right, "{}: expected the server to be unreachable: {failure:?}", subject.name());
}

#[track_caller]
fn expect_code(subject: &dyn Adapter, failure: &Failure, status: u16, code: &str) {
    let Some(ConnectError::Refused(refusal)) = &failure.connect else {
        panic!("{}: expected to be refused with {status}: {failure:?}", subject.name());
    };
    assert_eq!((refusal.status.as_u16(), refusal.code()), (status, Some(code)), "{}", subject.name());
}

const ROLES: [Role; 2] = [Role::Dial, Role::Accept];
const BRIEF: Duration = Duration::from_millis(100);
