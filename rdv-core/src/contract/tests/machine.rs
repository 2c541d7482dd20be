//! Breaches of machines.

use super::*;

// On one connection.
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
    tls_on_top_of_a_read: "with something under way", {
        let (mut talk, conn) = Talk::with_read();
        talk.intent(Intent::Secure { conn, early: Bytes::new() });
    };
    tls_on_top_of_a_write: "with something under way", {
        let (mut talk, conn) = Talk::with_write();
        talk.intent(Intent::Secure { conn, early: Bytes::new() });
    };
    a_write_before_tls_stands: "Securing", {
        let (mut talk, conn) = Talk::with_conn();
        talk.intent(Intent::Secure { conn, early: Bytes::new() });
        talk.write(conn);
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

// What they leave to others, and how they end.
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

// When they speak, and how much.
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
        let mut talk = Talk::with_two_that_wait();
        talk.called();
        (0..=MOST_FOR_TWO).for_each(|_| talk.event(Meaning::News));
    };
    an_intent_on_what_had_failed_when_the_machine_waited: "but #1 is Failed", {
        let (mut talk, conn) = Talk::with_read();
        talk.fails(conn);
        talk.waits();
        talk.called();
        talk.read(conn);
    };
    too_many_connections: "5 connections are open", {
        let mut talk = Talk::new();
        talk.called();
        for _ in 0..5 {
            talk.connect();
        }
    };
}
