//! An accepter: it takes the first connection that delivers CONTINUE.

use std::time::Duration;

use rdv_core::{ConnectError, Fate, HelloFault, Role};
use rdv_tests::attempt::{client, raw};

use crate::{BOTH, By, Scene, patient};

#[test]
fn an_accepter_takes_line_continue_and_data_in_one_segment() {
    for by in BOTH {
        let mut scene = Scene::matched(&patient(), Role::Accept, by);
        let mut peer = scene.direct(Role::Accept, by);
        peer.send("rdv/1 DIAL tok\nCONTINUE\nhello from fake\n");
        let peer_addr = peer.local_addr();
        scene.relay().expect_eof();
        let conn = scene.attempt.conn();
        assert!(!conn.is_relay(), "{by:?}");
        assert_eq!(conn.peer_addr(), peer_addr, "{by:?}");
        let mut conn = raw(conn);
        conn.expect("hello from fake\n");
        conn.send("hello from accepter\n");
        peer.expect("hello from accepter\n");
        conn.finish();
        peer.expect_eof();
        peer.send("half-closed");
        conn.expect("half-closed");
    }
}

#[test]
fn not_a_byte_behind_continue_is_lost_on_a_direct_connection() {
    const DIALOG: &str = "rdv/1 DIAL tok\nCONTINUE\nhello from fake\n";
    for cut in 0..DIALOG.len() {
        let by = BOTH[cut % 2];
        let scene = Scene::matched(&patient(), Role::Accept, by);
        let peer = scene.direct(Role::Accept, by);
        peer.send(&DIALOG[..cut]);
        if cut % 8 == 1 {
            // Now and then the first part is read on its own for certain.
            std::thread::sleep(Duration::from_millis(2));
        }
        peer.send(&DIALOG[cut..]);
        scene.attempt.raw().expect("hello from fake\n");
    }
}

/// Lines as a peer may write them: the reference's table of what it reads.
#[test]
fn lines_of_the_dialer_that_are_good() {
    for line in [
        "rdv/1 DIAL tok\r\nCONTINUE\r\n",
        " rdv/1 DIAL tok\nCONTINUE x\n",
        "rdv/1  DIAL  tok\n CONTINUE\n",
        "rdv/1\tDIAL\ttok\nCONTINUE\tx y\n",
        "rdv/1 DIAL tok \nCONTINUE \n",
        "rdv/1 DIAL t%6Fk\nCONTINUE\n",
        "rdv/1 DIAL %74%6f%6b\nCONTINUE\n",
    ] {
        let scene = Scene::matched(&patient(), Role::Accept, By::Client);
        let mut peer = scene.direct(Role::Accept, By::Client);
        peer.send(line);
        peer.send("data");
        eprintln!("{line:?}");
        let mut conn = scene.attempt.raw();
        conn.expect("data");
        conn.send("and back");
        peer.expect("and back");
    }
}

/// A wrong line ends that connection, and no other: the relay is taken.
#[test]
fn lines_of_the_dialer_that_are_bad() {
    use HelloFault::{Malformed, NotContinued, TimedOut, WrongRole, WrongToken};
    let long = format!("rdv/1 DIAL {}\n", "t".repeat(4096 - "rdv/1 DIAL \n".len() + 1));
    for (line, fault) in [
        ("rdv/1 DIAL other\nCONTINUE\nhello\n", WrongToken),
        ("rdv/1 DIAL Tok\nCONTINUE\n", WrongToken),
        ("rdv/1 ACCEPT tok\nCONTINUE\nhello\n", WrongRole),
        ("rdv/1 FOO tok\nCONTINUE\nhello\n", WrongRole),
        ("rdv/1 dial tok\nCONTINUE\nhello\n", WrongRole),
        ("CONTINUE\nhello\n", Malformed),
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", Malformed),
        ("SSH-2.0-OpenSSH_9.6\r\n", Malformed),
        ("RDV/1 DIAL tok\nCONTINUE\n", Malformed),
        ("rdv/2 DIAL tok\nCONTINUE\n", Malformed),
        ("rdv/1 DIAL tok extra\nCONTINUE\n", Malformed),
        ("rdv/1 DIAL\nCONTINUE\n", Malformed),
        ("rdv/1 DIAL %zz\nCONTINUE\n", Malformed),
        ("\nrdv/1 DIAL tok\nCONTINUE\n", Malformed),
        (&long, Malformed),
        ("rdv/1 DIAL tok\nOTHER 1.2.3.4:5\n", NotContinued),
        ("rdv/1 DIAL tok\nFOO\n", NotContinued),
        ("rdv/1 DIAL tok\ncontinue\n", NotContinued),
        ("rdv/1 DIAL to", TimedOut),
    ] {
        let short_lines = client("loopback4", |config| config.line_timeout = Duration::from_millis(300));
        // Lines that come are not to be taken for late on a busy machine.
        let client = if fault == TimedOut { short_lines } else { patient() };
        let mut scene = Scene::matched(&client, Role::Accept, By::Peer);
        let mut peer = scene.direct(Role::Accept, By::Peer);
        let peer_addr = peer.local_addr();
        peer.send(line);
        eprintln!("{:?}", &line[..line.len().min(60)]);
        peer.expect_closed();
        scene.attempt.expect_pending();
        scene.relay().send("CONTINUE\nhello via relay\n");
        let conn = scene.attempt.conn();
        assert!(conn.is_relay());
        let fate = conn.report().candidates.iter().find(|it| it.addr == peer_addr).map(|it| it.fate);
        assert_eq!(fate, Some(Fate::BadHello(fault)), "{:?}", conn.report().candidates);
        raw(conn).expect("hello via relay\n");
    }
}

