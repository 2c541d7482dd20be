//! Every adapter's server with every adapter's dialer and every adapter's accepter, direct and relayed, in clear and
//! over TLS. `cargo test -p rdv-tests --test matrix -- --nocapture` prints a row for each trio.
//!
//! rdv-smol's server does not end TLS, so a proxy does that in front of it.

use std::fmt::Write as _;
use std::thread;
use std::time::Instant;

use rdv_core::{AddrSpaces, Role, ServerUrl};
use rdv_tests::adapter::{Adapter, Blocking, Party, Smol, Tokio, exchange, meet};
use rdv_tests::pattern;
use rdv_tests::server::TestServer;
use rdv_tests::tls::Authority;

const BLOCKING: &dyn Adapter = &Blocking;
const TOKIO: &dyn Adapter = &Tokio::MultiThread;
const SMOL: &dyn Adapter = &Smol;

/// Tests named `server::dialer::accepter`.
macro_rules! matrix {
    () => {
        matrix!(@servers blocking BLOCKING, tokio TOKIO, smol SMOL);
    };
    (@servers $($name:ident $server:ident),*) => {
        $(mod $name {
            const SERVER: &dyn crate::Adapter = crate::$server;
            matrix!(@dialers blocking BLOCKING, tokio TOKIO, smol SMOL);
        })*
    };
    (@dialers $($name:ident $dialer:ident),*) => {
        $(mod $name {
            const DIALER: &dyn crate::Adapter = crate::$dialer;
            matrix!(@accepters blocking BLOCKING, tokio TOKIO, smol SMOL);
        })*
    };
    (@accepters $($name:ident $accepter:ident),*) => {
        $(#[test]
        fn $name() {
            crate::row(super::SERVER, DIALER, crate::$accepter);
        })*
    };
}

matrix!();

/// Four combinations, at the same time: most of a combination is waiting.
fn row(server: &'static dyn Adapter, dialer: &'static dyn Adapter, accepter: &'static dyn Adapter) {
    let authority = Authority::new();
    let certificate = || Some(authority.certify("127.0.0.1").into());
    let clear = TestServer::of(server, "127.0.0.1:0", None, |_| {});
    let secure = TestServer::of(server, "127.0.0.1:0", certificate(), |_| {});
    let trio = format!("{:<8} dialer {:<8} accepter {:<8}", server.name(), dialer.name(), accepter.name());

    let mut line = format!("server {trio}");
    thread::scope(|scope| {
        let cells = [
            ("direct, clear", &clear, "loopback4"),
            ("direct, TLS", &secure, "loopback4"),
            ("relayed, clear", &clear, "none"),
            ("relayed, TLS", &secure, "none"),
        ]
        .map(|(cell, server, spaces)| {
            let party = |adapter| Party::new(adapter, spaces).tls(authority.trusted());
            let (dialer, accepter) = (party(dialer), party(accepter));
            let url = server.url();
            let played = scope.spawn(move || {
                let begin = Instant::now();
                play(cell, &url, &dialer, &accepter);
                begin.elapsed()
            });
            (cell, played)
        });
        for (cell, played) in cells {
            match played.join() {
                Ok(time) => write!(line, " | {cell}: ok {:>4} ms", time.as_millis()).unwrap(),
                Err(_) => panic!("server {trio}: {cell}: see above"),
            }
        }
    });
    println!("{line}");
}

/// Connects; a question with its end one way and an answer with its end back; then, on another connection, streams
/// both ways at once.
fn play(cell: &str, url: &ServerUrl, dialer: &Party, accepter: &Party) {
    let is_relayed = dialer.config.spaces == AddrSpaces::NONE;
    let (question, answer) = (pattern(70_000, 1), pattern(30_000, 2));
    let connect = |token: &str| {
        let token = format!("{cell}: {token}");
        let conns = meet((dialer, Role::Dial), accepter, url, token);
        for conn in [&conns.0, &conns.1] {
            assert_eq!(conn.is_relay, is_relayed, "{}: {cell}: its route", conn.name());
        }
        conns
    };
    for dialer_asks in [true, false] {
        let conns = connect(if dialer_asks { "the dialer asks" } else { "the accepter asks" });
        let (asks, answers) = if dialer_asks { (&conns.0, &conns.1) } else { (&conns.1, &conns.0) };
        asks.send(question.clone());
        asks.finish();
        answers.expect(&question);
        answers.expect_end();
        answers.send(answer.clone());
        answers.finish();
        asks.expect(&answer);
        asks.expect_end();
    }
    let (dials, accepts) = connect("both at once");
    exchange(&dials, &accepts, &pattern(1 << 20, 3), &pattern(700_000, 4));
}
