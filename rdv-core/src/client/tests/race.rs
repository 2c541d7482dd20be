//! Whom to dial, when to dial again, and whom to admit.

use std::io::ErrorKind;

use super::*;
use crate::{HelloFault, Origin, Pick, Standings};

/// Leaves the race running, and its outcome to the test.
#[derive(Debug)]
struct Never;

impl Picker for Never {
    fn pick(&self, _now: Instant, _standings: &Standings<'_>) -> Pick {
        Pick::Wait(None)
    }
}

pub(super) fn racing(peer: &str, seed: u64, config: Config) -> Bench<Connector> {
    let config = Config { picker: Arc::new(Never), ..config };
    let mut bench = Bench::begin(&Attempt { seed, ..attempt(Role::Dial) }, config);
    bench.connects(bench.dial(SERVER));
    bench.match_with(peer);
    bench
}

/// Ends an attempt by its timeout, for the report.
fn report(mut bench: Bench<Connector>) -> Vec<CandidateReport> {
    bench.now += secs(3600);
    bench.settle();
    bench.failure().report.candidates
}

pub(super) fn limited() -> Config {
    within(secs(600))
}

#[test]
fn a_dial_without_a_result_is_left_alone() {
    let mut bench = racing(NEAR, 7, limited());
    bench.wait(100_000);
    assert_eq!(bench.dials(NEAR), 1, "giving up a SYN that is out can reset the peer's answer");
}

#[test]
fn what_can_not_change_is_not_tried_again() {
    for kind in [ErrorKind::InvalidInput, ErrorKind::Unsupported] {
        let mut bench = racing(NEAR, 7, limited());
        bench.fails(bench.dial(NEAR), kind);
        bench.wait(10_000);
        assert_eq!(bench.dials(NEAR), 1, "{kind:?}");
        assert_eq!(fate_of(&report(bench), NEAR), Fate::Failed(kind));
    }
    for kind in [
        ErrorKind::HostUnreachable,
        ErrorKind::TimedOut,
        ErrorKind::AddrInUse,
        ErrorKind::ConnectionReset,
        // So Linux says that a firewall on the way prohibits it by ICMPv6.
        ErrorKind::PermissionDenied,
    ] {
        let mut bench = racing(NEAR, 7, limited());
        bench.fails(bench.dial(NEAR), kind);
        bench.wait(90);
        assert_eq!(bench.dials(NEAR), 2, "{kind:?}");
    }
}

/// A list may have it; no connection can be made to it.
#[test]
fn port_0_is_not_dialled() {
    let bench = racing("10.0.0.9:0", 7, limited());
    assert_eq!(bench.dials("10.0.0.9:0"), 0);
    assert_eq!(fate_of(&report(bench), "10.0.0.9:0"), Fate::Failed(ErrorKind::InvalidInput));
}

#[test]
fn a_connection_that_breaks_before_its_line_is_dialled_again() {
    let mut bench = racing(NEAR, 7, limited());
    let near = bench.dial(NEAR);
    bench.connects(near);
    bench.fails(near, ErrorKind::ConnectionReset);
    bench.wait(90);
    assert_eq!(bench.dials(NEAR), 2);
}

#[test]
fn an_address_that_is_not_listed_is_never_dialled() {
    let mut bench = racing("", 7, limited());
    let inbound = bench.accept(FAR);
    bench.fails(inbound, ErrorKind::ConnectionReset);
    bench.wait(10_000);
    assert_eq!(bench.dials(FAR), 1, "one inbound, no dial");
}

/// The kernel refuses to dial the four-tuple of the connection that the peer has opened already.
#[test]
fn an_address_that_has_reached_us_is_no_failure() {
    let mut bench = racing(NEAR, 7, limited());
    let dial = bench.dial(NEAR);
    let inbound = bench.accept(NEAR);
    bench.fails(dial, ErrorKind::AddrNotAvailable);
    bench.wait(1_000);
    assert_eq!((bench.dials(NEAR), bench.state(inbound)), (2, State::Open), "one dial, one inbound");
    bench.says(inbound, "rdv/1 ACCEPT tok\n");
    let candidates = report(bench);
    assert_eq!(fate_of(&candidates, NEAR), Fate::Discarded);
    assert_eq!(candidates.iter().filter(|candidate| candidate.addr == addr(NEAR)).count(), 1);

    let mut bench = racing(NEAR, 7, limited());
    bench.accept(NEAR);
    bench.fails(bench.dial(NEAR), ErrorKind::AddrNotAvailable);
    assert_eq!(fate_of(&report(bench), NEAR), Fate::Greeting, "its line may still come");
}

