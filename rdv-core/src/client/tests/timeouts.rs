//! The time for the whole attempt, and what is reported of its course.

use super::*;
use crate::{Phase, WaitConstant};

fn timed_out(bench: &mut Bench<Connector>) -> Phase {
    let failure = bench.failure();
    assert_eq!(failure.report.ended, Some(bench.now));
    let ConnectError::TimedOut(phase) = failure.error else { panic!("not a timeout: {:?}", failure.error) };
    phase
}

#[test]
fn an_attempt_can_time_out_in_every_phase() {
    let mut bench = Bench::begin(&attempt(Role::Dial), within(secs(5)));
    bench.wait(5_000);
    assert_eq!(timed_out(&mut bench), Phase::Connecting);

    let mut bench = Bench::begin(&attempt(Role::Dial), within(secs(5)));
    let relay = bench.dial(SERVER);
    bench.holds(relay);
    bench.connects(relay);
    bench.wait(5_000);
    assert_eq!(timed_out(&mut bench), Phase::Connecting);

    let mut bench = Bench::begin(&attempt(Role::Dial), within(secs(5)));
    bench.connects(bench.dial(SERVER));
    bench.wait(4_999);
    assert!(bench.events.is_empty());
    bench.wait(1);
    assert_eq!(timed_out(&mut bench), Phase::Waiting);

    let mut bench = Bench::racing(Role::Accept, NEAR, within(secs(5)));
    bench.wait(5_000);
    assert_eq!(timed_out(&mut bench), Phase::Racing);
}

#[test]
fn an_attempt_can_time_out_while_its_choice_is_told() {
    for held in [SERVER, NEAR] {
        let config = Config { timeout: Some(millis(1500)), ..with_picker(WaitConstant(secs(1))) };
        let mut bench = Bench::racing(Role::Dial, NEAR, config);
        let near = bench.dial(NEAR);
        bench.connects(near);
        bench.says(near, "rdv/1 ACCEPT tok\n");
        bench.holds(if held == NEAR { near } else { bench.relay() });
        bench.wait(1_500);
        assert_eq!(timed_out(&mut bench), Phase::Racing, "{held}");
    }
}

#[test]
fn the_time_counts_from_before_the_attempt() {
    let started = beginning();
    let now = started + secs(3);
    let connector = Connector::new(started, now, &attempt(Role::Dial), within(secs(5)));
    let mut bench = Bench::new(now, connector);
    bench.settle();
    bench.wait(2_000);
    assert_eq!(timed_out(&mut bench), Phase::Connecting);

    let late = started + secs(6);
    let connector = Connector::new(started, late, &attempt(Role::Dial), within(secs(5)));
    let mut bench = Bench::new(late, connector);
    bench.settle();
    assert_eq!(timed_out(&mut bench), Phase::Connecting);
}

#[test]
fn a_timeout_says_what_was_going_on() {
    let rows = [
        (Phase::Connecting, "timed out while connecting to the server"),
        (Phase::Waiting, "timed out while waiting for the peer"),
        (Phase::Racing, "timed out while looking for a connection to the peer"),
    ];
    for (phase, words) in rows {
        assert_eq!(ConnectError::TimedOut(phase).to_string(), words);
    }
}

#[test]
fn the_course_of_an_attempt_is_reported() {
    let mut bench = Bench::begin(&attempt(Role::Dial), Config::default());
    let started = bench.now;
    let relay = bench.dial(SERVER);
    bench.wait(20);
    bench.holds(relay);
    bench.connects(relay);
    bench.wait(5);
    bench.releases(relay);
    bench.wait(300);
    bench.match_with(NEAR);
    bench.wait(40);
    let near = bench.dial(NEAR);
    bench.connects(near);
    bench.wait(20);
    bench.says(near, "rdv/1 ACCEPT tok\n");

    let selected = bench.selected();
    let report = &selected.report;
    let since = |at: Option<Instant>| at.map(|at| (at - started).as_millis());
    assert_eq!(report.started, started);
    assert_eq!(since(report.server_connected), Some(20));
    assert_eq!(since(report.requested), Some(25));
    assert_eq!(since(report.matched), Some(325));
    assert_eq!(since(report.ended), Some(385));
    assert_eq!(report.chosen, Some((addr(NEAR), Route::Direct)));
    assert_eq!(fate_of(&report.candidates, SERVER), Fate::Discarded);

    let meta = &selected.meta;
    assert_eq!((meta.role, meta.observed), (Role::Dial, Some(addr("198.51.100.5:7000"))));
    assert_eq!(
        (meta.self_addrs.to_string(), meta.peer_addrs.to_string()),
        (SELF.to_owned(), NEAR.to_owned())
    );
    assert_eq!(meta.headers["x-note"], "hello");
}

#[test]
fn steps_that_were_not_reached_have_no_time() {
    let mut bench = Bench::begin(&attempt(Role::Dial), Config::default());
    bench.wait(10_000);
    let report = bench.failure().report;
    assert_eq!((report.server_connected, report.requested, report.matched), (None, None, None));
    assert_eq!((report.chosen, report.candidates.len()), (None, 0));
}
