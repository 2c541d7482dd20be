//! How fast relays may be, in simulated time.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use proptest::prelude::*;

use super::super::rate::{Pace, Rates};
use super::*;
use crate::tests::cases::fixed_cases;
use crate::{Allowance, ByteLimits, DataEnd, Traffic};

fn some(bytes: u64) -> Option<NonZeroU64> {
    NonZeroU64::new(bytes)
}

fn limits(rate: u64, rate_per_pair: u64, bytes_per_pair: u64) -> ByteLimits {
    ByteLimits { rate: some(rate), rate_per_pair: some(rate_per_pair), bytes_per_pair: some(bytes_per_pair) }
}

/// A pair that carries what it may, or less.
struct Runner {
    pace: Box<Pace>,
    carried: u64,
    /// Bytes of each turn at most.
    wants: u64,
    /// How late its timer is.
    late: Duration,
    /// Until something comes that is to be carried.
    pauses: Duration,
}

impl Runner {
    fn new(rates: &Rates) -> Self {
        let pace = rates.pace().expect("there are limits");
        Self { pace, carried: 0, wants: u64::MAX, late: Duration::ZERO, pauses: Duration::ZERO }
    }

    /// A turn. When the next is to be.
    fn turn(&mut self, now: Instant) -> Instant {
        match self.pace.allowance(now) {
            Allowance::Wait(at) => {
                assert!(at > now, "to wait until what has passed");
                assert_eq!(self.pace.until(), Some(at));
                at + self.late
            }
            Allowance::Carry(most) => {
                assert!(most > 0, "neither to wait nor to go on");
                self.carried += most.min(self.wants);
                self.pace.settle(now, self.carried);
                now + self.pauses
            }
        }
    }
}

/// Runs them for so long. Turns without a pause take a nanosecond, so that time goes on.
fn run(runners: &mut [Runner], lasts: Duration) {
    let begin = beginning();
    let mut turns: BTreeMap<(Instant, usize), ()> = (0..runners.len()).map(|i| ((begin, i), ())).collect();
    while let Some(((now, i), ())) = turns.pop_first()
        && now < begin + lasts
    {
        let next = runners[i].turn(now).max(now + Duration::from_nanos(1));
        turns.insert((next, i), ());
    }
}

fn all(runners: &[Runner]) -> u64 {
    runners.iter().map(|runner| runner.carried).sum()
}

#[track_caller]
fn near(got: u64, expected: u64, percent: u64) {
    let off = got.abs_diff(expected);
    assert!(off * 100 <= expected * percent, "{got}, expected {expected} within {percent} %");
}

#[test]
fn a_pair_keeps_to_its_rate() {
    for rate in [1_000, 64_000, 1_000_000, 1_000_000_000] {
        let rates = Rates::new(limits(0, rate, 0));
        let mut runners = [Runner::new(&rates)];
        run(&mut runners, secs(60));
        near(all(&runners), 60 * rate, 2);
    }
}

#[test]
fn all_pairs_have_equal_parts_of_the_rate() {
    let rates = Rates::new(limits(1_000_000, 0, 0));
    let mut runners: Vec<_> = (0..7).map(|_| Runner::new(&rates)).collect();
    run(&mut runners, secs(20));
    near(all(&runners), 20_000_000, 2);
    for runner in &runners {
        near(runner.carried, 20_000_000 / 7, 2);
    }
}

/// What those who want less leave is there for the others.
#[test]
fn a_pair_that_wants_little_has_it_and_takes_nothing_from_others() {
    let rates = Rates::new(limits(1_000_000, 0, 0));
    let mut runners: Vec<_> = (0..5).map(|_| Runner::new(&rates)).collect();
    for modest in &mut runners[1..] {
        (modest.wants, modest.pauses) = (64, Duration::from_millis(10));
    }
    run(&mut runners, secs(20));
    near(all(&runners), 20_000_000, 2);
    for modest in &runners[1..] {
        assert!(modest.carried > 64 * 500, "{} bytes in 20 s", modest.carried);
    }
}

#[test]
fn both_rates_hold() {
    for (pairs, expected) in [(1, 300_000), (3, 900_000), (6, 1_000_000)] {
        let rates = Rates::new(limits(1_000_000, 300_000, 0));
        let mut runners: Vec<_> = (0..pairs).map(|_| Runner::new(&rates)).collect();
        run(&mut runners, secs(20));
        near(all(&runners), 20 * expected, 3);
    }
}

#[test]
fn a_pause_is_no_licence_for_a_flood() {
    for rates in [limits(1_000_000, 0, 0), limits(0, 1_000_000, 0)].map(Rates::new) {
        let (mut runner, now) = (Runner::new(&rates), beginning());
        runner.turn(now);
        let later = now + secs(3600);
        while runner.turn(later) == later {}
        assert!(runner.carried < 110_000, "{} bytes after an hour", runner.carried);
    }
}

#[test]
fn whoever_leaves_the_queue_leaves_its_place() {
    let rates = Rates::new(limits(1_000_000, 0, 0));
    let (mut first, now) = (Runner::new(&rates), beginning());
    while first.turn(now) == now {}
    let waits = |runner: &mut Runner| runner.turn(now) - now;
    let place = waits(&mut Runner::new(&rates));
    for _ in 0..100 {
        assert_eq!(waits(&mut Runner::new(&rates)), place, "behind one that is gone");
    }
}

