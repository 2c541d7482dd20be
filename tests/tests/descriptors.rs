//! No file descriptor is left behind. Alone in its binary, since it counts those of the whole process.

#![cfg(target_os = "linux")]

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rdv_core::{Role, WaitForP2p};
use rdv_tests::answer::{expect_matched, read_told, request};
use rdv_tests::attempt::{Attempt, client};
use rdv_tests::fake::Fake;
use rdv_tests::refusing;
use rdv_tests::server::TestServer;

#[test]
fn nothing_is_left_open() {
    let all_open = open();
    for (what, act) in [
        ("a server that was not used", idle_server as fn()),
        ("a server with clients of every kind", busy_server),
        ("attempts that connect", attempts_that_connect),
        ("attempts that fail", attempts_that_fail),
        ("attempts that are cancelled", attempts_that_are_cancelled),
    ] {
        act();
        // Threads of the test's own may still be dropping theirs.
        let deadline = Instant::now() + rdv_tests::SOON;
        while open().len() > all_open.len() {
            assert!(Instant::now() < deadline, "{what}: {:#?} open before, {:#?} after", all_open, open());
            thread::sleep(Duration::from_millis(5));
        }
    }

    // While a server runs, too: each pair that ends gives its descriptors back, and so does each refusal.
    let server = TestServer::start();
    server.settle();
    round_of_clients(&server, 0);
    let settled = open().len();
    for round in 1..20 {
        round_of_clients(&server, round);
    }
    let deadline = Instant::now() + rdv_tests::SOON;
    while open().len() > settled {
        assert!(Instant::now() < deadline, "{settled} open after one round, after twenty: {:#?}", open());
        thread::sleep(Duration::from_millis(5));
    }
}

fn idle_server() {
    TestServer::start().stop().unwrap();
}

fn busy_server() {
    let server = TestServer::start();
    let waiting = server.connect();
    waiting.send(request("DIAL", "/waits", ""));
    let silent = server.connect();
    let (mut dialer, mut accepter) = (server.connect(), server.connect());
    dialer.send(request("DIAL", "/relay", ""));
    accepter.send(request("ACCEPT", "/relay", ""));
    expect_matched(&mut dialer, &mut accepter);
    dialer.send("CONTINUE\n");
    accepter.expect("CONTINUE\n");
    server.settle();
    drop(waiting);
    server.stop().unwrap();
    dialer.expect_closed();
    accepter.expect_closed();
    drop(silent);
}

fn attempts_that_connect() {
    let server = TestServer::start();
    for (i, spaces) in ["all", "none", "loopback4"].into_iter().enumerate() {
        let client = client(spaces, |config| config.picker = Arc::new(WaitForP2p(Duration::from_secs(60))));
        let start = |role| Attempt::start(&client, role, &server.url(), format!("fds{i}"));
        let (dialer, accepter) = (start(Role::Dial), start(Role::Accept));
        let (mut dialer, mut accepter) = (dialer.raw(), accepter.raw());
        dialer.send("hello");
        accepter.expect("hello");
        accepter.finish();
        dialer.expect_eof();
    }
}

fn attempts_that_fail() {
    let (_socket, addr) = refusing();
    let server = Fake::start();
    let brief = client("all", |config| config.timeout = Some(Duration::from_millis(100)));
    Attempt::start(&brief, Role::Dial, &format!("http://{addr}").parse().unwrap(), "tok").error();
    Attempt::start(&brief, Role::Dial, &server.url(), "tok").error();
    let racing = Attempt::start(&brief, Role::Accept, &server.url(), "tok");
    drop(server.accept());
    let mut asked = server.asked();
    asked.switch(&[Fake::start().addr(), addr]);
    racing.error();
}

fn attempts_that_are_cancelled() {
    let (server, peer) = (Fake::start(), Fake::start());
    let attempt = Attempt::start(&client("all", |_| {}), Role::Accept, &server.url(), "tok");
    let mut asked = server.asked();
    asked.switch(&[peer.addr()]);
    peer.accept().read_until("\n");
    attempt.cancel();
    attempt.error();
}

/// A pair that ends by FINs, one that ends by an RST, one that is told OTHER, and some refusals.
fn round_of_clients(server: &TestServer, round: u32) {
    for (i, command) in ["CONTINUE\n", "CONTINUE\n", "OTHER 127.0.0.1:1\n"].into_iter().enumerate() {
        let target = format!("/round{round}-{i}");
        let (mut dialer, mut accepter) = (server.connect(), server.connect());
        accepter.send(request("ACCEPT", &target, ""));
        dialer.send(request("DIAL", &target, ""));
        expect_matched(&mut dialer, &mut accepter);
        dialer.send(command);
        match i {
            0 => {
                accepter.expect("CONTINUE\n");
                dialer.finish();
                accepter.expect_eof();
                accepter.finish();
                dialer.expect_eof();
            }
            1 => {
                accepter.expect("CONTINUE\n");
                dialer.reset();
                accepter.expect_reset();
            }
            _ => accepter.expect_eof(),
        }
    }
    let mut refused = server.connect();
    refused.send("GET /x HTTP/1.1\r\nHost: rdv.test\r\n\r\n");
    read_told(&mut refused);
    refused.expect_eof();
}

/// What each descriptor of this process is, less the one with which that is found out.
fn open() -> Vec<String> {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap();
    let targets = entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    let mut names: Vec<_> = targets.map(|path| path.display().to_string()).collect();
    names.retain(|name| !name.starts_with("/proc/"));
    names.sort();
    names
}
