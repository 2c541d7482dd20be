use super::super::socket::FIN_WAIT_2;
use super::super::timing::{KEEPALIVE_INTERVAL, KEEPALIVE_PROBES, KEEPALIVE_TIME};
use super::*;

/// From the last word of the other side until it is given up.
const PATIENCE: Time = Time::from_secs(60);

/// What a host sends of its own accord to another that has fallen silent.
fn probes_and_reset() -> Vec<(Time, String)> {
    let probes =
        (0..KEEPALIVE_PROBES).map(|n| (KEEPALIVE_TIME + n * KEEPALIVE_INTERVAL, String::from("ACK")));
    probes.chain([(PATIENCE, String::from("RST ACK"))]).collect()
}

/// Host `a` hears nothing from now on, and has nothing in flight.
#[track_caller]
fn assert_gives_up(a: &mut Host, at_a: SocketId) {
    a.sent();
    a.noticed();
    assert_eq!(a.sent_in(PATIENCE - MS), probes_and_reset()[..KEEPALIVE_PROBES as usize]);
    assert_eq!(a.noticed(), [], "the last probe may still be answered");
    assert_eq!(a.sent_in(MS), [(MS, String::from("RST ACK"))]);
    assert_eq!(a.noticed(), [Notice::Failed(at_a, TIMED_OUT)]);
    assert_eq!((a.read(at_a), a.stack.deadline()), (Read::Failed(TIMED_OUT), None));
    a.close(at_a);
    assert!(a.is_at_rest(), "left: {:?}", a.states());
    assert_eq!(a.sent(), [], "its RST has been sent");
}

#[test]
fn a_probe_is_answered() {
    let (mut a, mut b, at_a, at_b) = connected();
    a.write(at_a, b"x");
    carry(&mut a, &mut b);
    assert_eq!(b.read(at_b), data(b"x"));
    b.noticed();
    a.sleep(KEEPALIVE_TIME);
    let probe = a.sent_one();
    b.receive(probe.clone());
    let answer = b.sent_one();
    assert_eq!((show(&probe), show(&answer)), (String::from("ACK"), String::from("ACK")));
    assert_eq!(tcp(&probe).seq.wrapping_add(1), tcp(&answer).ack, "it is at SND.NXT - 1");
    assert_eq!(tcp(&probe).ack, tcp(&answer).seq);
    a.receive(answer);
    assert_eq!((a.sent(), a.noticed(), b.noticed()), (vec![], vec![], vec![]), "that is all");
}

#[test]
fn an_idle_connection_lives_on() {
    let (mut a, mut b, at_a, at_b) = connected();
    idle(&mut a, &mut b, 1000 * PATIENCE);
    assert_eq!((a.states(), b.states()), (vec!["ESTABLISHED"], vec!["ESTABLISHED"]));
    assert_eq!((a.noticed(), b.noticed()), (vec![], vec![]), "nobody is disturbed");
    a.write(at_a, b"still there");
    carry(&mut a, &mut b);
    assert_eq!(b.read(at_b), data(b"still there"));
}

#[test]
fn a_silent_peer_is_given_up() {
    let (mut a, _, at_a, _) = connected();
    assert_gives_up(&mut a, at_a);

    let (_, mut b, _, at_b) = connected();
    assert_gives_up(&mut b, at_b);
}

#[test]
fn a_silent_peer_is_given_up_in_fin_wait_2() {
    let (mut a, mut b, at_a, _) = connected();
    a.shutdown(at_a);
    carry(&mut a, &mut b);
    assert_eq!(a.states(), ["FIN_WAIT_2"]);
    assert_gives_up(&mut a, at_a);
}

#[test]
fn a_silent_peer_is_given_up_in_close_wait() {
    let (mut a, mut b, at_a, at_b) = connected();
    a.shutdown(at_a);
    carry(&mut a, &mut b);
    assert_eq!(b.states(), ["CLOSE_WAIT"]);
    b.noticed();
    assert_eq!(b.sent_in(PATIENCE), probes_and_reset());
    assert_eq!(b.noticed(), [Notice::Failed(at_b, TIMED_OUT)]);
    assert_eq!(b.read(at_b), Read::Eof, "what came before stays");
}

#[test]
fn the_reset_reaches_a_peer_that_could_not_answer() {
    let (mut a, mut b, _, at_b) = connected();
    a.sleep(PATIENCE);
    b.now = a.now;
    let reset = a.sent().pop().expect("it says so");
    b.receive(reset);
    assert_eq!(b.noticed(), [Notice::Failed(at_b, RESET)]);
}

