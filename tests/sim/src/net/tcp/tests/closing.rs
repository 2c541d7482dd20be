use super::super::socket::{FIN_WAIT_2, TIME_WAIT};
use super::*;

/// Delivers all packets, and says which they were: `>` from the first host, `<` from the second.
fn watch(a: &mut Host, b: &mut Host) -> Vec<String> {
    let mut seen = Vec::new();
    loop {
        let before = seen.len();
        for packet in a.sent() {
            seen.push(format!("> {}", show(&packet)));
            b.receive(packet);
        }
        for packet in b.sent() {
            seen.push(format!("< {}", show(&packet)));
            a.receive(packet);
        }
        if seen.len() == before {
            return seen;
        }
    }
}

#[track_caller]
fn assert_states(a: &Host, b: &Host, states: [&[&str]; 2]) {
    assert_eq!([a.states(), b.states()], states);
}

#[test]
fn one_side_closes_and_then_the_other() {
    let (mut a, mut b, at_a, at_b) = connected();
    a.close(at_a);
    assert_eq!(watch(&mut a, &mut b), ["> FIN ACK", "< ACK"]);
    assert_states(&a, &b, [&["FIN_WAIT_2"], &["CLOSE_WAIT"]]);
    assert_eq!(b.noticed(), [Notice::Readable(at_b)]);
    assert_eq!(b.read(at_b), Read::Eof);
    b.close(at_b);
    assert_eq!(watch(&mut a, &mut b), ["< FIN ACK", "> ACK"]);
    assert_states(&a, &b, [&["TIME_WAIT"], &[]]);
    assert_eq!(a.stack.connect(a.now, a.addr, b.addr), Err(io::ErrorKind::AddrNotAvailable));
    a.sleep(TIME_WAIT - MS);
    assert_states(&a, &b, [&["TIME_WAIT"], &[]]);
    a.sleep(MS);
    assert!(a.is_at_rest() && b.is_at_rest());
    assert_eq!((a.sent(), b.sent()), (vec![], vec![]), "nothing is sent at the end");
}

#[test]
fn half_close() {
    let (mut a, mut b, at_a, at_b) = connected();
    a.write(at_a, b"question");
    a.shutdown(at_a);
    carry(&mut a, &mut b);
    assert_eq!((b.read(at_b), b.read(at_b)), (data(b"question"), Read::Eof));
    // The other direction lives on, for as long as it likes.
    idle(&mut a, &mut b, 1000 * SECOND);
    b.write(at_b, b"answer");
    carry(&mut a, &mut b);
    assert_eq!((a.read(at_a), a.read(at_a)), (data(b"answer"), Read::Nothing));
    b.shutdown(at_b);
    carry(&mut a, &mut b);
    assert_eq!(a.read(at_a), Read::Eof);
    assert_states(&a, &b, [&["TIME_WAIT"], &["CLOSED"]]);
    assert_eq!((a.stack.open().len(), b.stack.open().len()), (1, 1), "they are still the applications'");
    a.close(at_a);
    b.close(at_b);
    assert_eq!((a.stack.lingering().len(), b.stack.lingering().len()), (1, 0));
    a.sleep(TIME_WAIT);
    assert!(a.is_at_rest() && b.is_at_rest());
}

#[test]
fn time_wait_ends_before_the_application_closes() {
    let (mut a, mut b, at_a, at_b) = connected();
    a.shutdown(at_a);
    carry(&mut a, &mut b);
    b.write(at_b, b"last words");
    b.close(at_b);
    carry(&mut a, &mut b);
    a.sleep(TIME_WAIT);
    assert_states(&a, &b, [&["CLOSED"], &[]]);
    assert_eq!((a.read(at_a), a.read(at_a)), (data(b"last words"), Read::Eof));
    a.close(at_a);
    assert!(a.is_at_rest());
}

#[test]
fn simultaneous_close() {
    let (mut a, mut b, at_a, at_b) = connected();
    a.close(at_a);
    b.close(at_b);
    let (from_a, from_b) = (a.sent_one(), b.sent_one());
    a.receive(from_b);
    b.receive(from_a);
    assert_states(&a, &b, [&["CLOSING"], &["CLOSING"]]);
    assert_eq!(watch(&mut a, &mut b), ["> ACK", "< ACK"]);
    assert_states(&a, &b, [&["TIME_WAIT"], &["TIME_WAIT"]]);
    sleep(&mut a, &mut b, TIME_WAIT);
    assert!(a.is_at_rest() && b.is_at_rest());
}