#[test]
fn an_accepter_takes_the_relay_though_a_direct_connection_is_ready() {
    for by in BOTH {
        let mut scene = Scene::matched(&patient(), Role::Accept, by);
        let mut peer = scene.direct(Role::Accept, by);
        peer.send("rdv/1 DIAL tok\n");
        scene.relay().send("CONTINUE\nhello via relay\n");
        peer.expect_closed();
        let conn = scene.attempt.conn();
        assert!(conn.is_relay(), "{by:?}");
        let mut conn = raw(conn);
        conn.expect("hello via relay\n");
        conn.send("hello from accepter\n");
        scene.asked.conn.expect("hello from accepter\n");
    }
}

/// Whichever comes first wins; the rest is closed.
#[test]
fn an_accepter_takes_the_first_connection_with_continue() {
    for second_wins in [false, true] {
        let mut scene = Scene::matched(&patient(), Role::Accept, By::Client);
        let one = scene.direct(Role::Accept, By::Client);
        let two = scene.direct(Role::Accept, By::Peer);
        let (mut winner, mut loser) = if second_wins { (two, one) } else { (one, two) };
        loser.send("rdv/1 DIAL tok\n");
        winner.send("rdv/1 DIAL tok\nCONTINUE\nhello from fake\n");
        loser.expect_closed();
        scene.relay().expect_eof();
        let conn = scene.attempt.conn();
        assert_eq!(conn.peer_addr(), winner.local_addr());
        let mut conn = raw(conn);
        conn.expect("hello from fake\n");
        conn.send("hello from accepter\n");
        winner.expect("hello from accepter\n");
    }
}

#[test]
fn of_two_connections_with_continue_one_is_taken_and_one_closed() {
    let scene = Scene::matched(&patient(), Role::Accept, By::Client);
    let mut conns = [scene.direct(Role::Accept, By::Client), scene.direct(Role::Accept, By::Peer)];
    conns.iter().for_each(|conn| conn.send("rdv/1 DIAL tok\nCONTINUE\nhello from fake\n"));
    let conn = scene.attempt.conn();
    let chosen = conns.iter().position(|it| it.local_addr() == conn.peer_addr()).expect("one of the two");
    let mut conn = raw(conn);
    conn.expect("hello from fake\n");
    conn.send("hello from accepter\n");
    conns[chosen].expect("hello from accepter\n");
    conns[1 - chosen].expect_closed();
}

/// The relay's end usually comes before the CONTINUE of the direct connection, and is not fatal.
#[test]
fn an_accepter_waits_for_continue_after_the_relay_has_ended() {
    for by in BOTH {
        let mut scene = Scene::matched(&patient(), Role::Accept, by);
        let mut peer = scene.direct(Role::Accept, by);
        peer.send("rdv/1 DIAL tok\n");
        scene.relay().finish();
        scene.relay().expect_closed();
        peer.expect_silence();
        // More than the time for which an accepter that has nothing left would wait.
        std::thread::sleep(Duration::from_millis(150));
        scene.attempt.expect_pending();
        peer.send("CONTINUE\nhello");
        scene.attempt.raw().expect("hello");
    }
}

#[test]
fn an_accepter_whose_direct_connection_ends_too_gives_up() {
    let mut scene = Scene::matched(&patient(), Role::Accept, By::Peer);
    let peer = scene.direct(Role::Accept, By::Peer);
    peer.send("rdv/1 DIAL tok\n");
    scene.relay().finish();
    drop(peer);
    let error = scene.attempt.error();
    assert!(matches!(error.connect_error(), Some(ConnectError::PeerGone)), "{error:?}");
}
