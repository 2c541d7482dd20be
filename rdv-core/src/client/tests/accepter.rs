//! An accepter, from the 101 to the connection that the dialer picked.

use std::io::ErrorKind;

use super::*;
use crate::HelloFault;

fn racing() -> (Bench<Connector>, ConnId) {
    let bench = Bench::racing(Role::Accept, &format!("{NEAR}, {FAR}"), Config::default());
    let relay = bench.relay();
    (bench, relay)
}

#[test]
fn the_first_continue_wins() {
    for chop in [1, 3, usize::MAX] {
        let (mut bench, relay) = racing();
        bench.chop = chop;
        let (near, far) = (bench.dial(NEAR), bench.dial(FAR));
        bench.connects(near);
        bench.connects(far);
        bench.says(near, "rdv/1 DIAL tok\n");
        bench.log();
        bench.says(far, "rdv/1 DIAL tok\nCONTINUE\nhello\n");
        assert_eq!(bench.log(), [format!("close {relay:?}"), format!("close {near:?}")]);
        let selected = bench.selected();
        assert_eq!((selected.conn, selected.route, selected.remote), (far, Route::Direct, addr(FAR)));
        assert_eq!(bench.written(far), b"rdv/1 ACCEPT tok\n");
        assert_eq!(bench.left_behind(far), b"hello\n");
        assert_eq!(fate_of(&selected.report.candidates, NEAR), Fate::Discarded);
        assert_eq!(fate_of(&selected.report.candidates, FAR), Fate::Chosen);
    }
}

#[test]
fn continue_on_the_relay_selects_it() {
    for line in ["CONTINUE\n", "CONTINUE x\r\n", " CONTINUE\n"] {
        for chop in [1, usize::MAX] {
            let (mut bench, relay) = racing();
            bench.chop = chop;
            bench.says(relay, format!("{line}CONTINUE\nhello"));
            assert_eq!(bench.selected().conn, relay, "{line:?}");
            assert_eq!(bench.left_behind(relay), b"CONTINUE\nhello", "{line:?}");
        }
    }
}

/// The server writes the 101 and CONTINUE, and the application its bytes: all of it may come as one segment.
#[test]
fn continue_may_come_along_with_the_101() {
    for chop in [1, 10, usize::MAX] {
        let mut bench = Bench::begin(&attempt(Role::Accept), Config::default());
        bench.chop = chop;
        let relay = bench.dial(SERVER);
        bench.connects(relay);
        bench.says(relay, switching(NEAR) + "CONTINUE\nhello from far away\n");
        assert_eq!(bench.selected().conn, relay);
        assert_eq!(bench.left_behind(relay), b"hello from far away\n");
    }
}

#[test]
fn a_hello_and_continue_in_one_segment_are_told_apart() {
    let (mut bench, _) = racing();
    let inbound = bench.accept("198.51.100.9:61234");
    bench.says(inbound, "rdv/1 DIAL tok\r\nCONTINUE\r\n\r\nhello");
    assert_eq!(bench.selected().conn, inbound);
    assert_eq!(bench.left_behind(inbound), b"\r\nhello");
}

#[test]
fn the_relay_s_end_is_not_fatal() {
    for how in ["FIN", "RST", "OTHER", "garbage"] {
        let (mut bench, relay) = racing();
        let near = bench.dial(NEAR);
        bench.connects(near);
        bench.says(near, "rdv/1 DIAL tok\n");
        match how {
            "FIN" => bench.fins(relay),
            "RST" => bench.fails(relay, ErrorKind::ConnectionReset),
            "OTHER" => bench.says(relay, "OTHER 10.0.0.5:7000\n"),
            _ => bench.says(relay, "HTTP/1.1 500\r\n"),
        }
        assert_eq!(bench.state(relay), State::Closed, "{how}");
        bench.wait(60_000);
        assert!(bench.events.is_empty(), "{how}: while a peer is there, it may still choose");
        bench.says(near, "CONTINUE\n");
        assert_eq!(bench.selected().conn, near, "{how}");
    }
}

