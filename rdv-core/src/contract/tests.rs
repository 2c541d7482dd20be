//! Each breach is caught, and what is allowed is not.

use std::io::ErrorKind;
use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::io::{Outbox, Target};
use crate::tests::bench::beginning;

/// What a machine of no particular kind says of itself.
impl Watched for Meaning {
    const CONNS_MAX: usize = 4;

    fn meaning(&self) -> Meaning {
        *self
    }
}

/// A conversation, made up as it goes along.
struct Talk {
    contract: Contract,
    ids: Outbox<()>,
    now: Instant,
}

impl Talk {
    fn new() -> Self {
        let now = beginning();
        let mut talk = Self { contract: Contract::new(now), ids: Outbox::new(), now };
        talk.waits();
        talk
    }

    /// With a connection that came in.
    fn with_conn() -> (Self, ConnId) {
        let mut talk = Self::new();
        let conn = talk.accepts();
        (talk, conn)
    }

    fn with_read() -> (Self, ConnId) {
        let (mut talk, conn) = Self::with_conn();
        talk.read(conn);
        (talk, conn)
    }

    fn with_write() -> (Self, ConnId) {
        let (mut talk, conn) = Self::with_conn();
        talk.write(conn);
        (talk, conn)
    }

    fn accepts(&mut self) -> ConnId {
        let conn = self.ids.issue();
        self.contract.accepted(conn);
        conn
    }

    fn connect(&mut self) -> ConnId {
        let conn = self.ids.issue();
        self.intent(Intent::Connect { conn, remote: "192.0.2.1:1".parse().unwrap(), to: Target::Peer });
        conn
    }

    fn read(&mut self, conn: ConnId) {
        self.intent(Intent::Read { conn, max: NonZeroUsize::new(3).unwrap() });
    }

    fn write(&mut self, conn: ConnId) {
        self.intent(Intent::Write { conn, data: Bytes::from_static(b"data") });
    }

    fn intent(&mut self, intent: Intent) {
        self.contract.output(&Output::<Meaning>::Intent(intent));
    }

    fn event(&mut self, meaning: Meaning) {
        self.contract.output(&Output::Event(meaning));
    }

    fn waits(&mut self) {
        self.waits_until(None);
    }

    fn waits_until(&mut self, deadline: Option<Instant>) {
        self.contract.output(&Output::<Meaning>::Wait(deadline));
    }

    fn input(&mut self, input: Input<'_>) {
        self.contract.input(self.now, &input);
    }

    fn fails(&mut self, conn: ConnId) {
        self.input(Input::Failed(conn, ErrorKind::ConnectionReset));
    }

    fn called(&mut self) {
        self.contract.called(self.now);
    }

    fn in_a_second(&self) -> Option<Instant> {
        Some(self.now + Duration::from_secs(1))
    }

    fn ended() -> Self {
        let mut talk = Self::new();
        talk.called();
        talk.event(Meaning::Ended);
        talk.waits();
        talk
    }
}

/// Each case is one breach: what is said, and what the message has in it.
macro_rules! breaches {
    ($($name:ident: $message:literal, $talk:expr;)*) => {$(
        #[test]
        #[should_panic(expected = $message)]
        fn $name() {
            $talk
        }
    )*};
}

