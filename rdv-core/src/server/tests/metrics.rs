//! What is counted, and when.

use std::io::ErrorKind;

use super::super::{DataEnd, Metrics, Readiness, Traffic};
use super::*;

/// The value of a series, which has to be there.
fn value(metrics: &Metrics, series: &str) -> f64 {
    let text = metrics.render();
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in {text}")).parse().unwrap()
}

fn assert_values(metrics: &Metrics, expected: &[(&str, u32)]) {
    for (series, expected) in expected {
        assert_eq!(value(metrics, series), f64::from(*expected), "{series}");
    }
}

#[test]
fn every_series_is_there_from_the_start() {
    let text = Metrics::default().render();
    for code in Reject::CODES {
        assert!(text.contains(&format!("\nrdv_refusals_total{{code=\"{code}\"}} 0\n")), "{code}: {text}");
    }
    for end in RelayEnd::CODES {
        assert!(text.contains(&format!("\nrdv_pairs_ended_total{{end=\"{end}\"}} 0\n")), "{end}: {text}");
    }
    assert!(text.contains("\nrdv_match_wait_seconds_bucket{le=\"+Inf\"} 0\n"), "{text}");
}

/// The lists stand beside the codes, and both are to be complete: this reads them off the source.
#[test]
fn no_code_is_missing_in_its_list() {
    fn words(source: &str) -> Vec<&str> {
        source.split('"').skip(1).step_by(2).collect()
    }
    let reject = include_str!("../../wire/reject.rs");
    let parts = reject.split("fn parts").nth(1).and_then(|rest| rest.split("impl fmt").next()).unwrap();
    let report = include_str!("../report.rs");
    let code =
        report.split("pub fn code").nth(1).and_then(|rest| rest.split("impl RelayReport").next()).unwrap();
    let denial = include_str!("../../wire/denial.rs");
    let denials = denial.split("fn code").nth(1).and_then(|rest| rest.split("///").next()).unwrap();
    let rejects = [words(parts), words(denials)].concat();
    for (codes, listed) in [(rejects, Reject::CODES), (words(code), RelayEnd::CODES)] {
        assert!(codes.len() > 5, "{codes:?}");
        assert_eq!(codes.iter().find(|code| !listed.contains(code)), None);
        assert_eq!(listed.iter().find(|code| !codes.contains(code)), None);
    }
}

#[test]
fn a_direct_pair() {
    let mut lobby = Bench::open(LobbyConfig::default());
    let metrics = lobby.machine.metrics().clone();
    lobby.join(Role::Accept, "tok");
    assert_values(
        &metrics,
        &[("rdv_connections_total", 1), ("rdv_waiting", 1), ("rdv_lobby_connections", 1)],
    );
    lobby.wait(3_000);
    lobby.join(Role::Dial, "tok");
    assert_values(&metrics, &[("rdv_waiting", 0), ("rdv_lobby_connections", 0), ("rdv_matches_total", 1)]);
    let waits = [("0.1", 0), ("1", 0), ("5", 1), ("600", 1), ("+Inf", 1)];
    for (bound, count) in waits {
        assert_values(&metrics, &[(&format!("rdv_match_wait_seconds_bucket{{le=\"{bound}\"}}"), count)]);
    }
    assert_values(&metrics, &[("rdv_match_wait_seconds_sum", 3), ("rdv_match_wait_seconds_count", 1)]);
    let mut pair = lobby.matched();
    assert_values(&metrics, &[("rdv_pairs", 1), ("rdv_relays", 0)]);
    pair.relay.says(pair.dialer, "OTHER 192.0.2.1:1\n");
    pair.finished();
    drop(pair);
    assert_values(&metrics, &[("rdv_pairs", 0), ("rdv_pairs_relayed_total", 0)]);
    assert_values(&metrics, &[("rdv_pairs_ended_total{end=\"direct\"}", 1)]);
}

