//! A dialer, from the 101 to the connection that it picks.

use std::io::ErrorKind;

use super::*;
use crate::{HelloFault, Origin, WaitConstant, WaitForP2p};

fn racing(config: Config) -> (Bench<Connector>, ConnId) {
    let bench = Bench::racing(Role::Dial, &format!("{NEAR}, {FAR}"), config);
    let relay = bench.relay();
    (bench, relay)
}

#[test]
fn every_enabled_address_is_dialled_at_the_101() {
    let peer = "10.0.0.9:4000, 198.51.100.9:4000, 127.0.0.1:4000, 169.254.1.1:4000, [2001:db8::9]:4000, [fe80::9]:4000";
    let mut bench = Bench::racing(Role::Dial, peer, Config::default());
    assert_eq!(
        bench.log(),
        ["connect #2 10.0.0.9:4000", "connect #3 198.51.100.9:4000", "connect #4 [2001:db8::9]:4000"]
    );
}

/// The dialer tells the server first, then closes all others, then tells the peer: in this order the server
/// counts a direct connection, and the peer finds no second one that is still open.
#[test]
fn a_direct_connection_is_picked_in_order() {
    let (mut bench, relay) = racing(Config::default());
    let (near, far) = (bench.dial(NEAR), bench.dial(FAR));
    let inbound = bench.accept("10.0.0.9:5555");
    bench.connects(near);
    bench.log();
    bench.says(near, "rdv/1 ACCEPT tok\nhello from the application");
    assert_eq!(
        bench.log(),
        [
            format!("write {relay:?} OTHER {NEAR}"),
            format!("close {relay:?}"),
            format!("close {far:?}"),
            format!("close {inbound:?}"),
            format!("write {near:?} CONTINUE"),
        ]
    );
    let selected = bench.selected();
    assert_eq!((selected.conn, selected.route, selected.remote), (near, Route::Direct, addr(NEAR)));
    assert_eq!(bench.written(near), b"rdv/1 DIAL tok\nCONTINUE\n");
    assert_eq!(bench.left_behind(near), b"hello from the application");
}

#[test]
fn every_way_of_cutting_the_line_leaves_the_application_its_bytes() {
    for chop in [1, 2, 5, usize::MAX] {
        for line in ["rdv/1 ACCEPT tok\n", "rdv/1 ACCEPT tok\r\n", " rdv/1\tACCEPT  %74%6f%6B \n"] {
            let (mut bench, _) = racing(Config::default());
            bench.chop = chop;
            let near = bench.dial(NEAR);
            bench.connects(near);
            bench.says(near, format!("{line}\nbytes\n"));
            assert_eq!(bench.selected().conn, near, "{line:?} in reads of {chop}");
            assert_eq!(bench.left_behind(near), b"\nbytes\n", "{line:?} in reads of {chop}");
        }
    }
}

#[test]
fn the_peer_is_told_only_once_the_server_is() {
    let (mut bench, relay) = racing(Config::default());
    let near = bench.dial(NEAR);
    bench.connects(near);
    bench.holds(relay);
    bench.log();
    bench.says(near, "rdv/1 ACCEPT tok\n");
    assert_eq!(bench.log(), [format!("write {relay:?} OTHER {NEAR}")]);
    bench.releases(relay);
    assert_eq!(bench.selected().conn, near);
}

#[test]
fn a_server_that_is_gone_does_not_keep_the_peers_apart() {
    for how in ["RST", "silence"] {
        let (mut bench, relay) = racing(Config::default());
        let near = bench.dial(NEAR);
        bench.connects(near);
        bench.holds(relay);
        bench.says(near, "rdv/1 ACCEPT tok\n");
        match how {
            "RST" => bench.fails(relay, ErrorKind::BrokenPipe),
            _ => bench.wait(1000),
        }
        assert_eq!(bench.selected().conn, near, "{how}");
    }
}

#[test]
fn the_relay_is_picked_after_a_second() {
    let (mut bench, relay) = racing(Config::default());
    let (near, far) = (bench.dial(NEAR), bench.dial(FAR));
    bench.wait(999);
    assert!(bench.events.is_empty());
    bench.log();
    bench.wait(1);
    assert_eq!(
        bench.log(),
        [format!("close {near:?}"), format!("close {far:?}"), format!("write {relay:?} CONTINUE")]
    );
    let selected = bench.selected();
    assert_eq!((selected.conn, selected.route, selected.remote), (relay, Route::Relay, addr(SERVER)));
}

#[test]
fn the_time_to_wait_is_the_picker_s() {
    let (mut bench, relay) = racing(with_picker(WaitForP2p(millis(400))));
    bench.wait(399);
    assert!(bench.events.is_empty());
    bench.wait(1);
    assert_eq!(bench.selected().conn, relay);
}

#[test]
fn a_connection_whose_line_is_still_missing_does_not_count() {
    let (mut bench, relay) = racing(Config::default());
    let near = bench.dial(NEAR);
    bench.connects(near);
    bench.says(near, "rdv/1 ACCEPT to");
    bench.wait(1000);
    assert_eq!(bench.selected().conn, relay);
    assert_eq!(bench.state(near), State::Closed);
}

#[test]
fn pick_first_takes_the_relay_at_once() {
    let (mut bench, relay) = racing(with_picker(PickFirst));
    assert_eq!(bench.selected().conn, relay);
}

