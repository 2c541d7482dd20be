//! No file descriptor is left behind by any adapter's client or server, at whatever step it ends. Alone in its binary,
//! since it counts those of the whole process.

#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};
use std::{fmt, thread};

use rdv_core::{AddrSpaces, Role};
use rdv_tests::SOON;
use rdv_tests::adapter::{ADAPTERS, Adapter, Blocking, Party};
use rdv_tests::answer::request;
use rdv_tests::fake::{BlackHole, Fake};
use rdv_tests::ground::{Ground, Way};
use rdv_tests::refusing;
use rdv_tests::server::TestServer;
use rdv_tests::step::{Scene, Step};

#[test]
fn all_are_given_back() {
    // What a runtime opens once, it has open from here on.
    for adapter in ADAPTERS {
        drop(Ground::new(Way::RelayedTls, adapter, adapter, adapter).meet(Role::Dial));
    }
    let before = settled();
    for adapter in ADAPTERS {
        let begin = Instant::now();
        for role in [Role::Dial, Role::Accept] {
            for step in Step::EACH {
                check(&before, adapter, format!("{role} cancelled, {step:?}"), || {
                    cancelled(before.len(), adapter, role, step)
                });
            }
            check(&before, adapter, format!("{role} failed"), || failed(adapter, role));
        }
        for way in Way::EACH {
            check(&before, adapter, format!("client, {way:?}"), || {
                connected(&Ground::new(way, &Blocking, adapter, &Blocking));
            });
            check(&before, adapter, format!("server, {way:?}"), || {
                connected(&Ground::new(way, adapter, &Blocking, &Blocking));
            });
        }
        for way in [Way::Direct, Way::Relayed] {
            check(&before, adapter, format!("what is selected, {way:?}"), || selected(adapter, way));
        }
        check(&before, adapter, "server shut down".to_owned(), || shut_down(adapter));
        check(&before, adapter, "a hundred attempts at once".to_owned(), || a_hundred(adapter));
        rounds_while_serving(adapter);
        println!("{}: {} descriptors before and after, {:?}", adapter.name(), before.len(), begin.elapsed());
    }
}

/// An attempt's descriptors are closed by the time that its end is known: those around it alone are open then.
fn cancelled(before: usize, adapter: &'static dyn Adapter, role: Role, step: Step) {
    let (trial, scene) = Scene::play(adapter, role, step);
    trial.cancelled();
    // The system's resolver can't be stopped, and has files and sockets of its own.
    if step != Step::Resolving {
        let expected = before + scene.descriptors();
        let now = open();
        assert_eq!(now.len(), expected, "{}: {role} cancelled, {step:?}: open: {now:#?}", adapter.name());
    }
    scene.expect_closed();
}

fn failed(adapter: &'static dyn Adapter, role: Role) {
    let (_socket, addr) = refusing();
    let party = Party::new(adapter, "loopback4").with(|config| config.timeout = Some(BRIEF));
    party.start(role, &format!("http://{addr}").parse().unwrap(), "tok").failure();
    party.start(role, &BlackHole::new().url(), "tok").failure();
    let (server, peer) = (Fake::start(), Fake::start());
    party.start(role, &server.url(), "tok").failure();
    drop(server.accept());
    let racing = party.start(role, &server.url(), "tok");
    server.asked().switch(&[peer.addr(), addr]);
    racing.failure();
    let refused = party.start(role, &server.url(), "tok");
    server.asked().conn.send("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno");
    refused.failure();
}

/// Ends by FINs, by an RST, and by dropping.
fn connected(ground: &Ground) {
    for role in [Role::Dial, Role::Accept] {
        let (one, two) = ground.meet(role);
        one.finish();
        two.expect_end();
        two.finish();
        one.expect_end();
        let (one, two) = ground.meet(role);
        one.send("hello");
        two.expect("hello");
        one.reset();
        two.expect_cut();
        drop(ground.meet(role));
    }
}

