//! What is allowed.

use super::*;

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
fn a_machine_with_two_connections_has_much_to_say() {
    let mut talk = Talk::with_two_that_wait();
    talk.called();
    (0..MOST_FOR_TWO).for_each(|_| talk.event(Meaning::News));
    talk.waits();
}

#[test]
fn whether_a_machine_has_ended_is_known() {
    assert!(!Talk::new().contract.has_ended());
    assert!(Talk::ended().contract.has_ended());
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
