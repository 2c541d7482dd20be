//! Breaches of drivers.

use super::*;

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
    tls_that_stands_twice: "is not being dialled", {
        let (mut talk, conn) = Talk::with_conn();
        talk.intent(Intent::Secure { conn, early: Bytes::new() });
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