#[test]
fn a_dial_that_failed_just_before_the_peer_came_is_not_repeated() {
    let mut bench = racing(NEAR, 7, limited());
    bench.fails(bench.dial(NEAR), ErrorKind::AddrNotAvailable);
    let inbound = bench.accept(NEAR);
    bench.wait(4_000);
    assert_eq!(bench.dials(NEAR), 2, "one dial, one inbound");
    bench.fails(inbound, ErrorKind::ConnectionReset);
    bench.wait(90);
    assert_eq!(bench.dials(NEAR), 3, "once that has failed, it is dialled again");
}

/// Of a peer in the same home the server lists our own address, where both have the same private one.
#[test]
fn our_own_address_is_not_dialled() {
    let bench = racing(&format!("{SELF}, {NEAR}"), 7, limited());
    assert_eq!((bench.dials(SELF), bench.dials(NEAR)), (0, 1));
    assert_eq!(fate_of(&report(bench), SELF), Fate::OwnAddr);
}

#[test]
fn only_enabled_spaces_are_dialled_and_admitted() {
    let mut bench = racing(&format!("{NEAR}, {FAR}"), 7, Config { spaces: AddrSpaces::PUBLIC, ..limited() });
    assert_eq!((bench.dials(NEAR), bench.dials(FAR)), (0, 1));
    let near = bench.accept("10.0.0.9:5000");
    let mapped = bench.accept("[::ffff:10.0.0.9]:5001");
    let far = bench.accept("198.51.100.9:5000");
    assert_eq!(bench.state(near), State::Closed);
    assert_eq!(bench.state(mapped), State::Closed);
    assert_eq!(bench.state(far), State::Open);
    let candidates = report(bench);
    for remote in [NEAR, "10.0.0.9:5000", "10.0.0.9:5001"] {
        assert_eq!(fate_of(&candidates, remote), Fate::NotEnabled, "{remote}");
    }
}

#[test]
fn a_connection_that_comes_before_the_101_is_held() {
    let mut bench = Bench::begin(&attempt(Role::Dial), in_spaces(AddrSpaces::PUBLIC));
    let early = bench.accept(FAR);
    let disabled = bench.accept(NEAR);
    bench.says(early, "rdv/1 ACCEPT tok\n");
    assert_eq!((bench.state(early), bench.state(disabled)), (State::Open, State::Closed));
    bench.connects(bench.dial(SERVER));
    assert_eq!(bench.written(early), b"", "whose it is can be known only at the 101");
    bench.match_with("");
    assert_eq!(bench.selected().conn, early);
    assert_eq!(bench.written(early), b"rdv/1 DIAL tok\nCONTINUE\n");
}

#[test]
fn connections_that_are_held_are_closed_with_the_attempt() {
    let mut bench = Bench::begin(&attempt(Role::Dial), Config::default());
    let early: Vec<_> = (1..=20).map(|port| bench.accept(&format!("198.51.100.9:{port}"))).collect();
    let held = early.iter().filter(|conn| bench.state(**conn) == State::Open).count();
    assert_eq!(held, 16, "only so many are held");
    bench.fails(bench.dial(SERVER), ErrorKind::ConnectionRefused);
    bench.failure();
    assert!(early.iter().all(|conn| bench.state(*conn) == State::Closed));
}

#[test]
fn a_line_has_5_seconds() {
    let mut bench = racing(NEAR, 7, limited());
    let near = bench.dial(NEAR);
    bench.wait(100_000);
    bench.connects(near);
    let inbound = bench.accept(FAR);
    bench.wait(3_000);
    bench.says(inbound, "rdv/1 ACC");
    bench.wait(1_999);
    assert_eq!((bench.state(near), bench.state(inbound)), (State::Open, State::Open));
    bench.wait(1);
    assert_eq!((bench.state(near), bench.state(inbound)), (State::Closed, State::Closed));
    assert_eq!(fate_of(&report(bench), NEAR), Fate::BadHello(HelloFault::TimedOut));
}

