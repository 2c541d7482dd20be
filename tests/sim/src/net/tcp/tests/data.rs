use fastrand::Rng;

use super::super::recv::Receiver;
use super::super::send::Sender;
use super::super::timing::KEEPALIVE_TIME;
use super::*;

const TEXT: &[u8] = b"abcdefghijklmnopqrstuvwxyz";

/// A segment of `TEXT` for the second host, which expects `first` as the next byte.
fn part(first: &Packet, from: usize, to: usize) -> Packet {
    let mut packet = first.clone();
    let segment = tcp_mut(&mut packet);
    segment.seq = segment.seq.wrapping_add(from as u32);
    segment.data = Bytes::from_static(&TEXT[from..to]);
    packet
}

/// A connection, and an empty segment of the first host's.
fn with_template() -> (Host, Host, SocketId, Packet) {
    let (mut a, b, at_a, at_b) = connected();
    a.write(at_a, b"?");
    let mut template = a.sent_one();
    tcp_mut(&mut template).data = Bytes::new();
    (a, b, at_b, template)
}

#[test]
fn bytes_arrive_and_are_acknowledged() {
    let (mut a, mut b, at_a, at_b) = connected();
    a.write(at_a, b"hello");
    assert_eq!(a.stack.unacked(at_a), 5);
    let segment = a.sent_one();
    b.receive(segment);
    assert!(b.stack.peek_readable(at_b));
    assert_eq!(b.noticed(), [Notice::Readable(at_b)]);
    a.receive(b.sent_one());
    assert_eq!((a.stack.unacked(at_a), a.stack.deadline()), (0, Some(KEEPALIVE_TIME)));
    assert_eq!(b.stack.read(b.now, at_b, 2), data(b"he"));
    assert_eq!(b.stack.read(b.now, at_b, 2), data(b"ll"));
    assert_eq!((b.read(at_b), b.read(at_b)), (data(b"o"), Read::Nothing));
    assert!(!b.stack.peek_readable(at_b));
}

#[test]
fn any_order_overlap_and_repetition() {
    let table: &[&[(usize, usize)]] = &[
        &[(0, 9), (9, 26)],
        &[(9, 26), (0, 9)],
        &[(0, 9), (0, 9), (9, 26), (3, 7)],
        &[(5, 26), (0, 12)],
        &[(20, 26), (10, 20), (5, 15), (0, 5)],
        &[(10, 12), (10, 26), (8, 24), (0, 9)],
        &[(10, 26), (10, 12), (0, 10)],
        &[(1, 2), (3, 4), (5, 26), (0, 1), (2, 3), (4, 5)],
        &[(12, 26), (0, 6), (3, 14)],
    ];
    for parts in table {
        for fin_with_last in [true, false] {
            let (_, mut b, at_b, template) = with_template();
            let mut fin = part(&template, TEXT.len(), TEXT.len());
            tcp_mut(&mut fin).flags.fin = true;
            if !fin_with_last {
                b.receive(fin.clone());
            }
            for &(from, to) in *parts {
                let mut packet = part(&template, from, to);
                tcp_mut(&mut packet).flags.fin = fin_with_last && to == TEXT.len();
                b.receive(packet);
                assert_eq!(show(b.sent().last().expect("an answer")), "ACK");
            }
            assert_eq!(b.read(at_b), data(TEXT), "{parts:?}");
            assert_eq!(b.read(at_b), Read::Eof, "{parts:?}");
        }
    }
}

#[test]
fn a_gap_is_not_read_over() {
    let (_, mut b, at_b, template) = with_template();
    b.receive(part(&template, 1, 9));
    assert_eq!((b.noticed(), b.read(at_b)), (vec![], Read::Nothing));
    assert_eq!(tcp(&b.sent_one()).ack, tcp(&template).seq, "the ACK is for what comes before the gap");
}

#[test]
fn what_is_kept_ahead_of_a_gap_has_a_bound() {
    let (_, mut b, at_b, template) = with_template();
    let big = Bytes::from(vec![b'x'; 1400]);
    for at in 1..3000 {
        let mut packet = template.clone();
        tcp_mut(&mut packet).seq = tcp(&template).seq.wrapping_add(at);
        tcp_mut(&mut packet).data = big.clone();
        b.receive(packet);
    }
    b.receive(part(&template, 0, 1));
    let Read::Data(bytes) = b.read(at_b) else { panic!("the gap is closed") };
    assert!(bytes.len() < 3000, "{} bytes were kept", bytes.len());
}