/// While the connection that was selected is in use, nothing else of the attempt is open.
fn selected(adapter: &'static dyn Adapter, way: Way) {
    let mut ground = Ground::new(way, &Blocking, adapter, adapter);
    if way == Way::Direct {
        // Several candidates, of which one is selected.
        ground.one.config.spaces = AddrSpaces::ALL;
        ground.two.config.spaces = AddrSpaces::ALL;
    }
    ground.server.settle();
    let before = settled();
    // Both ends are in this process; and so are the server's, if it relays.
    let of_the_pair = if way.is_relayed() { 4 } else { 2 };
    for role in [Role::Dial, Role::Accept] {
        let (one, two) = ground.meet(role);
        let what = format!("{}: {role}, selected, {way:?}", adapter.name());
        expect_at_most(before.len() + of_the_pair, &before, format_args!("{what}"));
        one.send("hello");
        two.expect("hello");
        assert_eq!(open().len(), before.len() + of_the_pair, "{what}: open: {:#?}", open());
        drop((one, two));
        expect_open(&before, format_args!("{what}, and dropped"));
    }
}

/// With clients of every kind.
fn shut_down(adapter: &'static dyn Adapter) {
    let server = TestServer::of(adapter, "127.0.0.1:0", None, |_| {});
    let (silent, waiting) = (server.connect(), server.ask("DIAL", "/waits"));
    let undecided = server.pair("/undecided");
    let (mut relayed, mut relayed_peer) = server.relayed("/relayed");
    server.settle();
    drop((waiting, undecided, silent));
    server.stop().unwrap();
    relayed.expect_closed();
    relayed_peer.expect_closed();
}

fn a_hundred(adapter: &'static dyn Adapter) {
    let server = TestServer::start();
    let start = |i: usize| {
        let party = Party::new(adapter, if i.is_multiple_of(2) { "loopback4" } else { "none" });
        [Role::Dial, Role::Accept].map(|role| party.start(role, &server.url(), format!("pair {i}")))
    };
    let trials: Vec<_> = (0..50).map(start).collect();
    for trial in trials.into_iter().flatten() {
        drop(trial.conn());
    }
}

/// Each client that goes gives its descriptors back while the server runs on.
fn rounds_while_serving(adapter: &'static dyn Adapter) {
    let server = TestServer::of(adapter, "127.0.0.1:0", None, |_| {});
    let round = |i: u32| {
        let (dialer, mut accepter) = server.relayed(&format!("/fin-{i}"));
        dialer.finish();
        accepter.expect_eof();
        drop((dialer, accepter));
        let (dialer, mut accepter) = server.relayed(&format!("/rst-{i}"));
        dialer.reset();
        accepter.expect_reset();
        let (dialer, mut accepter) = server.pair(&format!("/other-{i}"));
        dialer.send("OTHER 127.0.0.1:1\n");
        accepter.expect_eof();
        drop(server.ask("ACCEPT", &format!("/gone-{i}")));
        let refused = server.connect();
        refused.send(request("GET", "/x", ""));
        server.settle();
    };
    // It may have a thread for each core to relay, which begin as they are needed: with as many pairs at once.
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut pairs: Vec<_> = (0..cores).map(|i| server.relayed(&format!("/at-once-{i}"))).collect();
    for (dialer, accepter) in &mut pairs {
        dialer.send("here");
        accepter.expect("here");
    }
    drop(pairs);
    round(0);
    let after_one = settled();
    (1..20).for_each(round);
    expect_open(&after_one, format_args!("{}: twenty rounds of clients", adapter.name()));
}

fn check(before: &[String], adapter: &dyn Adapter, what: String, act: impl FnOnce()) {
    act();
    expect_open(before, format_args!("{}: {what}", adapter.name()));
}

/// No more than `before`, soon: threads of the tests' own may still be dropping theirs.
fn expect_open(before: &[String], what: fmt::Arguments<'_>) {
    expect_at_most(before.len(), before, what);
}

fn expect_at_most(count: usize, before: &[String], what: fmt::Arguments<'_>) {
    let deadline = Instant::now() + SOON;
    while open().len() > count {
        assert!(Instant::now() < deadline, "{what}: {before:#?} open before, {:#?} after", open());
        thread::sleep(Duration::from_millis(1));
    }
}

/// What is open once that does not change any more.
fn settled() -> Vec<String> {
    let (mut last, mut since) = (open(), Instant::now());
    while since.elapsed() < Duration::from_millis(300) {
        thread::sleep(Duration::from_millis(5));
        let now = open();
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    last
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

const BRIEF: Duration = Duration::from_millis(100);
