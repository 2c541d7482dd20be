//! What is told of a pair between the check and the event that hands it over.

use std::io::ErrorKind;

use super::*;
use crate::contract::Contract;
use crate::io::Intent;

/// A driver that feeds whatever it likes before it drains.
struct Eager {
    lobby: Lobby,
    contract: Contract,
    now: Instant,
}

/// What came of a drain.
#[derive(Default)]
struct Drained {
    reads: Vec<ConnId>,
    checks: Vec<ConnId>,
    pairs: Vec<Matched>,
    left: Vec<Reason>,
}

impl Eager {
    fn new() -> Self {
        let now = beginning();
        Self { lobby: Lobby::new(LobbyConfig::default()), contract: Contract::new(now), now }
    }

    /// A client that has asked, with the lobby not drained since.
    fn asks(&mut self, role: Role) -> ConnId {
        self.asks_for(role, "tok")
    }

    fn asks_for(&mut self, role: Role, token: &str) -> ConnId {
        let conn = self.lobby.handle_accept(self.now, addr("203.0.113.7:40000"));
        self.contract.accepted(conn);
        let head = request(role, token);
        let mut rest = head.as_bytes();
        while !rest.is_empty() {
            let max = self.read_max(conn).min(rest.len());
            self.feed(Input::Read(conn, &rest[..max]));
            rest = &rest[max..];
        }
        conn
    }

    /// How many bytes the read under way may bring.
    fn read_max(&mut self, conn: ConnId) -> usize {
        loop {
            match self.poll() {
                Output::Intent(Intent::Read { conn: read, max }) if read == conn => return max.get(),
                Output::Intent(_) => {}
                Output::Event(event) => panic!("an event while a head is read: {event:?}"),
                Output::Wait(_) => panic!("{conn:?} is not read from"),
            }
        }
    }

    fn feed(&mut self, input: Input<'_>) {
        self.contract.input(self.now, &input);
        self.lobby.handle_input(self.now, input);
    }

    fn poll(&mut self) -> Output<LobbyEvent> {
        let output = self.lobby.poll_output();
        self.contract.output(&output);
        output
    }

    fn drain(&mut self) -> Drained {
        let mut drained = Drained::default();
        loop {
            match self.poll() {
                Output::Intent(Intent::Read { conn, .. }) => drained.reads.push(conn),
                Output::Intent(Intent::Check { conn }) => drained.checks.push(conn),
                Output::Intent(_) => {}
                Output::Event(LobbyEvent::Matched(matched)) => drained.pairs.push(*matched),
                Output::Event(LobbyEvent::Left { reason, .. }) => drained.left.push(reason),
                Output::Wait(_) => return drained,
            }
        }
    }

    /// One client that waits, and one that has come for it, with the check under way.
    fn checking() -> (Self, ConnId, ConnId) {
        let mut driver = Self::new();
        let waiting = driver.asks(Role::Accept);
        driver.drain();
        let arriving = driver.asks(Role::Dial);
        assert_eq!(driver.drain().checks, [waiting]);
        (driver, waiting, arriving)
    }
}

type End = fn(ConnId) -> Input<'static>;

/// The lobby must not forget a client whose end it is about to be told: nobody else would hear of it.
#[test]
fn the_end_of_a_client_that_was_just_found_alive_is_not_lost() {
    let ends: [(End, Reason); 3] = [
        (|conn| Input::Read(conn, b""), Reason::Rejected(Reject::NotIdle)),
        (|conn| Input::Read(conn, b"x"), Reason::Rejected(Reject::NotIdle)),
        (|conn| Input::Failed(conn, ErrorKind::ConnectionReset), Reason::Gone),
    ];
    for (end, reason) in ends {
        let (mut driver, waiting, arriving) = Eager::checking();
        driver.feed(Input::Quiet(waiting));
        driver.feed(end(waiting));
        let drained = driver.drain();
        assert!(drained.pairs.is_empty(), "paired with a corpse");
        assert_eq!(drained.left, [reason]);
        assert_eq!(drained.reads, [arriving], "the one that came waits now");

        let next = driver.asks(Role::Accept);
        assert_eq!(driver.drain().checks, [arriving]);
        driver.feed(Input::Quiet(arriving));
        let pairs = driver.drain().pairs;
        assert_eq!(pairs.iter().map(|it| (it.dialer, it.accepter)).collect::<Vec<_>>(), [(arriving, next)]);
    }
}

#[test]
fn a_pair_is_not_made_before_the_one_ahead_of_it_is_handed_over() {
    let mut driver = Eager::new();
    let [first, second] = ["a", "b"].map(|token| {
        let waiting = driver.asks_for(Role::Accept, token);
        driver.drain();
        driver.asks_for(Role::Dial, token);
        driver.drain();
        waiting
    });
    driver.feed(Input::Quiet(first));
    driver.feed(Input::Quiet(second));
    let polled = driver.poll();
    let Output::Event(LobbyEvent::Matched(matched)) = polled else { panic!("no pair, but {polled:?}") };
    assert_eq!(matched.accepter, first);
    driver.feed(Input::Failed(second, ErrorKind::ConnectionReset));
    let drained = driver.drain();
    assert!(drained.pairs.is_empty(), "paired with a corpse");
    assert_eq!(drained.left, [Reason::Gone]);
}

#[test]
fn a_client_is_told_to_leave_in_spite_of_its_check() {
    let (mut driver, waiting, _) = Eager::checking();
    driver.feed(Input::Quiet(waiting));
    driver.contract.called(driver.now);
    driver.lobby.close(driver.now);
    let drained = driver.drain();
    assert!(drained.pairs.is_empty(), "paired while shutting down");
    assert_eq!(drained.left, vec![Reason::Rejected(Reject::ShuttingDown); 2]);
}

#[test]
fn the_relay_counts_from_the_check() {
    let (mut driver, waiting, arriving) = Eager::checking();
    let confirmed = driver.now;
    driver.feed(Input::Quiet(waiting));
    driver.now += secs(5);
    let mut pairs = driver.drain().pairs;
    let Some(Matched { mut relay, dialer, accepter }) = pairs.pop() else { panic!("no pair was made") };
    assert_eq!((dialer, accepter), (arriving, waiting));
    let idle_timeout = LobbyConfig::default().idle_timeout.unwrap();
    let deadline = std::iter::repeat_with(|| relay.poll_output()).find_map(|output| match output {
        Output::Wait(deadline) => Some(deadline),
        Output::Intent(_) | Output::Event(_) => None,
    });
    assert_eq!(deadline, Some(Some(confirmed + idle_timeout)));
}