/// An application that relays by itself asks for nothing, and is counted all the same.
#[test]
fn bytes_without_a_grant_are_not_paid_for_by_others() {
    let rates = Rates::new(limits(1_000_000, 0, 0));
    let (mut taken, now) = (Runner::new(&rates), beginning());
    assert!(!taken.pace.settle(now, 10_000_000_000));
    assert_eq!(Runner::new(&rates).turn(now), now, "made to wait for bytes of others");
}

#[test]
fn there_is_no_pace_without_limits() {
    assert!(Rates::new(ByteLimits::default()).pace().is_none());
    let mut pair = Pair::spliced(LobbyConfig::default());
    assert!(!pair.relay.machine.is_limited());
    assert_eq!(pair.relay.machine.allowance(pair.relay.now), Allowance::Carry(u64::MAX));
}

impl Pair {
    fn limited(bytes: ByteLimits) -> Self {
        let idle_timeout = Some(Duration::from_millis(500));
        Self::spliced(LobbyConfig { bytes, idle_timeout, ..LobbyConfig::default() })
    }

    fn allowance(&mut self) -> Allowance {
        let allowance = self.relay.machine.allowance(self.relay.now);
        self.relay.settle();
        allowance
    }

    fn carries(&mut self, to_accepter: u64, to_dialer: u64) {
        self.relay.machine.handle_traffic(self.relay.now, Traffic { to_accepter, to_dialer });
        self.relay.settle();
    }
}

#[test]
fn a_pair_with_too_many_bytes_is_reset() {
    let mut pair = Pair::limited(limits(0, 0, 1000));
    assert_eq!(pair.allowance(), Allowance::Carry(1001));
    pair.carries(400, 0);
    assert_eq!(pair.allowance(), Allowance::Carry(601), "both directions count");
    pair.carries(400, 600);
    assert!(pair.relay.events.is_empty(), "as many as it may have");
    assert_eq!(pair.allowance(), Allowance::Carry(1));
    pair.carries(401, 600);
    let report = pair.finished();
    assert_eq!((report.end, report.traffic.to_accepter), (RelayEnd::OverLimit, 401));
    assert_eq!(pair.states(), [State::Reset; 2], "a stream that is cut short must not look complete");
}

#[test]
fn a_pair_with_as_many_bytes_as_it_may_have_ends_well() {
    let mut pair = Pair::limited(limits(0, 0, 1000));
    let traffic = Traffic { to_accepter: 400, to_dialer: 600 };
    pair.relay.machine.handle_end(pair.relay.now, traffic, DataEnd::Complete);
    pair.relay.settle();
    assert_eq!((pair.finished().end, pair.states()), (RelayEnd::Relayed, [State::Closed; 2]));
}

/// By a rate at which a grant takes longer than the idle timeout.
#[test]
fn whoever_is_made_to_wait_is_not_idle() {
    let mut pair = Pair::limited(limits(0, 1000, 0));
    let Allowance::Carry(most) = pair.allowance() else { panic!("the first has not to wait") };
    pair.carries(most, 0);
    let Allowance::Wait(at) = pair.allowance() else { panic!("a second grant at once") };
    assert_eq!(pair.relay.deadline, Some(at));
    assert!(at - pair.relay.now > secs(1));
    pair.relay.advance(at - pair.relay.now);
    assert!(pair.relay.events.is_empty(), "cut off while it waited");
    assert!(matches!(pair.allowance(), Allowance::Carry(_)));
    pair.carries(most, 0);
    pair.relay.wait(500);
    assert_eq!(pair.finished().end, RelayEnd::Idle, "it had its chance");
}

proptest! {
    #![proptest_config(fixed_cases())]

    /// However late timers are, and however much pairs want: the rate holds, is made use of, and nobody starves.
    #[test]
    fn rates_hold(
        rate in 50_000_u64..100_000_000,
        own in proptest::option::of(50_000_u64..100_000_000),
        others in proptest::collection::vec((0_u64..60, 1_u64..100_000, 0_u64..20), 1..12),
    ) {
        let rates = Rates::new(limits(rate, own.unwrap_or(0), 0));
        let mut runners: Vec<_> = (0..=others.len()).map(|_| Runner::new(&rates)).collect();
        for (runner, (late, wants, pauses)) in runners.iter_mut().zip(&others) {
            runner.late = Duration::from_millis(*late);
            (runner.wants, runner.pauses) = (*wants, Duration::from_millis(*pauses));
        }
        run(&mut runners, secs(10));
        let most = rate.min(own.unwrap_or(rate).saturating_mul(runners.len() as u64));
        prop_assert!(all(&runners) <= most * 10 + most / 5 + 64 * 1024, "{} of {}", all(&runners), most * 10);
        // The last wants all that it can get.
        let greedy = runners.last().map_or(0, |runner| runner.carried);
        let part = (rate / runners.len() as u64).min(own.unwrap_or(rate));
        prop_assert!(greedy * 10 >= part * 10 * 9, "{greedy} of {}", part * 10);
        if own.is_none() {
            prop_assert!(all(&runners) * 100 >= rate * 10 * 95, "{} of {}", all(&runners), rate * 10);
        }
    }
}
