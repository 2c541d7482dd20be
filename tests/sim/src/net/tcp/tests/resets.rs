use super::*;

#[test]
fn nobody_listens() {
    let (mut a, mut b) = hosts();
    let at_a = a.dial(&b);
    carry(&mut a, &mut b);
    assert_eq!(a.noticed(), [Notice::Failed(at_a, REFUSED)]);
    assert_eq!(a.read(at_a), Read::Failed(REFUSED));
    a.close(at_a);
    assert!(a.is_at_rest() && b.is_at_rest(), "left: {:?}, {:?}", a.states(), b.states());
}

#[test]
fn a_segment_for_nobody() {
    let (a, mut b) = hosts();
    b.receive(segment(a.addr, b.addr, SYN, 100, 0));
    let rst = b.sent_one();
    assert_eq!((show(&rst).as_str(), tcp(&rst).seq, tcp(&rst).ack), ("RST ACK", 0, 101));
    b.receive(segment(a.addr, b.addr, ACK, 100, 300));
    let rst = b.sent_one();
    assert_eq!((show(&rst).as_str(), tcp(&rst).seq), ("RST", 300));
    b.listen();
    b.receive(segment(a.addr, b.addr, SYN_ACK, 100, 300));
    let rst = b.sent_one();
    assert_eq!((show(&rst).as_str(), tcp(&rst).seq), ("RST", 300), "a listener wants SYNs alone");
    b.receive(segment(a.addr, b.addr, RST, 100, 0));
    assert_eq!(b.sent(), [], "an RST is never answered");
}

#[test]
fn in_syn_sent_an_rst_must_acknowledge_the_syn() {
    let (mut a, b) = hosts();
    let at_a = a.dial(&b);
    let isn = tcp(&a.sent_one()).seq;
    let rst_ack = Flags { ack: true, ..RST };
    a.receive(segment(b.addr, a.addr, RST, 0, 0));
    a.receive(segment(b.addr, a.addr, rst_ack, 0, isn));
    a.receive(segment(b.addr, a.addr, rst_ack, 0, isn.wrapping_add(2)));
    assert_eq!((a.noticed(), a.sent()), (vec![], vec![]));
    a.receive(segment(b.addr, a.addr, rst_ack, 0, isn.wrapping_add(1)));
    assert_eq!(a.noticed(), [Notice::Failed(at_a, REFUSED)]);
}

#[test]
fn in_syn_sent_a_syn_ack_for_another_syn_is_reset() {
    let (mut a, b) = hosts();
    a.dial(&b);
    let isn = tcp(&a.sent_one()).seq;
    a.receive(segment(b.addr, a.addr, SYN_ACK, 500, isn));
    let rst = a.sent_one();
    assert_eq!((show(&rst).as_str(), tcp(&rst).seq), ("RST", isn));
    assert_eq!(a.states(), ["SYN_SENT"]);
    a.receive(segment(b.addr, a.addr, ACK, 500, isn.wrapping_add(1)));
    assert_eq!((a.sent(), a.states()), (vec![], vec!["SYN_SENT"]), "an ACK without SYN is no answer");
}

#[test]
fn an_rst_to_a_syn_ack() {
    let (mut a, mut b) = hosts();
    b.listen();
    let at_a = a.dial(&b);
    b.receive(a.sent_one());
    a.close(at_a);
    carry(&mut a, &mut b);
    assert!(b.is_at_rest() && b.noticed().is_empty(), "a listener's is forgotten, not {:?}", b.states());

    let (mut a, b) = hosts();
    let at_a = a.dial(&b);
    let isn = tcp(&a.sent_one()).seq;
    a.receive(segment(b.addr, a.addr, SYN, 100, 0));
    assert_eq!(show(&a.sent_one()), "SYN ACK");
    a.receive(segment(b.addr, a.addr, Flags { ack: true, ..RST }, 0, isn.wrapping_add(1)));
    assert_eq!(a.noticed(), [], "that RST was for the SYN, and too late");
    a.receive(segment(b.addr, a.addr, RST, 101, 0));
    assert_eq!(a.noticed(), [Notice::Failed(at_a, REFUSED)]);
}

#[test]
fn in_syn_received_a_wrong_ack_is_reset() {
    let (mut a, mut b) = hosts();
    b.listen();
    b.receive(segment(a.addr, b.addr, SYN, 100, 0));
    let isn = tcp(&b.sent_one()).seq;
    b.receive(segment(a.addr, b.addr, ACK, 101, isn));
    let rst = b.sent_one();
    assert_eq!((show(&rst).as_str(), tcp(&rst).seq), ("RST", isn));
    assert_eq!((b.noticed(), b.states()), (vec![], vec!["SYN_RECEIVED"]));
    a.receive(rst);
    assert_eq!(a.sent(), []);
}