#[test]
fn with_no_space_enabled_the_relay_is_taken_at_once() {
    let (mut bench, relay) = racing(in_spaces(AddrSpaces::NONE));
    assert_eq!(bench.log(), [format!("write {relay:?} CONTINUE")], "nothing is to be dialled");
    let selected = bench.selected();
    assert_eq!((selected.conn, bench.now), (relay, selected.report.matched.unwrap()));
    for candidate in &selected.report.candidates[1..] {
        assert_eq!((candidate.fate, candidate.dials), (Fate::NotEnabled, 0));
    }
}

#[test]
fn wait_constant_always_waits_and_prefers_a_direct_connection() {
    for direct in [true, false] {
        let (mut bench, relay) = racing(with_picker(WaitConstant(millis(700))));
        let near = bench.dial(NEAR);
        if direct {
            bench.connects(near);
            bench.says(near, "rdv/1 ACCEPT tok\n");
        }
        bench.wait(699);
        assert!(bench.events.is_empty());
        bench.wait(1);
        assert_eq!(bench.selected().conn, if direct { near } else { relay });
    }
}

#[test]
fn the_first_direct_connection_to_be_ready_is_picked() {
    let (mut bench, _) = racing(with_picker(WaitConstant(millis(700))));
    let (near, far) = (bench.dial(NEAR), bench.dial(FAR));
    bench.connects(near);
    bench.connects(far);
    bench.says(far, "rdv/1 ACCEPT tok\n");
    bench.wait(1);
    bench.says(near, "rdv/1 ACCEPT tok\n");
    bench.wait(700);
    let selected = bench.selected();
    assert_eq!(selected.conn, far);
    assert_eq!(fate_of(&selected.report.candidates, NEAR), Fate::Discarded);
}

#[test]
fn an_inbound_connection_is_as_good_as_a_dialled_one() {
    let (mut bench, relay) = racing(Config::default());
    let inbound = bench.accept("198.51.100.9:61234");
    bench.log();
    bench.says(inbound, "rdv/1 ACCEPT tok\n");
    assert_eq!(bench.log()[0], format!("write {relay:?} OTHER 198.51.100.9:61234"));
    let selected = bench.selected();
    assert_eq!(selected.conn, inbound);
    let candidate = selected.report.candidates.last().unwrap();
    assert_eq!((candidate.origin, candidate.fate, candidate.dials), (Origin::Inbound, Fate::Chosen, 0));
}

/// What comes in an accepter's place, and how it is reported.
#[test]
fn a_stranger_s_line_ends_that_connection_only() {
    let long = format!("rdv/1 ACCEPT {}", "t".repeat(5000));
    let rows = [
        ("rdv/1 ACCEPT nope\n", HelloFault::WrongToken),
        ("rdv/1 ACCEPT tokk\n", HelloFault::WrongToken),
        ("rdv/1 ACCEPT TOK\n", HelloFault::WrongToken),
        ("rdv/1 DIAL tok\n", HelloFault::WrongRole),
        ("CONTINUE\nhello, hello, hello\n", HelloFault::Malformed),
        ("GET / HTTP/1.1\r\n\r\n", HelloFault::Malformed),
        ("rdv/1 ACCEPT %zz\n", HelloFault::Malformed),
        (long.as_str(), HelloFault::Malformed),
    ];
    for (line, fault) in rows {
        let (mut bench, relay) = racing(Config::default());
        let near = bench.dial(NEAR);
        bench.connects(near);
        bench.log();
        bench.says(near, line);
        assert_eq!(bench.log(), [format!("close {near:?}")], "{line:?}");
        bench.wait(1000);
        let selected = bench.selected();
        assert_eq!(selected.conn, relay, "{line:?}");
        assert_eq!(fate_of(&selected.report.candidates, NEAR), Fate::BadHello(fault), "{line:?}");
    }
}

#[test]
fn a_connection_that_ends_before_its_line_is_dropped() {
    let (mut bench, _) = racing(Config::default());
    let near = bench.dial(NEAR);
    bench.connects(near);
    bench.says(near, "rdv/1 ");
    bench.fins(near);
    assert_eq!(bench.state(near), State::Closed);
    bench.wait(1000);
    assert_eq!(fate_of(&bench.selected().report.candidates, NEAR), Fate::BadHello(HelloFault::Eof));
}

#[test]
fn a_chosen_connection_that_breaks_is_lost() {
    for how in ["RST", "silence"] {
        let (mut bench, _) = racing(Config::default());
        let near = bench.dial(NEAR);
        bench.connects(near);
        bench.holds(near);
        bench.says(near, "rdv/1 ACCEPT tok\n");
        match how {
            "RST" => bench.fails(near, ErrorKind::ConnectionReset),
            _ => bench.wait(1000),
        }
        let failure = bench.failure();
        let kind = if how == "RST" { ErrorKind::ConnectionReset } else { ErrorKind::TimedOut };
        assert!(
            matches!(failure.error, ConnectError::ChosenLost(got) if got == kind),
            "{how}: {:?}",
            failure.error
        );
    }
}

#[test]
fn a_connection_that_comes_after_the_choice_is_closed() {
    let (mut bench, relay) = racing(Config::default());
    bench.holds(relay);
    bench.wait(1000);
    let during = bench.accept(NEAR);
    assert_eq!(bench.state(during), State::Closed);
    bench.releases(relay);
    let after = bench.accept(NEAR);
    assert_eq!(bench.state(after), State::Closed);
    assert_eq!(bench.selected().conn, relay);
}
