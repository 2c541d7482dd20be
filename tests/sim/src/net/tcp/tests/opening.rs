use super::super::super::{Body, Packet, Unreachable, Why};
use super::super::timing::KEEPALIVE_TIME;
use super::*;

#[test]
fn three_way_handshake() {
    let (mut a, mut b) = hosts();
    b.listen();
    let at_a = a.dial(&b);
    let syn = a.sent_one();
    assert_eq!((show(&syn).as_str(), a.states()), ("SYN", vec!["SYN_SENT"]));
    b.receive(syn);
    let syn_ack = b.sent_one();
    assert_eq!((show(&syn_ack).as_str(), b.states()), ("SYN ACK", vec!["SYN_RECEIVED"]));
    assert_eq!(b.noticed(), [], "half-open is not accepted");
    assert!(b.stack.open().is_empty(), "half-open is not the application's");
    a.receive(syn_ack);
    assert_eq!(a.noticed(), [Notice::Connected(at_a)]);
    let ack = a.sent_one();
    assert_eq!((show(&ack).as_str(), a.states()), ("ACK", vec!["ESTABLISHED"]));
    b.receive(ack);
    assert!(matches!(b.noticed()[..], [Notice::Accepted { .. }]), "not accepted: {:?}", b.states());
    assert_eq!(b.states(), ["ESTABLISHED"]);
    let keepalive = Some(KEEPALIVE_TIME);
    assert_eq!((a.stack.deadline(), b.stack.deadline()), (keepalive, keepalive), "nothing else is to come");
}

#[test]
fn data_can_come_with_the_handshakes_last_ack() {
    let (mut a, mut b) = hosts();
    b.listen();
    let at_a = a.dial(&b);
    a.write(at_a, b"x");
    b.receive(a.sent_one());
    a.receive(b.sent_one());
    let last = a.sent();
    assert_eq!(shown(&last), ["ACK", "ACK x"], "what was written before goes out at once");
    b.receive(last[1].clone());
    match b.noticed()[..] {
        [Notice::Accepted { socket, .. }, Notice::Readable(readable)] => {
            assert_eq!(socket, readable);
            assert_eq!(b.read(socket), data(b"x"));
        }
        ref other => panic!("the listener got {other:?}"),
    }
}

#[test]
fn a_syn_is_sent_again_and_given_up() {
    let (mut a, b) = hosts();
    let at_a = a.dial(&b);
    a.sent_one();
    let times = [1, 3, 7, 15, 31, 63].map(|s| (s * SECOND, String::from("SYN")));
    assert_eq!(a.sent_in(126 * SECOND), times);
    assert_eq!(a.noticed(), []);
    assert_eq!(a.sent_in(SECOND), []);
    assert_eq!(a.noticed(), [Notice::Failed(at_a, TIMED_OUT)]);
    assert_eq!(a.read(at_a), Read::Failed(TIMED_OUT));
    a.close(at_a);
    assert!(a.is_at_rest(), "left: {:?}", a.states());
}

#[test]
fn a_syn_ack_is_sent_again_and_given_up() {
    let (mut a, mut b) = hosts();
    b.listen();
    a.dial(&b);
    b.receive(a.sent_one());
    b.sent_one();
    let times = [1, 3, 7, 15, 31].map(|s| (s * SECOND, String::from("SYN ACK")));
    assert_eq!(b.sent_in(62 * SECOND), times);
    assert_eq!(b.sent_in(SECOND), []);
    assert!(b.is_at_rest() && b.noticed().is_empty(), "left: {:?}", b.states());
}

#[test]
fn a_repeated_syn_has_the_syn_ack_repeated() {
    let (mut a, mut b) = hosts();
    b.listen();
    a.dial(&b);
    let syn = a.sent_one();
    b.receive(syn.clone());
    let syn_ack = b.sent_one();
    b.receive(syn);
    assert_eq!(b.sent_one(), syn_ack);
}

#[test]
fn a_lost_last_ack_is_repeated() {
    let (mut a, mut b) = hosts();
    b.listen();
    a.dial(&b);
    b.receive(a.sent_one());
    a.receive(b.sent_one());
    a.sent_one();
    sleep(&mut a, &mut b, SECOND);
    carry(&mut a, &mut b);
    assert_eq!((a.states(), b.states()), (vec!["ESTABLISHED"], vec!["ESTABLISHED"]));
}

#[test]
fn simultaneous_open() {
    let (mut a, mut b) = hosts();
    let (at_a, at_b) = (a.dial(&b), b.dial(&a));
    // Listening on the same ports makes no difference.
    a.listen();
    b.listen();
    let (from_a, from_b) = (a.sent_one(), b.sent_one());
    a.receive(from_b);
    b.receive(from_a);
    assert_eq!((a.states(), b.states()), (vec!["SYN_RECEIVED"], vec!["SYN_RECEIVED"]));
    let (from_a, from_b) = (a.sent_one(), b.sent_one());
    assert_eq!((show(&from_a).as_str(), show(&from_b).as_str()), ("SYN ACK", "SYN ACK"));
    a.receive(from_b);
    b.receive(from_a);
    assert_eq!((a.noticed(), b.noticed()), (vec![Notice::Connected(at_a)], vec![Notice::Connected(at_b)]));
    assert_eq!((a.states(), b.states()), (vec!["ESTABLISHED"], vec!["ESTABLISHED"]));
    a.write(at_a, b"from a");
    b.write(at_b, b"from b");
    carry(&mut a, &mut b);
    assert_eq!((a.read(at_a), b.read(at_b)), (data(b"from b"), data(b"from a")));
}

