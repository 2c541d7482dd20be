use super::super::timing::RETRIES;
use super::*;

#[test]
fn lost_data_is_sent_again_and_given_up() {
    let (mut a, _, at_a, _) = connected();
    a.write(at_a, b"x");
    a.sent_one();
    let times: Vec<_> = (0..RETRIES).map(|n| (200 * MS * ((2 << n) - 1), String::from("ACK x"))).collect();
    assert_eq!(a.sent_in(102 * SECOND), times);
    a.sleep(SECOND);
    assert_eq!(a.noticed(), [Notice::Failed(at_a, TIMED_OUT)]);
    assert_eq!(a.stack.unacked(at_a), 0);
}

#[test]
fn the_timeout_learns_of_the_way() {
    let (mut a, mut b) = hosts();
    b.listen();
    let at_a = a.dial(&b);
    b.receive(a.sent_one());
    sleep(&mut a, &mut b, 500 * MS);
    a.receive(b.sent_one());
    a.write(at_a, b"x");
    a.sent();
    // SRTT + 4 RTTVAR, doubled up to a maximum.
    let pauses = [1500, 3000, 6000, 12_000, 24_000, 48_000, 96_000, 120_000].map(|pause| pause * MS);
    let times = pauses.iter().scan(Time::ZERO, |at, pause| {
        *at += *pause;
        Some((*at, String::from("ACK x")))
    });
    assert_eq!(a.sent_in(430 * SECOND), times.collect::<Vec<_>>());
    a.sleep(SECOND);
    assert_eq!(a.noticed().last(), Some(&Notice::Failed(at_a, TIMED_OUT)));
}

#[test]
fn the_time_of_what_was_sent_twice_is_not_taken() {
    let (mut a, mut b) = hosts();
    b.listen();
    let at_a = a.dial(&b);
    a.sent();
    sleep(&mut a, &mut b, 1900 * MS);
    carry(&mut a, &mut b);
    a.write(at_a, b"x");
    a.sent();
    assert_eq!(a.sent_in(1500 * MS), [(1000 * MS, String::from("ACK x"))], "nothing is known of the way");
}

#[test]
fn progress_ends_the_backing_off() {
    let (mut a, mut b, at_a, _) = connected();
    a.write(at_a, b"x");
    a.sleep(3 * SECOND);
    b.sleep(3 * SECOND);
    carry(&mut a, &mut b);
    a.write(at_a, b"y");
    a.sent();
    assert_eq!(a.sent_in(300 * MS), [(200 * MS, String::from("ACK y"))]);
}

#[test]
fn progress_restarts_the_timer() {
    let (mut a, mut b, at_a, _) = connected();
    a.stack.write(a.now, at_a, vec![b'x'; 2000].into());
    let sent = a.sent();
    assert!(sent.len() > 1, "cut in two at least");
    b.receive(sent[0].clone());
    a.sleep(150 * MS);
    a.receive(b.sent_one());
    assert_eq!(a.sent(), []);
    assert!(a.stack.deadline() > Some(350 * MS), "the timeout counts from the acknowledgement");
}

#[test]
fn a_recovery_comes_to_its_end() {
    let (mut a, mut b, at_a, _) = connected();
    a.write(at_a, b"x");
    a.sent();
    a.sleep(200 * MS);
    carry(&mut a, &mut b);
    a.stack.write(a.now, at_a, vec![b'x'; 2000].into());
    b.receive(a.sent()[0].clone());
    a.receive(b.sent_one());
    assert_eq!(a.sent(), [], "only what was in flight at the timeout is sent again");
}

#[test]
fn after_a_timeout_all_that_is_lost_is_sent_again_at_once() {
    let (mut a, mut b, at_a, at_b) = connected();
    let bytes: Vec<u8> = (0..20_000_u32).map(|n| n as u8).collect();
    a.stack.write(a.now, at_a, bytes.clone().into());
    assert!(a.sent().len() >= 15, "all of it goes out, and is lost");
    a.sleep(200 * MS);
    carry(&mut a, &mut b);
    assert_eq!((b.read(at_b), a.stack.unacked(at_a)), (data(&bytes), 0));
}