// Of machines: on one connection.
breaches! {
    a_read_on_top_of_a_read: "on top of a read", {
        let (mut talk, conn) = Talk::with_read();
        talk.read(conn);
    };
    a_write_on_top_of_a_write: "on top of a write", {
        let (mut talk, conn) = Talk::with_write();
        talk.write(conn);
    };
    a_write_of_nothing: "of nothing", {
        let (mut talk, conn) = Talk::with_conn();
        talk.intent(Intent::Write { conn, data: Bytes::new() });
    };
    a_write_behind_a_fin: "behind a FIN", {
        let (mut talk, conn) = Talk::with_conn();
        talk.intent(Intent::Shutdown { conn });
        talk.write(conn);
    };
    a_fin_that_cuts_a_write: "cuts a write", {
        let (mut talk, conn) = Talk::with_write();
        talk.intent(Intent::Shutdown { conn });
    };
    a_second_fin: "for the second time", {
        let (mut talk, conn) = Talk::with_conn();
        talk.intent(Intent::Shutdown { conn });
        talk.intent(Intent::Shutdown { conn });
    };
    a_check_without_a_read: "without a read", {
        let (mut talk, conn) = Talk::with_conn();
        talk.intent(Intent::Check { conn });
    };
    a_stop_on_top_of_a_check: "on top of another", {
        let (mut talk, conn) = Talk::with_read();
        talk.intent(Intent::Check { conn });
        talk.intent(Intent::StopRead { conn });
    };
    a_read_before_the_connection_stands: "Dialing", {
        let (mut talk, _) = Talk::with_conn();
        let conn = talk.connect();
        talk.read(conn);
    };
    an_intent_on_an_unknown_connection: "is unknown", {
        let (mut talk, _) = Talk::with_conn();
        let conn = talk.ids.issue();
        talk.read(conn);
    };
    an_intent_on_a_closed_connection: "is Closed", {
        let (mut talk, conn) = Talk::with_conn();
        talk.intent(Intent::Close { conn });
        talk.read(conn);
    };
    a_second_close: "is Closed", {
        let (mut talk, conn) = Talk::with_conn();
        talk.intent(Intent::Close { conn });
        talk.intent(Intent::Reset { conn });
    };
    an_intent_on_a_failed_connection: "is Failed", {
        let (mut talk, conn) = Talk::with_read();
        talk.waits();
        talk.fails(conn);
        talk.write(conn);
    };
    a_second_close_of_a_failed_connection: "is Closed", {
        let (mut talk, conn) = Talk::with_read();
        talk.fails(conn);
        talk.intent(Intent::Close { conn });
        talk.intent(Intent::Close { conn });
    };
    an_intent_on_a_connection_that_was_handed_over: "is Given", {
        let (mut talk, conn) = Talk::with_conn();
        let other = talk.accepts();
        talk.event(Meaning::HandedOver([conn, other]));
        talk.read(conn);
    };
    a_write_while_the_driver_copies: "Spliced", {
        let (mut talk, conn) = Talk::with_conn();
        let other = talk.accepts();
        talk.event(Meaning::Spliced([conn, other]));
        talk.write(conn);
    };
    a_used_id: "is not a new one", {
        let (mut talk, conn) = Talk::with_conn();
        talk.intent(Intent::Close { conn });
        talk.contract.accepted(conn);
    };
    an_id_below_an_older_one: "is not a new one", {
        let mut talk = Talk::new();
        let skipped = talk.ids.issue();
        talk.accepts();
        talk.waits();
        talk.contract.accepted(skipped);
    };
}

// Of machines: what they leave to others, and how they end.
breaches! {
    a_read_under_way_on_what_is_selected: "something under way", {
        let (mut talk, conn) = Talk::with_read();
        talk.event(Meaning::Selected(conn));
    };
    a_write_under_way_on_what_is_copied: "something under way", {
        let (mut talk, conn) = Talk::with_write();
        let other = talk.accepts();
        talk.event(Meaning::Spliced([other, conn]));
    };
    a_dial_is_selected: "Dialing", {
        let (mut talk, _) = Talk::with_conn();
        let conn = talk.connect();
        talk.event(Meaning::Selected(conn));
    };
    a_failed_connection_is_handed_over: "no open connection: Some(Failed", {
        let (mut talk, conn) = Talk::with_read();
        let other = talk.accepts();
        talk.fails(conn);
        talk.event(Meaning::HandedOver([conn, other]));
    };
    a_write_under_way_on_what_is_handed_over: "writing: true", {
        let (mut talk, conn) = Talk::with_write();
        let other = talk.accepts();
        talk.event(Meaning::HandedOver([conn, other]));
    };
    a_check_under_way_on_what_is_handed_over: "check: Some(Check)", {
        let (mut talk, conn) = Talk::with_read();
        let other = talk.accepts();
        talk.intent(Intent::Check { conn });
        talk.event(Meaning::HandedOver([conn, other]));
    };
    a_connection_left_open_at_the_end: "left open at the end", {
        let (mut talk, _) = Talk::with_conn();
        talk.waits();
        talk.called();
        talk.event(Meaning::Ended);
    };
    a_late_connection_left_open: "left open at the end", {
        let mut talk = Talk::ended();
        talk.accepts();
        talk.waits();
    };
    a_late_connection_that_is_used: "after the end", {
        let mut talk = Talk::ended();
        let conn = talk.accepts();
        talk.read(conn);
    };
    a_dial_after_the_end: "after the end", {
        let mut talk = Talk::ended();
        talk.called();
        talk.connect();
    };
    a_second_end: "after the end", {
        let mut talk = Talk::ended();
        talk.called();
        talk.event(Meaning::Ended);
    };
    a_deadline_after_the_end: "a deadline after the end", {
        let mut talk = Talk::ended();
        talk.called();
        talk.waits_until(talk.in_a_second());
    };
}

