//! How many connections a race takes in.

use std::io::ErrorKind;

use super::*;
use crate::WaitConstant;

/// An attempt that does not pick while the test lasts.
fn racing(role: Role, peer_addrs: &str) -> Bench<Connector> {
    Bench::racing(role, peer_addrs, with_picker(WaitConstant(secs(3600))))
}

fn admits(bench: &mut Bench<Connector>, remote: &str) -> Option<ConnId> {
    let conn = bench.accept(remote);
    (bench.state(conn) == State::Open).then_some(conn)
}

fn greets(bench: &mut Bench<Connector>, role: Role, conn: ConnId) {
    bench.says(conn, format!("rdv/1 {} tok\n", role.other()));
}

/// A peer that knows the token is no stranger, but must not fill the memory either.
#[test]
fn a_peer_s_connections_are_limited_and_the_first_ones_stay() {
    for role in [Role::Accept, Role::Dial] {
        let mut bench = racing(role, "");
        let mut greeted = Vec::new();
        for port in 1..=300 {
            if let Some(conn) = admits(&mut bench, &format!("10.0.0.9:{port}")) {
                greets(&mut bench, role, conn);
                greeted.push(conn);
            }
        }
        assert_eq!(greeted.len(), 63, "{role}: with the relay that makes 64");
        for conn in greeted {
            assert_eq!(bench.state(conn), State::Open, "{role}: {conn:?} has made room for a newcomer");
        }
    }
}

#[test]
fn whoever_is_too_many_is_reported_as_refused() {
    let mut bench = racing(Role::Accept, "");
    // All of one port, as a NAT may have it: one candidate, so that the report has room for the last.
    for _ in 0..63 {
        let conn = admits(&mut bench, NEAR).expect("there is room");
        greets(&mut bench, Role::Accept, conn);
    }
    assert_eq!(admits(&mut bench, FAR), None);
    let relay = bench.relay();
    bench.says(relay, "CONTINUE\n");
    assert_eq!(fate_of(&bench.selected().report.candidates, FAR), Fate::Refused);
}

/// Ten addresses, each dialled from both sides, while strangers take all the room that they are given.
#[test]
fn an_honest_peer_has_room_in_a_crowd() {
    for role in [Role::Accept, Role::Dial] {
        let addrs: Vec<String> = (1..=10).map(|host| format!("10.0.1.{host}:4000")).collect();
        let mut bench = racing(role, &addrs.join(", "));
        for port in 1..=100 {
            admits(&mut bench, &format!("198.51.100.77:{port}"));
        }
        for remote in &addrs {
            if bench.dials(remote) > 0 {
                let dial = bench.dial(remote);
                bench.connects(dial);
                greets(&mut bench, role, dial);
            }
            let inbound = admits(&mut bench, &remote.replace("4000", "5000"));
            let inbound = inbound.unwrap_or_else(|| panic!("{role}: no room for the peer at {remote}"));
            greets(&mut bench, role, inbound);
        }
    }
}

/// A listener and the relay are two more.
#[test]
fn no_more_than_9_sockets_of_a_family_are_opened_at_a_time() {
    let addrs: Vec<String> = (1..=10).map(|host| format!("10.0.1.{host}:4000")).collect();
    let mut bench = racing(Role::Dial, &addrs.join(", "));
    let dialled = |bench: &Bench<Connector>| addrs.iter().filter(|addr| bench.dials(addr) > 0).count();
    assert_eq!(dialled(&bench), 7);
    bench.wait(60_000);
    assert_eq!(dialled(&bench), 7, "a SYN that is out is not given up");

    let first = bench.dial(&addrs[0]);
    bench.connects(first);
    bench.wait(100);
    assert_eq!(dialled(&bench), 7, "a connection has its socket too");
    // Once dials have failed, it is the turn of the others.
    for addr in &addrs[1..4] {
        bench.fails(bench.dial(addr), ErrorKind::Unsupported);
    }
    bench.wait(100);
    assert_eq!(dialled(&bench), 10);
}

#[test]
fn the_same_network_is_dialled_first() {
    let mut addrs: Vec<String> = (1..=9).map(|host| format!("198.51.100.{host}:4000")).collect();
    addrs.push(NEAR.to_owned());
    let bench = racing(Role::Dial, &addrs.join(", "));
    assert_eq!(bench.dials(NEAR), 1, "ours is 10.0.0.5");
    assert_eq!(bench.dials(&addrs[8]), 0);
}