#[test]
fn a_fin_is_sent_again() {
    let (mut a, mut b, at_a, at_b) = connected();
    a.shutdown(at_a);
    assert_eq!(show(&a.sent_one()), "FIN ACK");
    assert_eq!(a.sent_in(200 * MS), [(200 * MS, String::from("FIN ACK"))]);
    a.shutdown(at_a);
    assert_eq!(a.sent(), [], "a second shutdown does nothing");
    a.sleep(400 * MS);
    carry(&mut a, &mut b);
    assert_eq!(b.read(at_b), Read::Eof);
    assert_states(&a, &b, [&["FIN_WAIT_2"], &["CLOSE_WAIT"]]);
}

#[test]
fn time_wait_answers_a_repeated_fin_and_begins_anew() {
    let (mut a, mut b, at_a, at_b) = connected();
    a.close(at_a);
    carry(&mut a, &mut b);
    b.close(at_b);
    a.receive(b.sent_one());
    assert_eq!(show(&a.sent_one()), "ACK", "which is lost");
    sleep(&mut a, &mut b, 200 * MS);
    assert_eq!(watch(&mut a, &mut b), ["< FIN ACK", "> ACK"]);
    assert_states(&a, &b, [&["TIME_WAIT"], &[]]);
    a.sleep(TIME_WAIT - MS);
    assert_states(&a, &b, [&["TIME_WAIT"], &[]]);
    a.sleep(MS);
    assert!(a.is_at_rest());
}

/// Host `a` is in TIME_WAIT, and expects the sequence number that comes with it.
fn in_time_wait() -> (Host, Host, u32) {
    let (mut a, mut b, at_a, at_b) = connected();
    a.close(at_a);
    carry(&mut a, &mut b);
    b.close(at_b);
    a.receive(b.sent_one());
    let expected = tcp(&a.sent_one()).ack;
    assert_eq!(a.states(), ["TIME_WAIT"]);
    (a, b, expected)
}

#[test]
fn time_wait_and_what_comes_late() {
    let (mut a, b, expected) = in_time_wait();
    a.receive(segment(b.addr, a.addr, ACK, expected, 0));
    assert_eq!(a.sent(), [], "an ACK is not answered by an ACK");
    a.receive(segment(b.addr, a.addr, RST, expected.wrapping_sub(1), 0));
    assert_eq!(a.states(), ["TIME_WAIT"], "that RST is an old one");
    a.receive(segment(b.addr, a.addr, SYN, expected.wrapping_add(1), 0));
    assert_eq!(
        (shown(&a.sent()), a.states()),
        (vec![String::from("ACK")], vec!["TIME_WAIT"]),
        "nobody listens"
    );
    a.receive(segment(b.addr, a.addr, RST, expected, 0));
    assert!(a.is_at_rest(), "an RST ends it");
}

#[test]
fn time_wait_is_reopened_by_a_newer_syn() {
    for (ahead, reply) in [(1, "SYN ACK"), (u32::MAX, "ACK")] {
        let (mut a, b, expected) = in_time_wait();
        a.listen();
        a.receive(segment(b.addr, a.addr, SYN, expected.wrapping_add(ahead), 0));
        assert_eq!(shown(&a.sent()), [reply]);
        let state = if ahead == 1 { "SYN_RECEIVED" } else { "TIME_WAIT" };
        assert_eq!(a.states(), [state]);
    }
}

#[test]
fn closing_with_unread_bytes_resets() {
    let (mut a, mut b, at_a, at_b) = connected();
    a.write(at_a, b"unread");
    carry(&mut a, &mut b);
    b.write(at_b, b"x");
    b.close(at_b);
    assert_eq!(shown(&b.sent()).last().map(String::as_str), Some("RST ACK"));
    assert!(b.is_at_rest());
}

#[test]
fn closing_with_an_unread_end_does_not_reset() {
    let (mut a, mut b, at_a, at_b) = connected();
    a.shutdown(at_a);
    carry(&mut a, &mut b);
    b.close(at_b);
    assert_eq!(watch(&mut a, &mut b), ["< FIN ACK", "> ACK"]);
}

#[test]
fn what_is_written_before_the_close_arrives() {
    let (mut a, mut b, at_a, at_b) = connected();
    a.write(at_a, b"farewell");
    a.close(at_a);
    a.sent();
    sleep(&mut a, &mut b, SECOND);
    carry(&mut a, &mut b);
    sleep(&mut a, &mut b, SECOND);
    carry(&mut a, &mut b);
    assert_eq!((b.read(at_b), b.read(at_b)), (data(b"farewell"), Read::Eof));
}

