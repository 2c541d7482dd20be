//! What an application shows its user.

use std::io::ErrorKind;

use super::*;
use crate::HelloFault;
use crate::wire::BadAnswer;

#[test]
fn every_error_says_what_went_wrong() {
    let one = vec![(addr(SERVER), ErrorKind::ConnectionRefused)];
    let two = vec![(addr(SERVER), ErrorKind::ConnectionRefused), (addr("[::1]:80"), ErrorKind::TimedOut)];
    let rows = [
        (
            ConnectError::Unreachable { tried: one },
            "cannot reach the server: 192.0.2.1:80 connection refused",
        ),
        (
            ConnectError::Unreachable { tried: two },
            "cannot reach the server: 192.0.2.1:80 connection refused, [::1]:80 timed out",
        ),
        (
            ConnectError::ServerLost(ErrorKind::ConnectionReset),
            "lost the connection to the server: connection reset",
        ),
        (ConnectError::NoAnswer, "the server closed the connection without an answer"),
        (
            ConnectError::BadAnswer(BadAnswer::NoUpgrade),
            "this is no rdv/1 server: the 101 lacks an Upgrade header",
        ),
        (ConnectError::PeerGone, "the relay ended and no direct connection came: is the peer gone?"),
        (ConnectError::ChosenLost(ErrorKind::BrokenPipe), "the chosen connection broke: broken pipe"),
    ];
    for (error, words) in rows {
        assert_eq!(error.to_string(), words, "{error:?}");
    }
}

#[test]
fn a_failure_is_shown_as_its_error() {
    let mut bench = Bench::begin(&attempt(Role::Dial), within(secs(1)));
    bench.wait(1_000);
    assert_eq!(bench.failure().to_string(), "timed out while connecting to the server");
}

#[test]
fn every_fate_has_words_of_its_own() {
    let rows = [
        (Fate::NotEnabled, "address space not enabled"),
        (Fate::OwnAddr, "our own address"),
        (Fate::Dialing, "still dialling"),
        (Fate::Failed(ErrorKind::AddrNotAvailable), "the peer's own connection came first, or no route"),
        (Fate::Failed(ErrorKind::HostUnreachable), "host unreachable"),
        (Fate::Greeting, "connected, no line from the peer yet"),
        (Fate::BadHello(HelloFault::Malformed), "not an rdv/1 line"),
        (Fate::BadHello(HelloFault::WrongRole), "line of a peer with our own role"),
        (Fate::BadHello(HelloFault::WrongToken), "line with another token"),
        (Fate::BadHello(HelloFault::TimedOut), "no line in time"),
        (Fate::BadHello(HelloFault::Eof), "closed by the other side"),
        (Fate::BadHello(HelloFault::NotContinued), "discarded by the dialer"),
        (Fate::Refused, "too many unlisted connections"),
        (Fate::Ready, "ready"),
        (Fate::Discarded, "ready, another one was chosen"),
        (Fate::Chosen, "chosen"),
    ];
    for (fate, words) in rows {
        assert_eq!(fate.to_string(), words, "{fate:?}");
    }
    assert_eq!([Route::Direct, Route::Relay].map(|route| route.to_string()), ["direct", "relay"]);
}