#[test]
fn one_answer_begins_it_anew() {
    let (mut a, mut b, at_a, _) = connected();
    let before_the_end = PATIENCE - MS;
    sleep(&mut a, &mut b, before_the_end);
    let last_probe = a.sent().pop().expect("there are probes");
    b.sent();
    b.receive(last_probe);
    a.receive(b.sent_one());
    assert_gives_up(&mut a, at_a);
}

#[test]
fn any_segment_begins_it_anew() {
    let (mut a, mut b, at_a, at_b) = connected();
    sleep(&mut a, &mut b, KEEPALIVE_TIME - MS);
    b.write(at_b, b"x");
    let segment = b.sent_one();
    a.receive(segment.clone());
    assert_eq!(a.stack.deadline(), Some(a.now + KEEPALIVE_TIME), "after data");
    a.sleep(SECOND);
    a.receive(segment);
    assert_eq!(a.stack.deadline(), Some(a.now + KEEPALIVE_TIME), "after data that is not new");
    b.sleep(PATIENCE / 2);
    a.sleep(SECOND);
    a.receive(b.sent().pop().expect("it sends again"));
    assert_eq!(a.read(at_a), data(b"x"));
    assert_gives_up(&mut a, at_a);
}

#[test]
fn a_peers_probe_begins_it_anew() {
    let (mut a, mut b, at_a, _) = connected();
    a.sleep(KEEPALIVE_TIME - MS);
    b.sleep(KEEPALIVE_TIME);
    a.receive(b.sent_one());
    assert_eq!(show(&a.sent_one()), "ACK", "the answer");
    assert_gives_up(&mut a, at_a);
}

#[test]
fn what_is_in_flight_is_sent_again_instead() {
    let (mut a, mut b, at_a, _) = connected();
    a.sleep(KEEPALIVE_TIME + KEEPALIVE_INTERVAL);
    assert_eq!(shown(&a.sent()), ["ACK", "ACK"]);
    a.write(at_a, b"x");
    a.sent();
    let sent = a.sent_in(PATIENCE - 10 * SECOND);
    assert!(sent.iter().all(|(_, shown)| shown == "ACK x"), "no probe, and no reset: {sent:?}");
    assert_eq!(a.noticed(), [], "retransmissions go on for longer");
    a.sleep(SECOND);
    b.now = a.now;
    b.receive(a.sent_one());
    a.receive(b.sent_one());
    assert_gives_up(&mut a, at_a);
}

#[test]
fn a_peer_that_has_forgotten_resets() {
    let (mut a, b, at_a, _) = connected();
    let mut reborn = Host::new(&b.addr.to_string(), 3);
    a.sleep(KEEPALIVE_TIME);
    reborn.receive(a.sent_one());
    a.receive(reborn.sent_one());
    assert_eq!(a.noticed(), [Notice::Failed(at_a, RESET)]);
}

#[test]
fn a_closed_socket_is_not_kept_alive() {
    let (mut a, mut b, at_a, _) = connected();
    a.close(at_a);
    carry(&mut a, &mut b);
    assert_eq!(a.states(), ["FIN_WAIT_2"]);
    a.sleep(FIN_WAIT_2 / 2);
    b.now = a.now;
    b.sleep(Time::ZERO);
    carry(&mut a, &mut b);
    assert_eq!(a.sent_in(FIN_WAIT_2 / 2), [], "it neither probes nor resets");
    assert!(a.is_at_rest(), "a peer's probe does not make it wait longer; left: {:?}", a.states());
}

#[test]
fn what_is_not_established_is_not_kept_alive() {
    let (mut a, mut b) = hosts();
    b.listen();
    a.dial(&b);
    b.receive(a.sent_one());
    b.sent();
    let sent = b.sent_in(2 * PATIENCE);
    assert!(sent.iter().all(|(_, shown)| shown == "SYN ACK"), "half-open: {sent:?}");
    assert!(b.is_at_rest());

    let (mut a, mut b, at_a, at_b) = connected();
    a.shutdown(at_a);
    carry(&mut a, &mut b);
    b.shutdown(at_b);
    carry(&mut a, &mut b);
    assert_eq!((a.states(), b.states()), (vec!["TIME_WAIT"], vec!["CLOSED"]));
    assert_eq!(a.sent_in(2 * PATIENCE), [], "TIME_WAIT just ends");
    assert_eq!((a.stack.deadline(), b.stack.deadline()), (None, None));
}
