//! What strangers send and what comes of it in the logs, at the level at which everything is logged: nothing unescaped, no
//! token whole, no credentials. Alone in its binary, since there is one logger for a process.

use std::sync::{Arc, Mutex, PoisonError};

use log::{LevelFilter, Log, Metadata, Record};
use rdv_access::{Bearers, Gate};
use rdv_core::Role;
use rdv_tests::adapter::{ADAPTERS, Adapter, Party};
use rdv_tests::answer::request;
use rdv_tests::raw::RawConn;
use rdv_tests::server::TestServer;

/// All that was logged, as it was before any logger has escaped it.
struct Kept(Mutex<Vec<String>>);

impl Log for Kept {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = format!("{} {}: {}", record.level(), record.target(), record.args());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    fn flush(&self) {}
}

static KEPT: Kept = Kept(Mutex::new(Vec::new()));

/// Whoever reads a log in a terminal is to see no colours, no title, no second line, and no text that runs backwards.
const NASTY: &str = "\u{1b}[31m\u{1b}]0;owned\u{7}\u{8}\r\u{9b}31m\u{202e}\u{2028}";
const SECRET: &str = "thistokenisasecret";
const BEARER: &str = "mF_9.B5f-4.1JqM0";

#[test]
fn nothing_unescaped_and_no_secret() {
    log::set_logger(&KEPT).unwrap();
    log::set_max_level(LevelFilter::Trace);
    for adapter in ADAPTERS {
        open_server(adapter);
        guarded_server(adapter);
        client_of_a_nasty_server(adapter);
    }
    let kept = KEPT.0.lock().unwrap();
    assert!(kept.iter().any(|line| line.contains("joined: DIAL")), "nothing was logged");
    assert!(kept.iter().any(|line| line.contains("rejected")), "no refusal was logged");
    assert!(kept.iter().any(|line| line.contains("relay ended")), "no pair was logged");
    for line in kept.iter() {
        let is_nasty = |char: char| char.is_control() || ('\u{2028}'..='\u{202e}').contains(&char);
        assert!(!line.contains(is_nasty), "not escaped: {line:?}");
        assert!(!line.contains(SECRET) && !line.contains(BEARER), "a secret is in the log: {line:?}");
    }
}

fn open_server(adapter: &'static dyn Adapter) {
    let server = TestServer::of(adapter, "127.0.0.1:0", None, |_| {});
    let good = request("DIAL", "/x", "");
    let nasty_bytes = NASTY.as_bytes();
    for (from, to) in [
        ("DIAL", NASTY.to_owned()),
        ("/x", format!("/x{NASTY}")),
        ("HTTP/1.1", format!("HTTP/1.1{NASTY}")),
        ("rdv.test", NASTY.to_owned()),
        ("upgrade\r\n", format!("upgrade {NASTY}\r\n")),
        ("rdv/1\r\n", format!("rdv/1{}\r\n", NASTY.replace('\r', ""))),
        ("Rdv-Self-Addrs: ", format!("Rdv-Self-Addrs: {}", NASTY.replace('\r', ""))),
        ("Rdv-Self-Addrs", NASTY.to_owned()),
        ("DIAL", "D\u{e9}".to_owned()),
        ("DIAL", "NONESUCH".to_owned()),
        ("/x", format!("/{SECRET}%zz")),
    ] {
        finish(server.connect(), good.replacen(from, &to, 1).as_bytes());
    }
    for raw in
        [nasty_bytes, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", &[0xff; 100], &[0; 100], b"\r\n\r\n"]
    {
        finish(server.connect(), raw);
    }
    let question = format!("OBSERVE /{SECRET} HTTP/1.1\r\nHost: h\r\nRdv-Attempt: \u{1b}[31m\r\n\r\n");
    finish(server.connect(), question.as_bytes());
    // One that is replaced, and a pair that is relayed, with a token of that kind.
    let target: String = NASTY.bytes().map(|byte| format!("%{byte:02x}")).collect();
    for tail in [target.clone(), format!("{target}{SECRET}"), format!("{SECRET}{target}")] {
        let replaced = server.ask("ACCEPT", &format!("/{tail}"));
        server.settle();
        let (dialer, mut accepter) = server.pair(&format!("/{tail}"));
        drop(replaced);
        dialer.send("CONTINUE\n");
        accepter.expect("CONTINUE\n");
        drop(dialer);
        accepter.expect_eof();
        drop(accepter);
        // Whatever else a dialer may say in place of its command.
        let (dialer, mut accepter) = server.pair(&format!("/{tail}"));
        dialer.send(format!("OTHER {NASTY}\n"));
        accepter.expect_closed();
    }
    server.stop().unwrap();
}

fn guarded_server(adapter: &'static dyn Adapter) {
    let server = TestServer::of(adapter, "127.0.0.1:0", None, |lobby| {
        lobby.admission = Arc::new(Gate::new().with_bearers(Bearers::parse(BEARER).unwrap()));
    });
    let good = request("DIAL", "/x", "");
    for credentials in [
        format!("Bearer {BEARER}"),
        format!("Bearer {BEARER}x"),
        format!("Bearer {BEARER} {BEARER}"),
        format!("Basic {BEARER}"),
        format!("Bearer rdv1.1.{BEARER}"),
        format!("Bearer {}", NASTY.replace('\r', "")),
    ] {
        let head = good.replace("Rdv-Self", &format!("Authorization: {credentials}\r\nRdv-Self"));
        finish(server.connect(), head.as_bytes());
    }
    server.stop().unwrap();
}

/// A client has strangers, too: whatever says it is a server.
fn client_of_a_nasty_server(adapter: &'static dyn Adapter) {
    for answer in [
        format!("HTTP/1.1 400 {NASTY}\r\n\r\n"),
        format!("HTTP/1.1 403 No\r\nContent-Length: {}\r\n\r\n{NASTY}", NASTY.len()),
        format!(
            "HTTP/1.1 101 Yes\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\nRdv-Peer-Addrs: {NASTY}\r\n\r\n"
        ),
        NASTY.to_owned(),
    ] {
        let server = rdv_tests::fake::Fake::start();
        let party = Party::new(adapter, "none");
        let trial = party.start(Role::Dial, &server.url(), SECRET);
        let asked = server.asked();
        asked.conn.send(&answer);
        asked.conn.finish();
        drop(trial.failure());
    }
}

/// Sends, and hears what the server makes of it.
fn finish(mut client: RawConn, data: &[u8]) {
    client.send(data);
    client.finish();
    client.read_to_end();
}
