//! While the driver copies, and how a pair ends.

use std::io::ErrorKind;

use super::*;
use crate::{DataEnd, Traffic};

const SOME: Traffic = Traffic { to_accepter: 3, to_dialer: 4 };

fn idle() -> LobbyConfig {
    idle_after(Duration::from_millis(500))
}

impl Pair {
    fn counts(&mut self, to_accepter: u64, to_dialer: u64) {
        self.relay.machine.handle_traffic(self.relay.now, Traffic { to_accepter, to_dialer });
        self.relay.settle();
    }

    fn ends(&mut self, end: DataEnd) {
        self.relay.machine.handle_end(self.relay.now, SOME, end);
        self.relay.settle();
    }

    fn closes(&mut self) {
        self.relay.machine.close(self.relay.now);
        self.relay.settle();
    }
}

#[test]
fn a_dialer_has_the_idle_timeout_for_its_command() {
    let mut pair = Pair::of(Role::Accept, idle());
    pair.relay.wait(499);
    assert!(pair.relay.events.is_empty());
    pair.relay.wait(1);
    assert_eq!(pair.finished().end, RelayEnd::Idle);
    assert_eq!(pair.states(), [State::Closed; 2]);
}

#[test]
fn a_pair_that_falls_silent_is_cut() {
    let mut pair = Pair::of(Role::Accept, idle());
    pair.relay.wait(300);
    pair.relay.says(pair.dialer, "CONTINUE\n");
    pair.splice();
    pair.relay.wait(499);
    assert!(pair.relay.events.is_empty(), "CONTINUE counts as traffic");
    pair.relay.wait(1);
    assert_eq!(pair.finished().end, RelayEnd::Idle);
    assert_eq!(pair.states(), [State::Reset; 2], "a stream that is cut short must not look complete");
}

#[test]
fn traffic_in_either_direction_keeps_a_pair() {
    let mut pair = Pair::spliced(idle());
    for (to_accepter, to_dialer) in [(1, 0), (2, 0), (2, 1), (2, 9)] {
        pair.relay.wait(400);
        pair.counts(to_accepter, to_dialer);
    }
    pair.relay.wait(499);
    assert!(pair.relay.events.is_empty());
    pair.counts(2, 9);
    pair.relay.wait(1);
    let report = pair.finished();
    let relayed = Traffic { to_accepter: 2, to_dialer: 9 };
    assert_eq!(
        (report.end, report.traffic),
        (RelayEnd::Idle, relayed),
        "counting the same again is no traffic"
    );
}

#[test]
fn without_an_idle_timeout_a_pair_may_be_silent() {
    let mut pair = Pair::spliced(LobbyConfig { idle_timeout: None, ..LobbyConfig::default() });
    pair.relay.wait(1_000_000_000);
    assert_eq!(pair.relay.events.len(), 0);
}

#[test]
fn two_complete_streams_are_closed() {
    let mut pair = Pair::of(Role::Dial, LobbyConfig::default());
    pair.relay.wait(1_000);
    pair.relay.says(pair.dialer, "CONTINUE\n");
    pair.splice();
    pair.relay.wait(2_000);
    pair.ends(DataEnd::Complete);
    let report = pair.finished();
    assert_eq!((report.end, report.traffic), (RelayEnd::Relayed, SOME));
    assert_eq!((report.token.as_bytes(), report.duration), (&b"tok"[..], secs(3)));
    assert_eq!((report.dialer, report.accepter), (addr("203.0.113.7:40000"), addr("203.0.113.7:40001")));
    assert_eq!(pair.states(), [State::Closed; 2]);
}

#[test]
fn a_broken_stream_is_broken_on_both_sides() {
    for role in [Role::Dial, Role::Accept] {
        let mut pair = Pair::spliced(LobbyConfig::default());
        let conn = if role == Role::Dial { pair.dialer } else { pair.accepter };
        pair.ends(DataEnd::Broken(conn, ErrorKind::ConnectionReset));
        let report = pair.finished();
        assert_eq!((report.end, report.traffic), (RelayEnd::Broken(role, ErrorKind::ConnectionReset), SOME));
        assert_eq!(pair.states(), [State::Reset; 2]);
    }
}

#[test]
fn a_shutdown_cuts_what_is_relayed_and_ends_the_rest() {
    let mut pair = Pair::spliced(LobbyConfig::default());
    pair.closes();
    assert_eq!((pair.finished().end, pair.states()), (RelayEnd::ShutDown, [State::Reset; 2]));

    let mut pair = Pair::of(Role::Accept, LobbyConfig::default());
    pair.closes();
    assert_eq!((pair.finished().end, pair.states()), (RelayEnd::ShutDown, [State::Closed; 2]));
}

#[test]
fn an_ended_pair_stays_ended() {
    let mut pair = Pair::spliced(idle());
    pair.ends(DataEnd::Complete);
    pair.finished();
    pair.closes();
    pair.ends(DataEnd::Broken(pair.dialer, ErrorKind::BrokenPipe));
    pair.counts(9, 9);
    pair.relay.wait(10_000);
    assert!(pair.relay.events.is_empty());
}

#[test]
fn traffic_counts_from_continue_on() {
    let mut pair = Pair::of(Role::Accept, idle());
    pair.counts(5, 5);
    pair.relay.wait(500);
    let report = pair.finished();
    assert_eq!((report.end, report.traffic), (RelayEnd::Idle, Traffic::default()));
}