#[test]
fn an_established_connection_is_reset_by_the_expected_number_alone() {
    let (mut a, mut b, at_a, _) = connected();
    a.abort(at_a);
    let rst = a.sent_one();
    let with_seq = |ahead: u32| {
        let mut packet = rst.clone();
        tcp_mut(&mut packet).seq = tcp(&rst).seq.wrapping_add(ahead);
        packet
    };
    b.receive(with_seq(u32::MAX));
    b.receive(with_seq(1 << 20));
    assert_eq!((b.noticed(), b.sent()), (vec![], vec![]), "outside the window it is dropped");
    b.receive(with_seq(10));
    assert_eq!(shown(&b.sent()), ["ACK"], "within the window it is challenged");
    b.receive(with_seq(10));
    assert_eq!(b.sent(), [], "challenges are limited");
    assert_eq!(b.noticed(), []);
}

#[test]
fn a_challenge_finds_out_that_the_other_side_is_gone() {
    let (mut a, mut b, at_a, at_b) = connected();
    a.write(at_a, b"lost");
    a.sent();
    a.abort(at_a);
    carry(&mut a, &mut b);
    assert_eq!(b.noticed(), [Notice::Failed(at_b, RESET)]);
}

#[test]
fn a_reset_leaves_what_can_be_read() {
    for (discards, first) in [(false, data(b"unread")), (true, Read::Failed(RESET))] {
        let (mut a, mut b, at_a, at_b) = connected();
        b.stack.discard_on_reset(discards);
        a.write(at_a, b"unread");
        carry(&mut a, &mut b);
        a.abort(at_a);
        carry(&mut a, &mut b);
        assert_eq!(b.noticed().last(), Some(&Notice::Failed(at_b, RESET)));
        assert!(b.stack.peek_readable(at_b));
        assert_eq!(b.read(at_b), first, "discards: {discards}");
        assert_eq!(b.read(at_b), Read::Failed(RESET));
        b.close(at_b);
        assert!(a.is_at_rest() && b.is_at_rest(), "left: {:?}, {:?}", a.states(), b.states());
    }
}

#[test]
fn a_reset_after_the_end() {
    for (discards, read) in [(false, Read::Eof), (true, Read::Failed(RESET))] {
        let (mut a, mut b, at_a, at_b) = connected();
        b.stack.discard_on_reset(discards);
        a.shutdown(at_a);
        carry(&mut a, &mut b);
        a.abort(at_a);
        carry(&mut a, &mut b);
        assert_eq!(b.noticed(), [Notice::Readable(at_b), Notice::Failed(at_b, RESET)]);
        assert_eq!(b.read(at_b), read, "discards: {discards}");
    }
}

#[test]
fn a_reset_frees_the_four_tuple_before_the_close() {
    let (mut a, mut b, at_a, at_b) = connected();
    b.abort(at_b);
    carry(&mut a, &mut b);
    assert_eq!(a.noticed(), [Notice::Failed(at_a, RESET)]);
    let again = a.dial(&b);
    carry(&mut a, &mut b);
    assert_eq!(a.noticed(), [Notice::Connected(again)]);
    a.close(at_a);
    assert_eq!(a.states(), ["ESTABLISHED"], "closing the old socket does nothing to the new one");
    a.write(again, b"x");
    carry(&mut a, &mut b);
    assert_eq!(a.stack.unacked(again), 0);
}

#[test]
fn a_syn_on_an_established_connection_is_challenged() {
    // A host has restarted, and dials from the same port.
    let (a, mut b, _, at_b) = connected();
    let mut reborn = Host::new("10.0.0.1:1000", 77);
    let again = reborn.dial(&b);
    b.receive(reborn.sent_one());
    let challenge = b.sent_one();
    assert_eq!(show(&challenge), "ACK");
    reborn.receive(challenge);
    b.receive(reborn.sent_one());
    assert_eq!(b.noticed(), [Notice::Failed(at_b, RESET)]);
    reborn.sleep(SECOND);
    carry(&mut reborn, &mut b);
    assert_eq!(reborn.noticed(), [Notice::Connected(again)]);
    assert!(matches!(b.noticed()[..], [Notice::Accepted { remote, .. }] if remote == a.addr));
}

#[test]
fn a_syn_within_the_window_does_no_harm() {
    let (mut a, mut b, at_a, at_b) = connected();
    a.write(at_a, b"x");
    let genuine = a.sent_one();
    for flags in [SYN, SYN_ACK] {
        let mut syn = genuine.clone();
        tcp_mut(&mut syn).flags = flags;
        b.receive(syn);
        assert_eq!(shown(&b.sent()), ["ACK"]);
        assert_eq!((b.read(at_b), b.states()), (Read::Nothing, vec!["ESTABLISHED"]));
    }
}

#[test]
fn no_notices_about_closed_sockets() {
    let (mut a, mut b, at_a, at_b) = connected();
    a.write(at_a, b"x");
    a.sent().into_iter().for_each(|packet| b.receive(packet));
    b.close(at_b);
    assert_eq!(b.noticed(), [], "Readable was due when it was closed");
}