#[test]
fn bytes_of_a_relay_that_runs_are_counted_and_quiet_ones_cost_little() {
    let mut lobby = Bench::open(LobbyConfig { idle_timeout: None, ..LobbyConfig::default() });
    let metrics = lobby.machine.metrics().clone();
    lobby.join(Role::Accept, "tok");
    lobby.join(Role::Dial, "tok");
    let mut pair = lobby.matched();
    pair.relay.says(pair.dialer, "CONTINUE\n");
    pair.splice();
    assert_values(&metrics, &[("rdv_relays", 1), ("rdv_pairs_relayed_total", 1)]);

    // A driver that looks whenever it is asked to.
    let (mut looks, mut traffic) = (Vec::new(), Traffic::default());
    let begin = pair.relay.now;
    for step in 0..6 {
        let Output::Wait(Some(at)) = pair.relay.machine.poll_output() else { panic!("nothing to wait for") };
        looks.push((at - begin).as_secs());
        if step == 1 {
            traffic = Traffic { to_accepter: 700, to_dialer: 30 };
        }
        pair.relay.machine.handle_traffic(at, traffic);
        pair.relay.machine.handle_timeout(at);
    }
    assert_eq!(looks, [5, 15, 20, 30, 50, 90]);
    assert_values(&metrics, &[("rdv_relayed_bytes_total{to=\"accepter\"}", 700)]);
    traffic.to_dialer += 12;
    pair.relay.machine.handle_end(begin + secs(100), traffic, DataEnd::Complete);
    assert_values(&metrics, &[("rdv_relayed_bytes_total{to=\"accepter\"}", 700)]);
    assert_values(&metrics, &[("rdv_relayed_bytes_total{to=\"dialer\"}", 42)]);
    assert_values(&metrics, &[("rdv_pairs_ended_total{end=\"relayed\"}", 1)]);
    drop(pair);
    assert_values(&metrics, &[("rdv_relays", 0), ("rdv_pairs", 0)]);
}

#[test]
fn a_relay_that_is_dropped_is_none_any_more() {
    let mut lobby = Bench::open(LobbyConfig::default());
    let metrics = lobby.machine.metrics().clone();
    lobby.join(Role::Accept, "tok");
    lobby.join(Role::Dial, "tok");
    let mut pair = lobby.matched();
    pair.relay.says(pair.dialer, "CONTINUE\n");
    drop(pair);
    assert_values(&metrics, &[("rdv_relays", 0), ("rdv_pairs", 0)]);
    lobby.join(Role::Accept, "other");
    assert_eq!(metrics.waiting(), 1);
    drop(lobby);
    assert_values(&metrics, &[("rdv_waiting", 0), ("rdv_waiting_max", 0), ("rdv_lobby_connections", 0)]);
}

#[test]
fn what_goes_wrong_has_a_kind() {
    let mut lobby = Bench::open(LobbyConfig { max_waiting: 3, ..LobbyConfig::default() });
    let metrics = lobby.machine.metrics().clone();
    let conn = lobby.client();
    lobby.fins(conn);
    let conn = lobby.client();
    lobby.says(conn, "DIAL /tok");
    lobby.fins(conn);
    let conn = lobby.client();
    lobby.fails(conn, ErrorKind::InvalidData);
    let conn = lobby.client();
    lobby.says(conn, "DIAL /tok");
    lobby.wait(15_000);
    lobby.wait(5_000);
    let waiter = lobby.join(Role::Dial, "tok");
    lobby.fails(waiter, ErrorKind::ConnectionReset);
    for _ in 0..7 {
        lobby.client();
    }
    for kind in ["silent", "cut-off", "tls", "timeout", "no-room"] {
        assert_values(&metrics, &[(&format!("rdv_handshake_errors_total{{kind=\"{kind}\"}}"), 1)]);
    }
    assert_values(
        &metrics,
        &[("rdv_refusals_total{code=\"head-timeout\"}", 1), ("rdv_waiting_gone_total", 1)],
    );
}

#[test]
fn whether_it_is_full() {
    let mut lobby = Bench::open(LobbyConfig { max_waiting: 1, ..LobbyConfig::default() });
    let metrics = lobby.machine.metrics().clone();
    assert_eq!(metrics.readiness(), Readiness::Ready);
    lobby.join(Role::Dial, "tok");
    assert_eq!(metrics.readiness(), Readiness::Full);
    lobby.join(Role::Dial, "another");
    assert_values(&metrics, &[("rdv_refusals_total{code=\"full\"}", 1), ("rdv_ready", 0)]);
    lobby.wait(1_000);
    lobby.join(Role::Accept, "tok");
    assert_eq!(metrics.readiness(), Readiness::Ready);
}

/// Whoever is refused for want of room is no news to those who asked first whether there is any.
#[test]
fn whether_as_many_connections_are_open_as_may_be() {
    let mut lobby = Bench::open(LobbyConfig { max_open: Some(3), ..LobbyConfig::default() });
    let metrics = lobby.machine.metrics().clone();
    lobby.join(Role::Dial, "tok");
    lobby.join(Role::Accept, "tok");
    assert_eq!((metrics.pairs(), metrics.readiness()), (1, Readiness::Ready));
    let waiter = lobby.join(Role::Dial, "another");
    assert_eq!(metrics.readiness(), Readiness::Full);
    let late = lobby.join(Role::Dial, "late");
    assert_eq!(lobby.answer(late), "overloaded");
    lobby.fails(waiter, ErrorKind::ConnectionReset);
    lobby.wait(10_000);
    assert_eq!(metrics.readiness(), Readiness::Ready);
}
