//! What comes on the relay, behind the 101.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rdv_core::{ConnectError, Role, WaitConstant};
use rdv_tests::attempt::{Attempt, client};
use rdv_tests::fake::Fake;

use crate::{SWITCH, relay_only};

/// The 101, CONTINUE and the first data of the relay in one segment, and with every cut in two.
#[test]
fn not_a_byte_behind_the_101_is_lost() {
    let answer = format!("{SWITCH}CONTINUE\nhello from fake\n");
    for cut in 0..answer.len() {
        let server = Fake::start();
        let accepter = Attempt::start(&relay_only(), Role::Accept, &server.url(), "tok");
        let mut asked = server.asked();
        asked.conn.send(&answer[..cut]);
        if cut % 8 == 1 {
            // Now and then the first part is read on its own for certain.
            thread::sleep(Duration::from_millis(2));
        }
        asked.conn.send(&answer[cut..]);
        let mut conn = accepter.raw();
        conn.expect("hello from fake\n");
        conn.send("hello from accepter\n");
        asked.conn.expect("hello from accepter\n");
        conn.finish();
        asked.conn.expect_eof();
        asked.conn.finish();
        conn.expect_eof();
    }
}

/// A relay that ends, or on which anything but CONTINUE comes, is no connection for an accepter. The reference waits
/// for others without end; ours gives up when there is nothing left to wait for.
#[test]
fn an_accepter_without_any_connection_left_gives_up() {
    for behind in ["", "FOO bar\n", "OTHER 1.2.3.4:5\n", "continue\n", "CONTIN", "\n", &"x".repeat(5000)] {
        let server = Fake::start();
        let start = Instant::now();
        let accepter = Attempt::start(&relay_only(), Role::Accept, &server.url(), "tok");
        let mut asked = server.asked();
        asked.conn.send(format!("{SWITCH}{behind}"));
        asked.conn.finish();
        let error = accepter.error();
        assert!(matches!(error.connect_error(), Some(ConnectError::PeerGone)), "{behind:?}: {error:?}");
        assert!(start.elapsed() >= Duration::from_millis(100), "{behind:?}: {:?}", start.elapsed());
        asked.conn.expect_closed();
    }
}

#[test]
fn words_behind_continue_do_no_harm() {
    for command in ["CONTINUE x\r\n", "CONTINUE\r\n", " CONTINUE\n", "CONTINUE \n", "CONTINUE\tx y\n"] {
        let server = Fake::start();
        let accepter = Attempt::start(&relay_only(), Role::Accept, &server.url(), "tok");
        let mut asked = server.asked();
        asked.conn.send(format!("{SWITCH}{command}hello from fake\n"));
        let mut conn = accepter.raw();
        conn.expect("hello from fake\n");
        conn.send("hello");
        asked.conn.expect("hello");
    }
}

/// As in the reference: the dialer cannot know, and its first read tells.
#[test]
fn a_dialer_whose_relay_has_ended_reads_the_end() {
    let server = Fake::start();
    let dialer = Attempt::start(&relay_only(), Role::Dial, &server.url(), "tok");
    let mut asked = server.asked();
    asked.conn.send(SWITCH);
    asked.conn.finish();
    dialer.raw().expect_eof();
    asked.conn.expect("CONTINUE\n");
}

#[test]
fn a_dialer_whose_relay_was_reset_says_so() {
    let server = Fake::start();
    let wait = WaitConstant(Duration::from_millis(50));
    let dialer = client("none", |config| config.picker = Arc::new(wait));
    let attempt = Attempt::start(&dialer, Role::Dial, &server.url(), "tok");
    let asked = server.asked();
    asked.conn.send(SWITCH);
    asked.conn.reset();
    let error = attempt.error();
    let Some(ConnectError::ChosenLost(_) | ConnectError::ServerLost(_)) = error.connect_error() else {
        panic!("{error:?}")
    };
}
