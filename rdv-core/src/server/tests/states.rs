//! What a server logs of its clients and pairs.

use super::*;
use crate::tests::journal::changes;

#[test]
fn the_course_of_a_pair_is_logged() {
    let mut pair = None;
    let to_the_match = changes(|| pair = Some(Pair::of(Role::Accept, LobbyConfig::default())));
    let client = ["lobby: [*] -> Asking", "lobby: Asking -> Seated"];
    let matched = ["lobby: Seated -> [*]", "lobby: Seated -> [*]", "relay: [*] -> Commanded"];
    assert_eq!(to_the_match, [&client[..], &client, &matched].concat());
    let mut pair = pair.unwrap();
    let to_the_end = changes(|| {
        pair.relay.says(pair.dialer, "CONTINUE\n");
        pair.relay.machine.close(pair.relay.now);
    });
    assert_eq!(
        to_the_end,
        [
            "relay: Commanded -> Continuing",
            "relay: Continuing -> Telling",
            "relay: Telling -> Stopping",
            "relay: Stopping -> Spliced",
            "relay: Spliced -> [*]",
        ]
    );
}

#[test]
fn a_client_that_is_refused_is_logged() {
    let mut lobby = Bench::open(LobbyConfig::default());
    let client = lobby.client();
    let course = changes(|| {
        lobby.says(client, "GET /x HTTP/1.1\r\nHost: h\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n");
        lobby.fins(client);
    });
    assert_eq!(course, ["lobby: Asking -> Leaving", "lobby: Leaving -> [*]"]);
}

#[test]
fn a_pair_that_is_kept_apart_is_logged() {
    let mut lobby = Bench::open(LobbyConfig::default());
    lobby.join(Role::Dial, "tok");
    lobby.join(Role::Accept, "tok");
    let course = changes(|| {
        let mut pair = lobby.matched_and(|relay, now| {
            relay.reject(now, &Reject::NoPeer);
        });
        pair.relay.wait(1_000);
    });
    assert_eq!(course, ["relay: Commanded -> Rejected", "relay: Rejected -> [*]"]);
}
