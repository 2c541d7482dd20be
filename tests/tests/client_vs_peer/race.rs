//! Either role: who is dialled, and who is admitted.

use std::sync::Arc;
use std::time::Duration;

use rdv_core::{Fate, Origin, Role, WaitForP2p};
use rdv_tests::attempt::{Attempt, client, raw};
use rdv_tests::fake::Fake;
use rdv_tests::raw::RawConn;
use rdv_tests::refusing;

use crate::{BOTH, By, Scene, patient};

/// The reference leaves such a connection in its listen backlog until the 101.
#[test]
fn a_connection_may_come_before_the_101() {
    for role in [Role::Accept, Role::Dial] {
        let mut scene = Scene::begin(&patient(), role);
        let mut peer = RawConn::connect(scene.addr);
        match role {
            Role::Accept => peer.send("rdv/1 DIAL tok\nCONTINUE\nhello"),
            Role::Dial => peer.send("rdv/1 ACCEPT tok\nhello"),
        }
        peer.expect_silence();
        scene.attempt.expect_pending();
        scene.asked.switch(&[]);
        peer.expect(format!("rdv/1 {role} tok\n"));
        if role == Role::Dial {
            peer.expect("CONTINUE\n");
        }
        let conn = scene.attempt.conn();
        assert_eq!(conn.peer_addr(), peer.local_addr());
        raw(conn).expect("hello");
    }
}

/// As in the reference: the client listens on all addresses, but admits its own spaces only.
#[test]
fn connections_from_spaces_that_are_not_enabled_are_closed() {
    for spaces in ["none", "default", "loopback6"] {
        let client = client(spaces, |config| config.picker = Arc::new(WaitForP2p(Duration::from_secs(60))));
        let (server, peer) = (Fake::start(), Fake::start());
        let accepter = Attempt::start(&client, Role::Accept, &server.url(), "tok");
        let mut asked = server.asked();
        let addr = asked.conn.peer_addr();
        let mut early = RawConn::connect(addr);
        early.expect_closed();
        asked.switch(&[peer.addr()]);
        let mut inbound = RawConn::connect(addr);
        inbound.expect_closed();
        asked.conn.send("CONTINUE\n");
        let conn = accepter.conn();
        assert!(conn.is_relay(), "{spaces}");
        assert!(
            peer.accept_within(Duration::ZERO).is_none(),
            "{spaces}: the client has dialled {}",
            peer.addr()
        );
        let fate = conn.report().candidates.iter().find(|it| it.addr == peer.addr()).map(|it| it.fate);
        assert_eq!(fate, Some(Fate::NotEnabled), "{spaces}: {:?}", conn.report().candidates);
    }
}

/// Strangers who connect and say nothing, or nothing good, do not keep the peer out.
#[test]
fn strangers_do_not_block_the_race() {
    for by in BOTH {
        let scene = Scene::matched(&patient(), Role::Accept, by);
        let mut strangers: Vec<RawConn> = (0..12).map(|_| RawConn::connect(scene.addr)).collect();
        strangers.iter().step_by(2).for_each(|stranger| stranger.send("rdv/1 DIAL guess\nCONTINUE\n"));
        let peer = scene.direct(Role::Accept, by);
        peer.send("rdv/1 DIAL tok\nCONTINUE\nhello");
        let conn = scene.attempt.conn();
        assert_eq!(conn.peer_addr(), peer.local_addr(), "{by:?}");
        raw(conn).expect("hello");
        for stranger in &mut strangers {
            let (got, _) = stranger.read_to_end();
            assert!(got == b"rdv/1 ACCEPT tok\n" || got.is_empty(), "{:?}", String::from_utf8_lossy(&got));
        }
    }
}

/// A flood of strangers is bounded, and what the client dials itself gets through.
#[test]
fn a_flood_of_strangers_is_bounded() {
    let mut scene = Scene::begin(&patient(), Role::Dial);
    let flood: Vec<RawConn> = (0..60).map(|_| RawConn::connect(scene.addr)).collect();
    scene.asked.switch(&[scene.peer.addr()]);
    let mut peer = scene.direct(Role::Dial, By::Client);
    peer.send("rdv/1 ACCEPT tok\n");
    peer.expect("CONTINUE\n");
    let conn = scene.attempt.conn();
    assert_eq!(conn.peer_addr(), scene.peer.addr());
    let candidates = &conn.report().candidates;
    assert!(candidates.len() <= 64, "{} candidates", candidates.len());
    drop(flood);
}

/// A peer on the same machine or in the same home may offer what is ours: a port that dials itself is connected to
/// itself.
#[test]
fn a_client_does_not_dial_itself() {
    let mut scene = Scene::begin(&patient(), Role::Dial);
    let (own, peer) = (scene.addr, scene.peer.addr());
    scene.asked.switch(&[own, peer]);
    let mut conn = scene.direct(Role::Dial, By::Client);
    conn.send("rdv/1 ACCEPT tok\n");
    conn.expect("CONTINUE\n");
    let conn = scene.attempt.conn();
    let candidate = conn.report().candidates.iter().find(|it| it.addr == own).expect("it is listed");
    assert_eq!((candidate.fate, candidate.dials), (Fate::OwnAddr, 0));
}

