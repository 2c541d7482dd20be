//! Timeouts of nothing and of forever. That a deadline lies ahead is for the bench's contract to see.

use std::io::ErrorKind;

use super::*;
use crate::HelloFault;

fn with(timeout: Duration) -> Config {
    Config {
        connect_timeout: timeout,
        line_timeout: timeout,
        command_timeout: timeout,
        orphan_timeout: timeout,
        ..with_picker(PickFirst)
    }
}

#[test]
fn a_connect_timeout_of_nothing_is_a_millisecond() {
    let mut bench = Bench::begin(&attempt(Role::Dial), with(Duration::ZERO));
    assert_eq!((bench.events.len(), bench.deadline), (0, Some(bench.now + millis(1))));
    bench.wait(1);
    let error = bench.error();
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error:?}");
}

#[test]
fn line_and_orphan_timeouts_of_nothing_are_a_millisecond() {
    let mut bench = Bench::racing(Role::Accept, NEAR, with(Duration::ZERO));
    let near = bench.dial(NEAR);
    bench.connects(near);
    assert_eq!((bench.state(near), bench.deadline), (State::Open, Some(bench.now + millis(1))));
    bench.wait(1);
    assert_eq!(bench.state(near), State::Closed);

    bench.fails(bench.relay(), ErrorKind::ConnectionReset);
    assert_eq!((bench.events.len(), bench.deadline), (0, Some(bench.now + millis(1))));
    bench.wait(1);
    let failure = bench.failure();
    assert!(matches!(failure.error, ConnectError::PeerGone), "{:?}", failure.error);
    assert_eq!(fate_of(&failure.report.candidates, NEAR), Fate::BadHello(HelloFault::TimedOut));
}

#[test]
fn a_command_timeout_of_nothing_is_a_millisecond() {
    // A server that is too slow to be told of a direct connection, and a peer that is, too.
    let config = Config { picker: Arc::new(crate::WaitForP2p::default()), ..with(Duration::MAX) };
    let mut bench = Bench::racing(Role::Dial, NEAR, Config { command_timeout: Duration::ZERO, ..config });
    let near = bench.dial(NEAR);
    bench.connects(near);
    bench.holds(bench.relay());
    bench.says(near, "rdv/1 ACCEPT tok\n");
    bench.holds(near);
    assert_eq!((bench.events.len(), bench.deadline), (0, Some(bench.now + millis(1))));
    bench.wait(1);
    assert_eq!((bench.events.len(), bench.deadline), (0, Some(bench.now + millis(1))));
    bench.wait(1);
    let error = bench.error();
    assert!(matches!(error, ConnectError::ChosenLost(ErrorKind::TimedOut)), "{error:?}");
}

#[test]
fn no_time_at_all_is_over_at_once() {
    let mut bench = Bench::begin(&attempt(Role::Dial), within(Duration::ZERO));
    let error = bench.error();
    assert!(matches!(error, ConnectError::TimedOut(_)), "{error:?}");
}

#[test]
fn timeouts_of_forever_are_no_overflow() {
    let config = Config { timeout: Some(Duration::MAX), ..with(Duration::MAX) };
    let mut bench = Bench::racing(Role::Accept, NEAR, config);
    let near = bench.dial(NEAR);
    bench.connects(near);
    bench.fails(bench.relay(), ErrorKind::ConnectionReset);
    bench.advance(secs(20 * 365 * 86_400));
    bench.says(near, "rdv/1 DIAL tok\nCONTINUE\n");
    assert_eq!(bench.selected().conn, near);
}