// Of machines: when they speak, and how much.
breaches! {
    an_output_behind_a_wait: "was told nothing", {
        let mut talk = Talk::new();
        talk.event(Meaning::News);
    };
    a_deadline_that_changes_by_itself: "changed by itself", {
        let mut talk = Talk::new();
        talk.waits_until(talk.in_a_second());
    };
    an_output_at_a_time_when_nothing_is_due: "was told nothing", {
        let mut talk = Talk::new();
        talk.contract.timeout(talk.now);
        talk.event(Meaning::News);
    };
    an_output_for_an_answer_on_a_closed_connection: "was told nothing", {
        let (mut talk, conn) = Talk::with_read();
        talk.intent(Intent::Close { conn });
        talk.waits();
        talk.input(Input::Read(conn, b"x"));
        talk.event(Meaning::News);
    };
    a_deadline_that_has_passed: "the deadline has passed", {
        let mut talk = Talk::new();
        talk.contract.timeout(talk.now);
        talk.waits_until(Some(talk.now));
    };
    outputs_without_end: "without end", {
        let mut talk = Talk::new();
        talk.called();
        for _ in 0..1000 {
            talk.event(Meaning::News);
        }
    };
    too_many_connections: "5 connections are open", {
        let mut talk = Talk::new();
        talk.called();
        for _ in 0..5 {
            talk.connect();
        }
    };
}

// Of drivers.
breaches! {
    time_that_goes_backwards: "time goes backwards", {
        let mut talk = Talk::new();
        talk.contract.timeout(talk.now + Duration::from_secs(1));
        talk.called();
    };
    a_dial_that_succeeds_twice: "is not being dialled", {
        let mut talk = Talk::new();
        talk.called();
        let conn = talk.connect();
        talk.input(Input::Connected(conn));
        talk.input(Input::Connected(conn));
    };
    a_read_that_nobody_asked_for: "no read is under way", {
        let (mut talk, conn) = Talk::with_conn();
        talk.input(Input::Read(conn, b"x"));
    };
    a_byte_too_many: "4 bytes of #1, but only 3", {
        let (mut talk, conn) = Talk::with_read();
        talk.input(Input::Read(conn, b"four"));
    };
    a_write_that_nobody_asked_for: "no write is under way", {
        let (mut talk, conn) = Talk::with_read();
        talk.input(Input::Wrote(conn));
    };
    quiet_without_a_check: "nothing of the kind was asked", {
        let (mut talk, conn) = Talk::with_read();
        talk.input(Input::Quiet(conn));
    };
    a_second_answer_to_a_check: "it was answered", {
        let (mut talk, conn) = Talk::with_read();
        talk.intent(Intent::Check { conn });
        talk.input(Input::Read(conn, b"x"));
        talk.input(Input::Quiet(conn));
    };
    bytes_of_a_read_that_was_stopped: "no read is under way", {
        let (mut talk, conn) = Talk::with_read();
        talk.intent(Intent::StopRead { conn });
        talk.input(Input::Quiet(conn));
        talk.input(Input::Read(conn, b"x"));
    };
    a_failure_of_nothing: "nothing was under way", {
        let (mut talk, conn) = Talk::with_conn();
        talk.fails(conn);
    };
    an_answer_behind_a_failure: "has failed already", {
        let (mut talk, conn) = Talk::with_read();
        talk.fails(conn);
        talk.input(Input::Read(conn, b"x"));
    };
    an_answer_on_what_was_given_away: "not this machine's any more", {
        let (mut talk, conn) = Talk::with_conn();
        talk.event(Meaning::Selected(conn));
        talk.input(Input::Read(conn, b"x"));
    };
    an_answer_on_an_unknown_connection: "is unknown", {
        let mut talk = Talk::new();
        let conn = talk.ids.issue();
        talk.input(Input::Wrote(conn));
    };
    a_connection_that_is_adopted_twice: "adopted twice", {
        let (mut talk, conn) = Talk::with_conn();
        talk.contract.adopt(conn, false);
    };
}

