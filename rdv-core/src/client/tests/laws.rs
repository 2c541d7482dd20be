//! What holds of the pickers, whatever the standings.

use proptest::prelude::*;

use super::*;
use crate::io::Outbox;
use crate::tests::cases::fixed_cases;
use crate::{Pick, Ready, Standings, WaitConstant, WaitForP2p};

/// A moment of a race. All times are in milliseconds.
#[derive(Clone, Debug)]
struct Moment {
    /// How long the picker is to wait, and how long the race has gone on.
    limit: u64,
    elapsed: u64,
    /// When each connection became ready, in order; the relay is among them or not.
    direct: Vec<u64>,
    relay: Option<usize>,
    more_may_come: bool,
}

fn moment() -> impl Strategy<Value = Moment> {
    let around = prop_oneof![Just(0u64), 0..3_000u64];
    let direct = proptest::collection::vec(0..3_000u64, 0..4);
    (around.clone(), around, direct, proptest::option::of(0..4usize), any::<bool>()).prop_map(
        |(limit, elapsed, mut direct, relay, more_may_come)| {
            direct.retain(|since| *since <= elapsed);
            direct.sort_unstable();
            Moment { limit, elapsed, direct, relay, more_may_come }
        },
    )
}

impl Moment {
    fn limit(&self) -> Duration {
        millis(self.limit)
    }

    fn is_over(&self) -> bool {
        self.elapsed >= self.limit
    }

    /// Asks a picker twice, and holds its answer against what holds of all.
    fn ask(&self, picker: &dyn Picker) -> (Vec<Ready>, Pick, Instant) {
        let started = beginning();
        let now = started + millis(self.elapsed);
        let mut names = Outbox::<()>::new();
        let since = self.direct.iter().map(|since| (Route::Direct, *since));
        let mut ready: Vec<Ready> = since
            .map(|(route, since)| Ready { conn: names.issue(), route, since: started + millis(since) })
            .collect();
        if let Some(at) = self.relay {
            let at = at.min(ready.len());
            let since = ready.get(at).map_or(now, |next| next.since);
            ready.insert(at, Ready { conn: names.issue(), route: Route::Relay, since });
        }
        let standings = Standings { started, ready: &ready, more_may_come: self.more_may_come };
        let pick = picker.pick(now, &standings);
        assert_eq!(picker.pick(now, &standings), pick, "{picker:?} changed its mind in the same moment");
        match pick {
            Pick::Choose(conn) => {
                assert!(ready.iter().any(|it| it.conn == conn), "{picker:?} chose what is not ready")
            }
            Pick::Wait(at) => assert!(at.is_none_or(|at| at > now), "{picker:?} waits for the past"),
        }
        (ready, pick, started)
    }
}

fn direct(ready: &[Ready]) -> Option<Pick> {
    ready.iter().find(|it| it.route == Route::Direct).map(|it| Pick::Choose(it.conn))
}

fn relay(ready: &[Ready]) -> Option<Pick> {
    ready.iter().find(|it| it.route == Route::Relay).map(|it| Pick::Choose(it.conn))
}

proptest! {
    #![proptest_config(fixed_cases())]

    #[test]
    fn pick_first_takes_the_earliest_at_once(moment in moment()) {
        let (ready, pick, _) = moment.ask(&PickFirst);
        let earliest = ready.iter().min_by_key(|it| it.since).map(|it| Pick::Choose(it.conn));
        prop_assert_eq!(pick, earliest.unwrap_or(Pick::Wait(None)));
    }

    #[test]
    fn wait_for_p2p_takes_the_first_direct_one_at_once_and_the_relay_in_its_time(moment in moment()) {
        let (ready, pick, started) = moment.ask(&WaitForP2p(moment.limit()));
        if let Some(direct) = direct(&ready) {
            prop_assert_eq!(pick, direct, "a direct connection is taken at once");
        } else if !moment.is_over() && moment.more_may_come {
            prop_assert_eq!(pick, Pick::Wait(Some(started + moment.limit())), "a direct one may come");
        } else {
            prop_assert_eq!(pick, relay(&ready).unwrap_or(Pick::Wait(None)), "there is nothing to wait for");
        }
    }

    #[test]
    fn wait_constant_takes_nothing_before_its_time_and_the_best_from_then_on(moment in moment()) {
        let (ready, pick, started) = moment.ask(&WaitConstant(moment.limit()));
        if moment.is_over() {
            let best = direct(&ready).or(relay(&ready));
            prop_assert_eq!(pick, best.unwrap_or(Pick::Wait(None)), "its time is over");
        } else {
            prop_assert_eq!(pick, Pick::Wait(Some(started + moment.limit())), "it is not time yet");
        }
    }
}

/// A wait that is longer than any clock can tell has no end, rather than a wrong one.
#[test]
fn a_wait_may_be_endless() {
    let moment = Moment { limit: 0, elapsed: 9, direct: vec![], relay: Some(0), more_may_come: true };
    for picker in [&WaitForP2p(Duration::MAX) as &dyn Picker, &WaitConstant(Duration::MAX)] {
        assert_eq!(moment.ask(picker).1, Pick::Wait(None), "{picker:?}");
    }
}
