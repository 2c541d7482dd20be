//! Each adapter's server with limits on bytes. How fast pairs may be at the most is asserted strictly, and how fast they
//! are in fact with patience, for the machine may be busy.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rdv_tests::adapter::Adapter;
use rdv_tests::raw::{End, RawConn};
use rdv_tests::server::TestServer;
use rdv_tests::{assert_same, for_each_adapter, pattern};

for_each_adapter! {
    a_pair_has_its_rate
    pairs_share_the_rate
    small_exchanges_beside_bulk
    streams_are_complete
    as_many_bytes_as_a_pair_may_have
    one_byte_more
    idle_all_the_same
}

fn a_pair_has_its_rate(subject: &'static dyn Adapter) {
    let server = with(subject, |bytes| bytes.rate_per_pair = NonZeroU64::new(RATE));
    let rates = flood(&server, 1);
    assert_near(subject, "one pair", rates[0], RATE as f64);
}

/// Each has as much as the others, and together they have all of it.
fn pairs_share_the_rate(subject: &'static dyn Adapter) {
    let server = with(subject, |bytes| bytes.rate = NonZeroU64::new(RATE));
    let rates = flood(&server, 4);
    assert_near(subject, "four pairs", rates.iter().sum(), RATE as f64);
    for rate in &rates {
        let part = rate / (RATE as f64 / 4.0);
        assert!(part > 0.4, "{}: a pair has {part:.2} of its part of {rates:?}", subject.name());
    }
}

/// Whoever wants little does not stand in line behind whoever wants all.
fn small_exchanges_beside_bulk(subject: &'static dyn Adapter) {
    let server = with(subject, |bytes| bytes.rate = NonZeroU64::new(RATE));
    let (mut asks, mut answers) = server.relayed("/small");
    let (from, to) = server.relayed("/bulk");
    thread::scope(|scope| {
        scope.spawn(|| fill(from.tcp()));
        scope.spawn(|| drain(to.tcp(), &AtomicU64::new(0)));
        for _ in 0..20 {
            asks.send("ping");
            answers.expect("ping");
            answers.send("pong");
            asks.expect("pong");
        }
        end([from.tcp(), to.tcp()]);
    });
}

/// Both ways at once, and one way when the other has ended; the limits of all kinds hold.
fn streams_are_complete(subject: &'static dyn Adapter) {
    let server = with(subject, |bytes| {
        bytes.rate = NonZeroU64::new(8 * RATE);
        bytes.rate_per_pair = NonZeroU64::new(4 * RATE);
        bytes.bytes_per_pair = NonZeroU64::new(1 << 30);
    });
    let (mut dialer, mut accepter) = server.relayed("/complete");
    let (there, back) = (pattern(300_000, 1), pattern(900_000, 2));
    let (ends, streams) = thread::scope(|scope| {
        let writers = [(dialer.tcp().try_clone(), &there), (accepter.tcp().try_clone(), &back)];
        for (tcp, data) in writers {
            scope.spawn(move || {
                let mut tcp = tcp.expect("a descriptor");
                tcp.write_all(data).and_then(|()| tcp.shutdown(Shutdown::Write)).expect("the server reads");
            });
        }
        let reader = scope.spawn(|| accepter.read_to_end());
        (dialer.read_to_end(), reader.join().expect("a reader"))
    });
    assert_same("at the dialer", &ends.0, &back);
    assert_same("at the accepter", &streams.0, &there);
    assert_eq!((ends.1, streams.1), (End::Eof, End::Eof), "{}", subject.name());
}

fn as_many_bytes_as_a_pair_may_have(subject: &'static dyn Adapter) {
    let server = with(subject, |bytes| bytes.bytes_per_pair = NonZeroU64::new(100_000));
    let (mut dialer, mut accepter) = server.relayed("/whole");
    let (there, back) = (pattern(60_000, 1), pattern(40_000, 2));
    dialer.send(&there);
    dialer.finish();
    accepter.send(&back);
    accepter.finish();
    let (got, end) = accepter.read_to_end();
    assert_same("at the accepter", &got, &there);
    assert_eq!(end, End::Eof, "{}", subject.name());
    let (got, end) = dialer.read_to_end();
    assert_same("at the dialer", &got, &back);
    assert_eq!(end, End::Eof, "{}", subject.name());
}