#[test]
fn simultaneous_open_with_any_packet_lost() {
    for lost in 0..4 {
        let (mut a, mut b) = hosts();
        let (at_a, at_b) = (a.dial(&b), b.dial(&a));
        let mut pair = [a, b];
        let mut sent = 0;
        for from in [0, 1, 0, 1, 0, 1] {
            for packet in pair[from].sent() {
                if sent != lost {
                    pair[1 - from].receive(packet);
                }
                sent += 1;
            }
        }
        let [mut a, mut b] = pair;
        for _ in 0..3 {
            sleep(&mut a, &mut b, SECOND);
            carry(&mut a, &mut b);
        }
        assert_eq!(a.noticed(), [Notice::Connected(at_a)], "packet {lost} lost");
        assert_eq!(b.noticed(), [Notice::Connected(at_b)], "packet {lost} lost");
    }
}

#[test]
fn a_socket_can_connect_to_itself() {
    let (mut a, _) = hosts();
    let id = a.stack.connect(a.now, a.addr, a.addr).expect("free");
    for _ in 0..3 {
        a.sent().into_iter().for_each(|packet| a.receive(packet));
    }
    assert_eq!(a.noticed(), [Notice::Connected(id)]);
}

#[test]
fn one_port_listens_and_dials() {
    let (mut a, mut b) = hosts();
    let mut c = Host::new("10.0.0.3:3000", 3);
    a.listen();
    c.listen();
    let to_b = a.dial(&b);
    let to_c = a.dial(&c);
    let from_b = b.stack.connect(b.now, "10.0.0.2:2001".parse().expect("an address"), a.addr);
    for packet in a.sent() {
        if packet.dst == c.addr { c.receive(packet) } else { drop(packet) }
    }
    carry(&mut a, &mut c);
    carry(&mut a, &mut b);
    let noticed = a.noticed();
    assert!(
        matches!(noticed[..], [Notice::Connected(id), Notice::Accepted { .. }] if id == to_c),
        "{noticed:?}"
    );
    assert_eq!(b.noticed(), [Notice::Connected(from_b.expect("free"))]);
    assert_eq!(a.stack.remote(to_b), b.addr);
    assert_eq!(a.states(), ["SYN_SENT", "ESTABLISHED", "ESTABLISHED"]);
}

#[test]
fn a_four_tuple_is_taken_once() {
    let (mut a, b) = hosts();
    let id = a.dial(&b);
    let again = a.stack.connect(a.now, a.addr, b.addr);
    assert_eq!(again, Err(io::ErrorKind::AddrNotAvailable));
    a.close(id);
    assert!(a.stack.connect(a.now, a.addr, b.addr).is_ok(), "a SYN_SENT that is closed frees its four-tuple");
}

#[test]
fn a_half_open_connection_takes_its_four_tuple() {
    let (mut a, mut b) = hosts();
    b.listen();
    a.dial(&b);
    b.receive(a.sent_one());
    assert_eq!(b.stack.connect(b.now, b.addr, a.addr), Err(io::ErrorKind::AddrNotAvailable));
}

#[test]
fn unlistening_resets_what_is_not_accepted() {
    // How many packets come to the listener before it is gone: then the connection is half-open, or accepted
    // without the application's having heard of it.
    for packets in [1, 2] {
        let (mut a, mut b) = hosts();
        b.listen();
        let at_a = a.dial(&b);
        b.receive(a.sent_one());
        a.receive(b.sent_one());
        if packets == 2 {
            b.receive(a.sent_one());
        }
        b.stack.unlisten(b.addr.port());
        let rst = b.sent_one();
        assert_eq!(show(&rst), "RST ACK");
        assert_eq!(b.noticed(), []);
        assert!(b.is_at_rest(), "left: {:?}", b.states());
        a.sent();
        a.receive(rst);
        assert_eq!(a.noticed(), [Notice::Connected(at_a), Notice::Failed(at_a, RESET)]);
    }
}

#[test]
fn unreachable() {
    let table = [
        (Why::Port, io::ErrorKind::ConnectionRefused),
        (Why::Host, io::ErrorKind::HostUnreachable),
        (Why::Prohibited, io::ErrorKind::HostUnreachable),
    ];
    for (why, kind) in table {
        let (mut a, b) = hosts();
        let at_a = a.dial(&b);
        let seq = tcp(&a.sent_one()).seq;
        let report = |seq| Packet {
            src: "10.9.9.9:0".parse().expect("an address"),
            dst: a.addr,
            body: Body::Unreachable(Unreachable { why, src: a.addr, dst: b.addr, seq }),
        };
        let (stale, real) = (report(seq.wrapping_sub(1)), report(seq));
        a.receive(stale);
        assert_eq!(a.noticed(), [], "{why:?} about another SYN");
        a.receive(real);
        assert_eq!(a.noticed(), [Notice::Failed(at_a, kind)], "{why:?}");
        a.close(at_a);
        assert!(a.is_at_rest(), "left: {:?}", a.states());
    }
}

#[test]
fn unreachable_does_not_end_an_established_connection() {
    let (mut a, b, at_a, _) = connected();
    a.write(at_a, b"x");
    let seq = tcp(&a.sent_one()).seq;
    let body = Body::Unreachable(Unreachable { why: Why::Host, src: a.addr, dst: b.addr, seq });
    a.receive(Packet { src: b.addr, dst: a.addr, body });
    assert_eq!((a.noticed(), a.states()), (vec![], vec!["ESTABLISHED"]));
}
