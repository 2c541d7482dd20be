//! Timeouts of nothing and of forever. That a deadline lies ahead is for the bench's contract to see.

use super::*;

fn with(timeout: Duration) -> LobbyConfig {
    LobbyConfig {
        head_timeout: timeout,
        lobby_timeout: Some(timeout),
        idle_timeout: Some(timeout),
        ..LobbyConfig::default()
    }
}

#[test]
fn a_head_timeout_of_nothing_is_a_millisecond() {
    let mut lobby = Bench::open(with(Duration::ZERO));
    let client = lobby.client();
    assert_eq!((lobby.state(client), lobby.deadline), (State::Open, Some(lobby.now + millis(1))));
    lobby.wait(1);
    assert_eq!(lobby.left(), [Reason::Gone]);
}

#[test]
fn a_lobby_timeout_of_nothing_is_a_millisecond() {
    let mut lobby = Bench::open(with(Duration::ZERO));
    lobby.join(Role::Dial, "tok");
    assert_eq!((lobby.left(), lobby.deadline), (vec![], Some(lobby.now + millis(1))));
    lobby.wait(1);
    assert_eq!(lobby.left(), [Reason::Rejected(Reject::NoPeer)]);
}

#[test]
fn an_idle_timeout_of_nothing_is_a_millisecond() {
    let mut pair = Pair::spliced(with(Duration::ZERO));
    assert_eq!(pair.relay.deadline, Some(pair.relay.now + millis(1)));
    pair.relay.wait(1);
    assert_eq!(pair.finished().end, RelayEnd::Idle);
}

#[test]
fn timeouts_of_forever_are_no_overflow() {
    let mut pair = Pair::spliced(with(Duration::MAX));
    pair.relay.advance(secs(20 * 86_400));
    assert_eq!(pair.states(), [State::Open; 2]);
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}
