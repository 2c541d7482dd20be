//! A dialer: it picks, discards the rest, and says CONTINUE.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdv_core::{Role, WaitForP2p};
use rdv_tests::attempt::{client, raw};
use rdv_tests::raw::End;

use crate::{BOTH, By, Scene, patient};

/// The reference says CONTINUE within 10 ms of the line, and so does ours, as there is nothing to wait for.
#[test]
fn a_dialer_takes_the_first_direct_connection() {
    for by in BOTH {
        let mut scene = Scene::matched(&patient(), Role::Dial, by);
        let mut peer = scene.direct(Role::Dial, by);
        let peer_addr = peer.local_addr();
        peer.send("rdv/1 ACCEPT tok\n");
        peer.expect("CONTINUE\n");
        // By then, the server has been told and the relay closed.
        let told = scene.relay().read_now();
        assert_eq!(told, (format!("OTHER {peer_addr}\n").into_bytes(), Some(End::Eof)), "{by:?}");
        let conn = scene.attempt.conn();
        assert!(!conn.is_relay(), "{by:?}");
        assert_eq!(conn.peer_addr(), peer_addr, "{by:?}");
        let mut conn = raw(conn);
        conn.send("hello from dialer\n");
        peer.expect("hello from dialer\n");
        peer.send("hello from fake\n");
        conn.expect("hello from fake\n");
    }
}

#[test]
fn a_dialer_keeps_what_the_accepter_says_before_continue() {
    for by in BOTH {
        let scene = Scene::matched(&patient(), Role::Dial, by);
        let mut peer = scene.direct(Role::Dial, by);
        peer.send("rdv/1 ACCEPT tok\nearly line\n");
        peer.expect("CONTINUE\n");
        peer.send("late line\n");
        scene.attempt.raw().expect("early line\nlate line\n");
    }
}

/// OTHER on the relay, then the relay and the other connections are closed, then CONTINUE.
#[test]
fn a_dialer_discards_before_it_takes() {
    let mut scene = Scene::matched(&patient(), Role::Dial, By::Client);
    let mut one = scene.direct(Role::Dial, By::Client);
    let mut two = scene.direct(Role::Dial, By::Peer);
    one.send("rdv/1 ACCEPT tok\n");
    one.expect("CONTINUE\n");
    assert_eq!(two.read_now(), (Vec::new(), Some(End::Eof)), "the other connection");
    let other = format!("OTHER {}\n", one.local_addr()).into_bytes();
    assert_eq!(scene.relay().read_now(), (other, Some(End::Eof)), "the relay");
    // The reset of what the loser says too late does not disturb the winner.
    two.send("rdv/1 ACCEPT tok\n");
    let mut conn = scene.attempt.raw();
    one.send("still here");
    conn.expect("still here");
}

#[test]
fn a_dialer_falls_back_to_the_relay_when_the_picker_says_so() {
    let wait = Duration::from_millis(200);
    let client = client("loopback4", |config| config.picker = Arc::new(WaitForP2p(wait)));
    for by in BOTH {
        let mut scene = Scene::begin(&client, Role::Dial);
        let start = Instant::now();
        scene.asked.switch(&[scene.peer.addr()]);
        let mut silent = scene.direct(Role::Dial, by);
        scene.relay().expect("CONTINUE\n");
        assert!(start.elapsed() >= wait, "{by:?}: {:?}", start.elapsed());
        silent.expect_closed();
        let conn = scene.attempt.conn();
        assert!(conn.is_relay(), "{by:?}");
        let conn = raw(conn);
        conn.send("hello from dialer\n");
        scene.asked.conn.expect("hello from dialer\n");
    }
}

#[test]
fn a_dialer_falls_back_from_bad_lines() {
    let wait = Duration::from_millis(200);
    let client = client("loopback4", |config| config.picker = Arc::new(WaitForP2p(wait)));
    for line in ["rdv/1 ACCEPT nope\n", "rdv/1 DIAL tok\n", "HTTP/1.1 400 Bad Request\r\n\r\n", "\n"] {
        let mut scene = Scene::matched(&client, Role::Dial, By::Peer);
        let mut peer = scene.direct(Role::Dial, By::Peer);
        peer.send(line);
        eprintln!("{line:?}");
        peer.expect_closed();
        scene.relay().expect("CONTINUE\n");
        assert!(scene.attempt.conn().is_relay());
    }
}
