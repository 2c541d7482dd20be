//! Pickers, asked by the connector.

use std::sync::Mutex;

use super::*;
use crate::io::Outbox;
use crate::{Pick, Standings};

/// Answers what it was told to, and keeps what it was asked.
#[derive(Debug)]
struct Scripted {
    answer: fn(Instant, &Standings<'_>) -> Pick,
    asked: Mutex<Vec<(Instant, usize)>>,
}

impl Scripted {
    fn new(answer: fn(Instant, &Standings<'_>) -> Pick) -> Arc<Self> {
        Arc::new(Self { answer, asked: Mutex::new(Vec::new()) })
    }

    fn asked(&self) -> Vec<(Instant, usize)> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

impl Picker for Scripted {
    fn pick(&self, now: Instant, standings: &Standings<'_>) -> Pick {
        self.asked.lock().unwrap().push((now, standings.ready.len()));
        (self.answer)(now, standings)
    }
}

fn racing(picker: &Arc<Scripted>) -> Bench<Connector> {
    Bench::racing(Role::Dial, NEAR, Config { picker: Arc::clone(picker) as _, ..Config::default() })
}

#[test]
fn a_picker_is_asked_whenever_the_standings_change() {
    let picker = Scripted::new(|_, _| Pick::Wait(None));
    let mut bench = racing(&picker);
    assert!(picker.asked().iter().any(|(_, ready)| *ready == 1), "at the 101, the relay is ready");
    let near = bench.dial(NEAR);
    bench.connects(near);
    picker.asked();
    bench.says(near, "rdv/1 ACCEPT tok\n");
    assert!(picker.asked().iter().any(|(_, ready)| *ready == 2));
    bench.wait(3_600_000);
    assert!(bench.events.is_empty(), "a picker may wait for as long as it likes");
}

#[test]
fn a_picker_is_asked_at_the_time_it_names() {
    let picker = Scripted::new(|now, standings| match standings.started + millis(250) {
        at if now < at => Pick::Wait(Some(at)),
        _ => Pick::Choose(standings.ready[0].conn),
    });
    let mut bench = racing(&picker);
    let matched = bench.now;
    bench.wait(1_000);
    let selected = bench.selected();
    assert_eq!(
        (selected.conn, selected.report.ended),
        (*bench.given.keys().next().unwrap(), Some(matched + millis(250)))
    );
}

#[test]
fn a_time_in_the_past_makes_no_busy_loop() {
    let picker = Scripted::new(|_, standings| Pick::Wait(Some(standings.started)));
    let mut bench = racing(&picker);
    picker.asked();
    bench.wait(100);
    let times: std::collections::BTreeSet<_> = picker.asked().into_iter().map(|(at, _)| at).collect();
    assert!(times.len() <= 101, "asked at {} times in 100 ms", times.len());
    assert!(bench.events.is_empty());
}

#[test]
fn a_connection_that_is_not_ready_cannot_be_chosen() {
    let picker = Scripted::new(|_, standings| {
        let mut strangers: Outbox<()> = Outbox::new();
        let unknown = std::iter::repeat_with(|| strangers.issue()).nth(99).unwrap();
        Pick::Choose(standings.first_direct().map_or(unknown, |direct| direct.conn))
    });
    let mut bench = racing(&picker);
    bench.wait(20_000);
    assert!(bench.events.is_empty(), "an unknown connection was chosen");
    let near = bench.accept(NEAR);
    bench.says(near, "rdv/1 ACCEPT tok\n");
    assert_eq!(bench.selected().conn, near, "the picker is asked again when the standings change");
}

#[test]
fn a_picker_learns_whether_more_may_come() {
    fn choose_unless_more_may_come(_: Instant, standings: &Standings<'_>) -> Pick {
        match standings.relay() {
            Some(relay) if !standings.more_may_come => Pick::Choose(relay.conn),
            _ => Pick::Wait(None),
        }
    }
    for (spaces, more_may_come) in [(AddrSpaces::NONE, false), (AddrSpaces::PUBLIC, true)] {
        let picker = Scripted::new(choose_unless_more_may_come);
        let config = Config { spaces, picker, ..Config::default() };
        let bench = Bench::racing(Role::Dial, NEAR, config);
        assert_eq!(bench.events.is_empty(), more_may_come, "{spaces}");
    }
}