#[test]
fn strangers_are_limited_and_a_peer_s_room_is_not_theirs() {
    let mut bench = racing(NEAR, 7, limited());
    let strangers: Vec<_> = (1..=100).map(|port| bench.accept(&format!("198.51.100.77:{port}"))).collect();
    let open = strangers.iter().filter(|conn| bench.state(**conn) == State::Open).count();
    assert!((16..=26).contains(&open), "{open} strangers were admitted");
    bench.wait(5_000);
    let near = bench.accept(NEAR);
    assert_eq!(bench.state(near), State::Open, "there is room again once the strangers are late");
    let candidates = report(bench);
    assert_eq!(candidates.len(), 64, "the report is bounded");
    let refused = candidates.iter().filter(|candidate| candidate.fate == Fate::Refused).count();
    assert!(refused > 0);
}

#[test]
fn whoever_comes_too_late_for_the_report_takes_part_all_the_same() {
    let mut bench = racing(NEAR, 7, limited());
    for port in 1..=100 {
        bench.accept(&format!("198.51.100.77:{port}"));
    }
    bench.wait(5_000);
    let (stranger, peer) = (bench.accept("203.0.113.7:1"), bench.accept("203.0.113.7:2"));
    bench.says(stranger, "rdv/1 ACCEPT stranger\n");
    bench.says(peer, "rdv/1 ACCEPT tok\n");
    assert_eq!((bench.state(stranger), bench.state(peer)), (State::Closed, State::Open));
    assert!(report(bench).iter().all(|candidate| candidate.addr.ip() != addr("203.0.113.7:1").ip()));
}

#[test]
fn a_race_reports_every_candidate() {
    let peer = format!("{NEAR}, {FAR}, {SELF}, 127.0.0.1:9, [2001:db8::9]:4000");
    let mut bench = racing(&peer, 7, limited());
    let matched = bench.now;
    bench.wait(10);
    bench.fails(bench.dial(NEAR), ErrorKind::ConnectionRefused);
    let inbound = bench.accept("203.0.113.7:99");
    bench.says(inbound, "GET / HTTP/1.1\r\n\r\n");
    bench.wait(90);
    let near = bench.dial(NEAR);
    bench.connects(near);
    let candidates = report(bench);
    let rows: Vec<_> =
        candidates.iter().map(|it| (it.addr.to_string(), it.origin, it.fate, it.dials)).collect();
    let row = |addr: &str, origin, fate, dials| (addr.to_owned(), origin, fate, dials);
    assert_eq!(
        rows,
        [
            row(SERVER, Origin::Relay, Fate::Discarded, 0),
            row(SELF, Origin::Listed, Fate::OwnAddr, 0),
            row(NEAR, Origin::Listed, Fate::Greeting, 2),
            row(FAR, Origin::Listed, Fate::Dialing, 1),
            row("[2001:db8::9]:4000", Origin::Listed, Fate::Dialing, 1),
            row("127.0.0.1:9", Origin::Listed, Fate::NotEnabled, 0),
            row("203.0.113.7:99", Origin::Inbound, Fate::BadHello(HelloFault::Malformed), 0),
        ]
    );
    assert_eq!(candidates[3].at, matched);
    assert_eq!(candidates[6].at, matched + millis(10));
}

#[test]
fn several_inputs_may_come_between_two_drains() {
    let mut bench = racing(&format!("{NEAR}, {FAR}"), 7, limited());
    let (near, far) = (bench.dial(NEAR), bench.dial(FAR));
    let (machine, now) = (&mut bench.machine, bench.now);
    let inbound = machine.handle_accept(now, addr("198.51.100.9:5000"));
    machine.handle_input(now, Input::Connected(near));
    machine.handle_input(now, Input::Connected(far));
    machine.handle_input(now, Input::Failed(far, ErrorKind::Unsupported));
    machine.handle_input(now, Input::Wrote(inbound));
    machine.handle_input(now, Input::Read(inbound, b"rdv/1 ACCEPT tok\n"));
    machine.handle_input(now, Input::Read(inbound, b"stray"));
    machine.handle_timeout(now);
    let report = {
        machine.handle_timeout(now + secs(3600));
        std::iter::repeat_with(|| machine.poll_output()).find_map(|output| match output {
            Output::Event(Event::Failed(failure)) => Some(failure.report),
            Output::Event(Event::Selected(_)) | Output::Wait(_) => panic!("no failure was reported"),
            Output::Intent(_) => None,
        })
    };
    let candidates = report.unwrap().candidates;
    assert_eq!(fate_of(&candidates, NEAR), Fate::Greeting);
    assert_eq!(fate_of(&candidates, FAR), Fate::Failed(ErrorKind::Unsupported));
    assert_eq!(fate_of(&candidates, "198.51.100.9:5000"), Fate::Discarded);
}