#[test]
fn an_orphan_gives_up_after_10_seconds() {
    let (mut bench, relay) = racing();
    bench.wait(3_000);
    bench.fins(relay);
    bench.wait(9_999);
    assert!(bench.events.is_empty());
    bench.wait(1);
    let failure = bench.failure();
    assert!(matches!(failure.error, ConnectError::PeerGone), "{:?}", failure.error);
    assert_eq!(fate_of(&failure.report.candidates, SERVER), Fate::BadHello(HelloFault::NotContinued));
}

#[test]
fn an_orphan_that_finds_its_peer_waits_on() {
    let (mut bench, relay) = racing();
    bench.fins(relay);
    bench.wait(9_000);
    let inbound = bench.accept(NEAR);
    bench.wait(500);
    bench.says(inbound, "rdv/1 DIAL tok\n");
    bench.wait(60_000);
    assert!(bench.events.is_empty());
    bench.fins(inbound);
    bench.wait(9_999);
    assert!(bench.events.is_empty(), "the time counts anew");
    bench.wait(1);
    assert!(matches!(bench.error(), ConnectError::PeerGone));
}

#[test]
fn strangers_do_not_keep_an_orphan_waiting() {
    let (mut bench, relay) = racing();
    bench.fins(relay);
    for _ in 0..9 {
        bench.wait(1_000);
        let stranger = bench.accept(FAR);
        bench.says(stranger, "rdv/1 DIAL nope\n");
    }
    bench.wait(1_000);
    assert!(matches!(bench.error(), ConnectError::PeerGone));
}

/// What a direct connection brings instead of a dialer's hello and CONTINUE.
#[test]
fn a_connection_that_is_not_continued_is_dropped_alone() {
    let long = format!("rdv/1 DIAL tok\nCONTINUE {}", "x".repeat(5_000));
    let rows = [
        (&long[..], HelloFault::NotContinued),
        ("rdv/1 DIAL tok\nOTHER 1.2.3.4:5\n", HelloFault::NotContinued),
        ("rdv/1 DIAL tok\ncontinue\nxxxxxx", HelloFault::NotContinued),
        ("rdv/1 DIAL nope\nCONTINUE\nhello\n", HelloFault::WrongToken),
        ("rdv/1 ACCEPT tok\nCONTINUE\nhello\n", HelloFault::WrongRole),
        ("CONTINUE\nhello, hello\n", HelloFault::Malformed),
    ];
    for (line, fault) in rows {
        let (mut bench, relay) = racing();
        let near = bench.dial(NEAR);
        bench.connects(near);
        bench.says(near, line);
        assert_eq!(bench.state(near), State::Closed, "{line:?}");
        bench.wait(5_000);
        bench.says(relay, "CONTINUE\n");
        let selected = bench.selected();
        assert_eq!(selected.conn, relay, "{line:?}");
        assert_eq!(fate_of(&selected.report.candidates, NEAR), Fate::BadHello(fault), "{line:?}");
    }
}

#[test]
fn a_discarded_connection_is_reported_as_such() {
    let (mut bench, relay) = racing();
    let near = bench.dial(NEAR);
    bench.connects(near);
    bench.says(near, "rdv/1 DIAL tok\n");
    bench.fins(near);
    assert_eq!(bench.state(near), State::Closed);
    bench.says(relay, "CONTINUE\n");
    let candidates = bench.selected().report.candidates;
    assert_eq!(fate_of(&candidates, NEAR), Fate::BadHello(HelloFault::NotContinued));
}

#[test]
fn an_accepter_ignores_its_picker() {
    let config = Config { spaces: AddrSpaces::NONE, ..with_picker(PickFirst) };
    let mut bench = Bench::racing(Role::Accept, NEAR, config);
    bench.wait(3_600_000);
    assert!(bench.events.is_empty());
    let relay = bench.relay();
    bench.says(relay, "CONTINUE\n");
    assert_eq!(bench.selected().conn, relay);
}
