//! The last answer: it is to arrive, whatever the client is still saying.

use std::io::ErrorKind;

use super::*;

/// A client that has been refused, with its answer written.
fn refused() -> (Bench<Lobby>, ConnId) {
    let mut lobby = Bench::open(LobbyConfig::default());
    let client = lobby.client();
    lobby.log();
    lobby.says(client, "GET /x HTTP/1.1\r\nHost: h\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n");
    (lobby, client)
}

#[test]
fn a_fin_follows_the_answer_and_what_still_comes_is_dropped() {
    let (mut lobby, client) = refused();
    assert_eq!(
        lobby.log(),
        [format!("write {client:?} HTTP/1.1 426 Upgrade Required"), format!("shut {client:?}")]
    );
    lobby.says(client, [b'x'; 100_000]);
    assert!(lobby.wire(client).incoming.is_empty(), "unread bytes would turn the close into an RST");
    lobby.wait(500);
    assert_eq!(lobby.state(client), State::Open);
    lobby.fins(client);
    assert_eq!(lobby.log(), [format!("close {client:?}")]);
    assert!(lobby.machine.is_empty());
}

#[test]
fn a_client_that_does_not_leave_is_closed_after_a_second() {
    let (mut lobby, client) = refused();
    lobby.wait(999);
    lobby.says(client, "still here");
    assert_eq!(lobby.state(client), State::Open);
    lobby.wait(1);
    assert_eq!(lobby.state(client), State::Closed);
}

#[test]
fn an_answer_that_cannot_be_written_is_given_up_after_a_second() {
    let mut lobby = Bench::open(LobbyConfig::default());
    let client = lobby.client();
    lobby.holds(client);
    lobby.says(client, "GET /x HTTP/1.1\r\nHost: h\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n");
    lobby.wait(999);
    assert_eq!(lobby.state(client), State::Open);
    lobby.wait(1);
    assert_eq!(lobby.state(client), State::Closed);

    let client = lobby.client();
    lobby.holds(client);
    lobby.says(client, "GET /x HTTP/1.1\r\nHost: h\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n");
    lobby.fails(client, ErrorKind::BrokenPipe);
    assert!(lobby.machine.is_empty());
}

#[test]
fn a_client_that_never_stops_talking_is_closed() {
    let (mut lobby, client) = refused();
    lobby.says(client, vec![b'x'; 1_000_000]);
    assert_eq!(lobby.state(client), State::Closed);
    assert!(lobby.wire(client).incoming.len() >= 1_000_000 - 300_000, "it was read for too long");
}

#[test]
fn a_client_that_is_refused_while_it_waits_hears_why() {
    let mut lobby = Bench::open(LobbyConfig::default());
    let client = lobby.join(Role::Dial, "tok");
    lobby.wait(600_000);
    assert_eq!(lobby.answer(client), "no-peer");
    assert_eq!(lobby.state(client), State::Open);
    lobby.says(client, "late");
    lobby.fins(client);
    assert_eq!(lobby.state(client), State::Closed);
}

/// A client that has ended its own stream can hear all the same.
#[test]
fn a_fin_does_not_cut_an_answer_that_is_being_written() {
    let mut lobby = Bench::open(LobbyConfig::default());
    let client = lobby.join(Role::Dial, "tok");
    lobby.holds(client);
    lobby.wait(600_000);
    lobby.fins(client);
    assert_eq!(lobby.state(client), State::Open, "its answer is still being written");
    lobby.releases(client);
    assert_eq!(lobby.state(client), State::Closed);
}