#[test]
fn a_conversation_without_fault() {
    let (mut talk, accepted) = Talk::with_read();
    let dialled = talk.connect();
    talk.waits_until(talk.in_a_second());
    talk.waits_until(talk.in_a_second());
    talk.input(Input::Connected(dialled));
    talk.write(dialled);
    talk.intent(Intent::Check { conn: accepted });
    talk.waits();
    talk.input(Input::Quiet(accepted));
    talk.intent(Intent::StopRead { conn: accepted });
    talk.input(Input::Wrote(dialled));
    talk.input(Input::Read(accepted, b"xyz"));
    assert_eq!(talk.contract.open().collect::<Vec<_>>(), [accepted, dialled]);
    talk.intent(Intent::Close { conn: accepted });
    talk.event(Meaning::Selected(dialled));
    talk.waits();
    assert!(talk.contract.has_ended() && talk.contract.open().next().is_none());
    talk.input(Input::Read(accepted, b"too late"));
    talk.waits();
}

/// A driver may feed several answers before it drains, so intents can be older than what was fed since.
#[test]
fn intents_and_answers_may_cross() {
    let (mut talk, conn) = Talk::with_read();
    let other = talk.accepts();
    talk.read(other);
    talk.waits();
    talk.called();
    talk.input(Input::Read(conn, b"x"));
    talk.fails(other);
    talk.intent(Intent::Check { conn });
    talk.intent(Intent::Check { conn: other });
    talk.intent(Intent::Close { conn: other });
    talk.waits();
}

/// An answer to a connection that was closed does not make the machine forget its deadline.
#[test]
fn what_is_due_may_follow_a_late_answer() {
    let (mut talk, conn) = Talk::with_read();
    talk.intent(Intent::Close { conn });
    talk.waits_until(talk.in_a_second());
    talk.input(Input::Read(conn, b"x"));
    talk.contract.timeout(talk.now + Duration::from_secs(1));
    talk.event(Meaning::News);
    talk.waits();
}

#[test]
fn a_read_goes_from_machine_to_machine() {
    let (mut lobby, one) = Talk::with_read();
    let two = lobby.accepts();
    lobby.event(Meaning::HandedOver([one, two]));
    lobby.waits();
    let mut relay = Talk::new();
    for conn in [one, two] {
        relay.contract.adopt(conn, lobby.contract.is_reading(conn));
    }
    relay.read(two);
    relay.input(Input::Read(one, b"x"));
    relay.input(Input::Read(two, b"xyz"));
    relay.event(Meaning::Spliced([one, two]));
    relay.intent(Intent::Reset { conn: one });
    relay.intent(Intent::Close { conn: two });
    relay.event(Meaning::Ended);
    relay.waits();
}

#[test]
fn a_connection_that_comes_after_the_end_is_closed() {
    let mut talk = Talk::ended();
    let conn = talk.accepts();
    talk.intent(Intent::Close { conn });
    talk.waits();
}

/// It came before the end, but the machine has not been drained since.
#[test]
fn a_connection_that_comes_at_the_end_is_closed_behind_it() {
    let mut talk = Talk::new();
    talk.called();
    let conn = talk.accepts();
    talk.event(Meaning::Ended);
    talk.intent(Intent::Close { conn });
    talk.waits();
}
