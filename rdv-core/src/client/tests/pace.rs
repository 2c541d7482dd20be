//! When a dial is repeated, and what comes in meanwhile.

use std::io::ErrorKind;

use super::race::{limited, racing};
use super::*;

/// The pauses before each of `n` redials of NEAR, each of which fails after `took`.
fn pauses(seed: u64, n: usize, took: Duration, kind: ErrorKind) -> Vec<Duration> {
    let mut bench = racing(NEAR, seed, limited());
    let mut pauses = Vec::new();
    for _ in 0..n {
        bench.advance(took);
        let dials = bench.dials(NEAR);
        bench.fails(bench.dial(NEAR), kind);
        let failed = bench.now;
        while bench.dials(NEAR) == dials {
            let due = bench.deadline.expect("no redial is planned");
            bench.advance(due - bench.now);
        }
        pauses.push(bench.now - failed);
    }
    pauses
}

fn refused(seed: u64, n: usize, took: Duration) -> Vec<Duration> {
    pauses(seed, n, took, ErrorKind::ConnectionRefused)
}

#[test]
fn who_is_far_is_dialled_again_after_10_to_90_ms() {
    for took in [10, 50, 200].map(millis) {
        let pauses = refused(7, 8, took);
        for pause in &pauses {
            assert!((millis(10)..=millis(90)).contains(pause), "{pause:?} in {pauses:?}");
        }
        let distinct: std::collections::BTreeSet<_> = pauses.iter().collect();
        assert_eq!(distinct.len(), 8, "two peers must not stay out of phase: {pauses:?}");
    }
}

#[test]
fn the_nearer_the_peer_the_shorter_are_the_pauses() {
    let pauses = refused(7, 20, millis(2));
    for pause in &pauses {
        assert!((millis(2)..=millis(18)).contains(pause), "{pause:?} in {pauses:?}");
    }
}

/// Both learn of each other at once. If the first SYNs did not cross, the next ones may.
#[test]
fn who_is_in_the_next_room_is_dialled_again_at_once_for_10_ms() {
    let took = Duration::from_micros(500);
    let pauses = refused(7, 40, took);
    let at_once = pauses.iter().take_while(|pause| pause.is_zero()).count();
    assert_eq!(at_once, 19, "{pauses:?}");
    for pause in &pauses[at_once..] {
        assert!((took..=9 * took).contains(pause), "{pause:?} in {pauses:?}");
    }
}

#[test]
fn and_no_more_than_32_times_or_8_if_it_may_be_a_router_that_refuses() {
    for (kind, most) in [(ErrorKind::ConnectionRefused, 32), (ErrorKind::HostUnreachable, 8)] {
        let pauses = pauses(7, 60, Duration::from_micros(1), kind);
        let at_once = pauses.iter().take_while(|pause| pause.is_zero()).count();
        assert_eq!(at_once, most - 1, "{kind:?}: {pauses:?}");
        for pause in &pauses[at_once..] {
            assert!((Duration::from_micros(300)..=Duration::from_micros(2700)).contains(pause), "{pause:?}");
        }
    }
}

/// Of which the second may be an ICMP error, but takes no time where there is no route.
#[test]
fn what_the_system_itself_refuses_is_not_dialled_again_at_once() {
    for kind in [ErrorKind::AddrNotAvailable, ErrorKind::NetworkUnreachable] {
        for pause in pauses(7, 10, Duration::ZERO, kind) {
            assert!((millis(10)..=millis(90)).contains(&pause), "{kind:?}: {pause:?}");
        }
    }
}

#[test]
fn the_pauses_grow_with_time_up_to_900_ms() {
    for (raced, shortest) in [(secs(4), millis(20)), (secs(10), millis(50)), (secs(500), millis(100))] {
        let mut bench = racing(NEAR, 7, limited());
        bench.advance(raced);
        bench.fails(bench.dial(NEAR), ErrorKind::ConnectionRefused);
        bench.advance(shortest - millis(1));
        assert_eq!(bench.dials(NEAR), 1, "after {raced:?}");
        bench.advance(8 * shortest + millis(1));
        assert_eq!(bench.dials(NEAR), 2, "after {raced:?}");
    }
}