/// The peer lists the server's own address: there is a connection with that four-tuple already.
#[test]
fn the_server_as_a_candidate_does_no_harm() {
    for role in [Role::Accept, Role::Dial] {
        let mut scene = Scene::begin(&patient(), role);
        let (server, peer) = (scene.asked.conn.local_addr(), scene.peer.addr());
        scene.asked.switch(&[server, peer]);
        let mut conn = scene.direct(role, By::Client);
        conn.send(format!("rdv/1 {} tok\n", role.other()));
        match role {
            Role::Accept => conn.send("CONTINUE\n"),
            Role::Dial => conn.expect("CONTINUE\n"),
        }
        assert_eq!(scene.attempt.conn().peer_addr(), peer);
    }
}

/// Neither the loss of the relay nor the failure of telling it OTHER is the end of a direct connection.
#[test]
fn a_lost_relay_does_not_disturb_a_direct_connection() {
    for by in BOTH {
        for role in [Role::Accept, Role::Dial] {
            let scene = Scene::matched(&patient(), role, by);
            let mut conn = scene.direct(role, by);
            scene.asked.conn.reset();
            conn.send(format!("rdv/1 {} tok\n", role.other()));
            match role {
                Role::Accept => conn.send("CONTINUE\n"),
                Role::Dial => conn.expect("CONTINUE\n"),
            }
            assert_eq!(scene.attempt.conn().peer_addr(), conn.local_addr(), "{role}, {by:?}");
        }
    }
}

/// A connection that breaks before it is chosen is dialled again.
#[test]
fn a_direct_connection_that_breaks_is_dialled_again() {
    for role in [Role::Accept, Role::Dial] {
        let scene = Scene::matched(&patient(), role, By::Client);
        for _ in 0..3 {
            scene.direct(role, By::Client).reset();
        }
        let mut conn = scene.direct(role, By::Client);
        conn.send(format!("rdv/1 {} tok\n", role.other()));
        match role {
            Role::Accept => conn.send("CONTINUE\n"),
            Role::Dial => conn.expect("CONTINUE\n"),
        }
        assert!(!scene.attempt.conn().is_relay(), "{role}");
    }
}

/// An address that refuses is dialled again until the race is over, from the same port.
#[test]
fn addresses_that_refuse_are_dialled_again() {
    let mut scene = Scene::begin(&patient(), Role::Dial);
    let (socket, addr) = refusing();
    scene.asked.switch(&[addr]);
    // Refused at first; then the peer opens up.
    std::thread::sleep(Duration::from_millis(30));
    drop(socket);
    let peer = Fake::on(&addr.to_string());
    let mut conn = peer.accept();
    assert_eq!(conn.peer_addr(), scene.addr, "dialled from the shared port");
    conn.expect("rdv/1 DIAL tok\n");
    conn.send("rdv/1 ACCEPT tok\n");
    conn.expect("CONTINUE\n");
    let conn = scene.attempt.conn();
    let candidate = conn.report().candidates.iter().find(|it| it.addr == addr).expect("it is listed");
    assert_eq!((candidate.origin, candidate.fate), (Origin::Listed, Fate::Chosen), "{candidate:?}");
    assert!(candidate.dials >= 2, "{candidate:?}");
}

/// Tokens whose lines are escaped otherwise than ours, and not at all.
#[test]
fn tokens_are_compared_when_decoded() {
    let token = "a/b c%41+å?#&=:@;,~!*()";
    let ours = "a%2Fb%20c%2541+%C3%A5%3F%23&=:@%3B%2C~%21%2A%28%29";
    for line in [
        ours.to_owned(),
        ours.to_lowercase(),
        "a/b%20c%2541+å?#&=:@;,~!*()".to_owned(),
        token.bytes().map(|byte| format!("%{byte:02X}")).collect(),
    ] {
        let server = Fake::start();
        let accepter = Attempt::start(&patient(), Role::Accept, &server.url(), token);
        let mut asked = server.asked();
        assert!(asked.head.starts_with(&format!("ACCEPT /{ours} HTTP/1.1\r\n")), "{:?}", asked.head);
        asked.switch(&[]);
        let mut peer = RawConn::connect(asked.conn.peer_addr());
        peer.expect(format!("rdv/1 ACCEPT {ours}\n"));
        eprintln!("{line}");
        peer.send(format!("rdv/1 DIAL {line}\nCONTINUE\nhello"));
        accepter.raw().expect("hello");
    }
}

/// The longest line: 4096 bytes with its LF.
#[test]
fn the_longest_token_fits_its_line() {
    let token = "t".repeat(4096 - "rdv/1 ACCEPT \n".len());
    let server = Fake::start();
    let accepter = Attempt::start(&patient(), Role::Accept, &server.url(), &token);
    let mut asked = server.asked();
    asked.switch(&[]);
    let mut peer = RawConn::connect(asked.conn.peer_addr());
    let line = peer.read_until("\n");
    assert_eq!(line.len(), 4096);
    peer.send(format!("rdv/1 DIAL {token}\nCONTINUE\nhello"));
    accepter.raw().expect("hello");
}