#[test]
fn a_segment_that_acknowledges_what_was_never_sent_is_dropped() {
    let (_, mut b, at_b, template) = with_template();
    let mut packet = part(&template, 0, 9);
    tcp_mut(&mut packet).ack = tcp(&template).ack.wrapping_add(1);
    b.receive(packet);
    assert_eq!(shown(&b.sent()), ["ACK"]);
    assert_eq!(b.read(at_b), Read::Nothing);
}

#[test]
fn writes_are_cut_and_joined() {
    let (mut alone, mut joined, mut cut) = (0, 0, 0);
    for seed in 0..400 {
        let (_, mut b) = hosts();
        let mut a = Host::new("10.0.0.1:1000", seed);
        b.listen();
        let at_a = a.dial(&b);
        carry(&mut a, &mut b);
        a.write(at_a, b"one");
        a.write(at_a, b"two");
        match shown(&a.sent()).iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["ACK one", "ACK two"] => alone += 1,
            ["ACK onetwo"] => joined += 1,
            _ => cut += 1,
        }
    }
    assert!(alone > 200 && joined > 20 && cut > 20, "alone {alone}, joined {joined}, cut {cut}");
}

#[test]
fn the_window_is_kept() {
    let (mut a, mut b, at_a, at_b) = connected();
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|n| (n >> 3) as u8).collect();
    a.stack.write(a.now, at_a, bytes.clone().into());
    a.shutdown(at_a);
    let sent = a.sent();
    let in_flight: usize = sent.iter().map(|packet| tcp(packet).data.len()).sum();
    assert!((60_000..=1 << 16).contains(&in_flight), "{in_flight} bytes are in flight");
    sent.into_iter().for_each(|packet| b.receive(packet));
    carry(&mut a, &mut b);
    assert_eq!((b.read(at_b), b.read(at_b)), (data(&bytes), Read::Eof));
}

#[test]
fn sequence_numbers_wrap() {
    let bytes: Vec<u8> = (0..5000_u32).map(|n| (n >> 3) as u8).collect();
    // The SYN, the bytes and the FIN are the last number before the wrap, or the first one after it.
    for isn in [0, 1, 700, 4999, 5000, 5001, 5002].map(|n: u32| n.wrapping_neg()) {
        let (mut sender, mut receiver, mut rng) = (Sender::new(isn), Receiver::new(isn), Rng::with_seed(1));
        sender.acknowledge(receiver.next());
        sender.push(bytes.clone().into());
        sender.shut();
        let mut pieces: Vec<_> = std::iter::from_fn(|| sender.fresh(&mut rng)).collect();
        assert!(!sender.is_absurd(sender.next()) && sender.is_absurd(sender.next().wrapping_add(1)));
        pieces.reverse();
        for piece in pieces {
            let len = piece.data.len() + usize::from(piece.fin);
            assert!(receiver.is_acceptable(piece.seq, len), "{isn}: {piece:?}");
            receiver.take(piece.seq, piece.data, piece.fin);
        }
        assert!(receiver.read(usize::MAX) == bytes && receiver.is_eof(), "{isn}: not all was received");
        assert!(sender.is_news(receiver.next()), "{isn}: the acknowledgement is not accepted");
        sender.acknowledge(receiver.next());
        assert!(sender.fin_acked() && !sender.in_flight() && sender.unacked() == 0, "{isn}: {sender:?}");
    }
}

#[test]
fn two_that_disagree_do_not_argue_for_ever() {
    // Each end of a connection meets the end of another one with the same addresses.
    let (mut a, mut ours) = hosts();
    let (mut theirs, mut b) = (Host::new("10.0.0.1:1000", 3), Host::new("10.0.0.2:2000", 4));
    ours.listen();
    b.listen();
    a.dial(&ours);
    theirs.dial(&b);
    carry(&mut a, &mut ours);
    carry(&mut theirs, &mut b);
    b.receive(segment(a.addr, b.addr, ACK, 0, 0));
    let mut packets = 0;
    for _ in 0..20 {
        for packet in b.sent() {
            packets += 1;
            a.receive(packet);
        }
        for packet in a.sent() {
            packets += 1;
            b.receive(packet);
        }
    }
    assert!((1..=2).contains(&packets), "{packets} packets were exchanged");
}

#[test]
#[should_panic(expected = "after its shutdown")]
fn writing_after_a_shutdown_is_a_mistake() {
    let (mut a, _, at_a, _) = connected();
    a.shutdown(at_a);
    a.write(at_a, b"x");
}

#[test]
#[should_panic(expected = "no more, the application's")]
fn reading_after_a_close_is_a_mistake() {
    let (mut a, _, at_a, _) = connected();
    a.close(at_a);
    a.read(at_a);
}