/// What is cut short must not look complete; few bytes are copied, and many are spliced.
fn one_byte_more(subject: &'static dyn Adapter) {
    for most in [10, 3_000_000] {
        let server = with(subject, |bytes| bytes.bytes_per_pair = NonZeroU64::new(most));
        let (dialer, mut accepter) = server.relayed("/more");
        let data = pattern(most as usize + 1, 3);
        let mut tcp = dialer.tcp().try_clone().expect("a descriptor");
        // It may fail: the pair is cut off at some time.
        let writer = thread::spawn(move || drop(tcp.write_all(&data)));
        let (got, end) = accepter.read_to_end();
        assert_eq!(end, End::Reset, "{}: after {} bytes", subject.name(), got.len());
        assert!(got.len() as u64 <= most + 1, "{}: {} bytes", subject.name(), got.len());
        writer.join().expect("a writer");
        expect_reset(dialer);
    }
}

fn idle_all_the_same(subject: &'static dyn Adapter) {
    let server = TestServer::of(subject, "127.0.0.1:0", None, |lobby| {
        lobby.bytes.rate = NonZeroU64::new(RATE);
        lobby.idle_timeout = Some(Duration::from_millis(300));
    });
    let (dialer, mut accepter) = server.relayed("/idle");
    dialer.send("hello");
    accepter.expect("hello");
    accepter.expect_reset();
    expect_reset(dialer);
}

fn expect_reset(mut conn: RawConn) {
    conn.expect_reset();
}

/// As much as goes, in one direction of so many pairs. Bytes per second of each.
fn flood(server: &TestServer, pairs: usize) -> Vec<f64> {
    let pairs: Vec<_> =
        (0..pairs).map(|i| (server.relayed(&format!("/flood{i}")), AtomicU64::new(0))).collect();
    let bytes = || -> Vec<u64> { pairs.iter().map(|(_, bytes)| bytes.load(Ordering::Relaxed)).collect() };
    thread::scope(|scope| {
        for ((from, to), received) in &pairs {
            scope.spawn(|| fill(from.tcp()));
            scope.spawn(|| drain(to.tcp(), received));
        }
        // Until all have begun.
        rdv_tests::until("bytes of all pairs", || bytes().iter().all(|bytes| *bytes > 0));
        let (began, before) = (Instant::now(), bytes());
        thread::sleep(MEASURED);
        let (after, took) = (bytes(), began.elapsed().as_secs_f64());
        for ((from, to), _) in &pairs {
            end([from.tcp(), to.tcp()]);
        }
        after.iter().zip(&before).map(|(after, before)| (after - before) as f64 / took).collect()
    })
}

/// Until the socket is shut down.
fn fill(mut to: &TcpStream) {
    let data = [7; 64 * 1024];
    while to.write_all(&data).is_ok() {}
}

/// Until the socket is shut down.
fn drain(mut from: &TcpStream, received: &AtomicU64) {
    let mut data = [0; 64 * 1024];
    while let Ok(len @ 1..) = from.read(&mut data) {
        received.fetch_add(len as u64, Ordering::Relaxed);
    }
}

fn end(ends: [&TcpStream; 2]) {
    for tcp in ends {
        // The server may have been quicker.
        let _ = tcp.shutdown(Shutdown::Both);
    }
}

/// At most what it may be, and a little for what was owed before; and most of it.
#[track_caller]
fn assert_near(subject: &dyn Adapter, what: &str, got: f64, rate: f64) {
    let part = got / rate;
    eprintln!("{}: {what} at {part:.3} of the rate", subject.name());
    assert!((0.5..1.0 + 0.1 / MEASURED.as_secs_f64() + 0.05).contains(&part), "{}: {part}", subject.name());
}

fn with(subject: &'static dyn Adapter, limit: impl FnOnce(&mut rdv_core::ByteLimits)) -> TestServer {
    TestServer::of(subject, "127.0.0.1:0", None, |lobby| limit(&mut lobby.bytes))
}

/// Bytes in a second: what every machine could do many times over.
const RATE: u64 = 2_000_000;
const MEASURED: Duration = Duration::from_millis(600);