#[test]
fn the_pauses_are_the_seed_s() {
    assert_eq!(refused(7, 10, millis(20)), refused(7, 10, millis(20)));
    assert_ne!(refused(7, 10, millis(20)), refused(8, 10, millis(20)));
}

/// A firewall of ours that has seen our SYN would never let the FIN of such a connection in.
#[test]
fn what_comes_in_after_a_dial_was_prohibited_is_reset() {
    for kind in [ErrorKind::HostUnreachable, ErrorKind::PermissionDenied] {
        for is_accepted_first in [false, true] {
            let mut bench = racing(NEAR, 7, limited());
            bench.advance(millis(20));
            let dial = bench.dial(NEAR);
            let inbound = if is_accepted_first {
                let inbound = bench.accept(NEAR);
                bench.fails(dial, kind);
                inbound
            } else {
                bench.fails(dial, kind);
                bench.accept(NEAR)
            };
            assert_eq!(bench.state(inbound), State::Reset, "{kind:?}, accepted first: {is_accepted_first}");

            // The peer has its turn, and a firewall would not let it in: so there is none.
            let came = bench.dials(NEAR);
            bench.advance(millis(20 + 90 - 1));
            assert_eq!(bench.dials(NEAR), came);
            let again = bench.accept(NEAR);
            bench.says(again, "rdv/1 ACCEPT tok\n");
            assert_eq!(bench.state(again), State::Open, "{kind:?}");
            bench.wait(4_000);
            assert_eq!(bench.dials(NEAR), came + 1, "there is a connection");
        }
    }
}

#[test]
fn after_the_peer_s_turn_it_is_ours() {
    let mut bench = racing(NEAR, 7, limited());
    bench.advance(millis(20));
    bench.fails(bench.dial(NEAR), ErrorKind::HostUnreachable);
    let inbound = bench.accept(NEAR);
    assert_eq!(bench.state(inbound), State::Reset);
    let came = bench.dials(NEAR);
    bench.advance(millis(20 + 90));
    assert_eq!(bench.dials(NEAR), came + 1);
    // The same once more.
    bench.fails(bench.dial(NEAR), ErrorKind::HostUnreachable);
    let inbound = bench.accept(NEAR);
    assert_eq!(bench.state(inbound), State::Reset);
}

/// Its firewall would drop the peer's SYN, and the next would come a second later.
#[test]
fn a_near_peer_has_no_turn_but_is_dialled_at_once() {
    let mut bench = racing(NEAR, 7, limited());
    for times in 1..=9 {
        bench.advance(millis(1));
        bench.fails(bench.dial(NEAR), ErrorKind::HostUnreachable);
        // What the system itself refuses, since the peer's SYN is there, does not count as near.
        bench.fails(bench.dial(NEAR), ErrorKind::AddrNotAvailable);
        let came = bench.dials(NEAR);
        let inbound = bench.accept(NEAR);
        assert_eq!(bench.state(inbound), State::Reset);
        let inbound = 1;
        assert_eq!(bench.dials(NEAR), came + inbound + usize::from(times <= 8), "time {times}");
    }
}

/// And so often again, once it was begun anew.
#[test]
fn a_near_dial_that_is_prohibited_is_repeated_at_once_8_times() {
    let mut bench = racing(NEAR, 7, limited());
    for round in 1..=3 {
        for dial in 1..=8 {
            let inbound = round - 1;
            assert_eq!(bench.dials(NEAR), 8 * (round - 1) + dial + inbound, "round {round}");
            bench.advance(millis(9));
            bench.fails(bench.dial(NEAR), ErrorKind::HostUnreachable);
        }
        let inbound = bench.accept(NEAR);
        assert_eq!(bench.state(inbound), State::Reset);
    }
}

/// An RST makes a firewall forget; and by other addresses it was no dial of ours.
#[test]
fn what_comes_in_otherwise_is_taken() {
    let mut bench = racing(&format!("{NEAR}, {FAR}"), 7, limited());
    bench.advance(millis(20));
    bench.fails(bench.dial(NEAR), ErrorKind::ConnectionRefused);
    bench.fails(bench.dial(FAR), ErrorKind::HostUnreachable);
    for remote in [NEAR, "10.0.0.9:4001", "198.51.100.9:4001"] {
        let inbound = bench.accept(remote);
        assert_eq!(bench.state(inbound), State::Open, "{remote}");
    }
}