#[test]
fn data_for_a_closed_socket_is_reset() {
    let (mut a, mut b, at_a, at_b) = connected();
    a.close(at_a);
    carry(&mut a, &mut b);
    b.write(at_b, b"too late");
    let seen = watch(&mut a, &mut b);
    assert_eq!(seen.last().map(String::as_str), Some("> RST"), "{seen:?}");
    assert_eq!(b.noticed(), [Notice::Readable(at_b), Notice::Failed(at_b, RESET)]);
    b.close(at_b);
    assert!(a.is_at_rest() && b.is_at_rest(), "left: {:?}, {:?}", a.states(), b.states());
}

#[test]
fn a_closed_socket_does_not_wait_for_ever() {
    for closes_late in [false, true] {
        let (mut a, mut b, at_a, _) = connected();
        a.shutdown(at_a);
        if !closes_late {
            a.close(at_a);
        }
        carry(&mut a, &mut b);
        if closes_late {
            idle(&mut a, &mut b, 10 * FIN_WAIT_2);
            a.close(at_a);
        }
        a.sleep(FIN_WAIT_2 - MS);
        assert_eq!(a.states(), ["FIN_WAIT_2"]);
        a.sleep(MS);
        assert!(a.is_at_rest(), "left: {:?}", a.states());
        assert_eq!(a.sent(), []);
    }
}

#[test]
fn a_peer_that_has_vanished() {
    let (mut a, _, at_a, _) = connected();
    a.write(at_a, b"x");
    a.drain();
    a.sleep(103 * SECOND);
    assert_eq!(a.noticed(), [Notice::Failed(at_a, TIMED_OUT)]);
    a.close(at_a);
    assert!(a.is_at_rest());

    let (mut a, mut b, at_a, at_b) = connected();
    a.close(at_a);
    a.sent().into_iter().for_each(|packet| b.receive(packet));
    b.close(at_b);
    sleep(&mut a, &mut b, 103 * SECOND);
    assert!(a.is_at_rest() && b.is_at_rest(), "left: {:?}, {:?}", a.states(), b.states());
    assert_eq!((a.noticed(), b.noticed()), (vec![], vec![]), "nobody is there to be told");
}

#[test]
fn closing_while_it_opens() {
    let (mut a, mut b) = hosts();
    b.listen();
    let at_a = a.dial(&b);
    let syn = a.sent_one();
    a.close(at_a);
    assert_eq!(a.sent(), [], "a SYN_SENT is closed without a word");
    assert!(a.is_at_rest());
    b.receive(syn);
    assert_eq!(watch(&mut a, &mut b), ["< SYN ACK", "> RST"]);
    assert!(b.is_at_rest());

    let (mut a, mut b) = hosts();
    let (at_a, at_b) = (a.dial(&b), b.dial(&a));
    a.receive(b.sent_one());
    assert_eq!(a.states(), ["SYN_RECEIVED"]);
    a.close(at_a);
    carry(&mut a, &mut b);
    assert_eq!(b.noticed(), [Notice::Connected(at_b), Notice::Readable(at_b)]);
    assert_eq!((b.read(at_b), a.noticed()), (Read::Eof, vec![]));
    b.close(at_b);
    carry(&mut a, &mut b);
    assert_states(&a, &b, [&["TIME_WAIT"], &[]]);
}

#[test]
fn aborting() {
    let (mut a, mut b, at_a, at_b) = connected();
    a.abort(at_a);
    a.abort(at_a);
    assert_eq!(watch(&mut a, &mut b), ["> RST ACK"]);
    assert_eq!(b.noticed(), [Notice::Failed(at_b, RESET)]);
    assert!(a.is_at_rest());

    let (mut a, b) = hosts();
    let at_a = a.dial(&b);
    a.sent();
    a.abort(at_a);
    assert_eq!(a.sent(), [], "nobody is known to be there");
    assert!(a.is_at_rest());
}

#[test]
fn aborting_when_all_is_said_does_not_reset() {
    let (mut a, mut b, at_a, at_b) = connected();
    a.shutdown(at_a);
    carry(&mut a, &mut b);
    b.shutdown(at_b);
    a.receive(b.sent_one());
    a.abort(at_a);
    b.abort(at_b);
    assert_eq!((shown(&a.sent()), b.sent()), (vec![String::from("ACK")], vec![]));
    assert_states(&a, &b, [&["TIME_WAIT"], &[]]);
}
