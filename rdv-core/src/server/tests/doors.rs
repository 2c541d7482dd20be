//! Who is let in by numbers: rates, sources without end, and connections in all.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;
use crate::server::households::{BUCKETS_MAX, Buckets, Household};

fn limited(per_second: u32, burst: u32) -> LobbyConfig {
    LobbyConfig { max_rate_per_addr: Some(per_second), max_burst_per_addr: burst, ..LobbyConfig::default() }
}

/// What each of so many connections from one address is answered.
fn come(lobby: &mut Bench<Lobby>, count: usize, from: &str) -> Vec<String> {
    (0..count)
        .map(|_| {
            let conn = lobby.accept(from);
            let state = lobby.state(conn);
            let answer = lobby.answer(conn).to_owned();
            if state == State::Closed && answer.is_empty() { "closed".to_owned() } else { answer }
        })
        .collect()
}

#[test]
fn a_burst_then_a_steady_rate() {
    let mut lobby = Bench::open(limited(10, 3));
    assert_eq!(come(&mut lobby, 4, "192.0.2.1:1"), ["", "", "", "rate-limited"]);
    assert_eq!(come(&mut lobby, 1, "192.0.2.2:1"), [""], "another address has a bucket of its own");
    lobby.wait(100);
    assert_eq!(come(&mut lobby, 2, "192.0.2.1:1"), ["", "rate-limited"]);
    lobby.wait(1_000);
    assert_eq!(come(&mut lobby, 4, "192.0.2.1:1"), ["", "", "", "rate-limited"]);
}

#[test]
fn a_network_of_ipv6_is_one_source() {
    let mut lobby = Bench::open(limited(1, 1));
    assert_eq!(come(&mut lobby, 1, "[2001:db8::1]:1"), [""]);
    assert_eq!(come(&mut lobby, 1, "[2001:db8::ffff:0:0:1]:1"), ["rate-limited"]);
    assert_eq!(come(&mut lobby, 1, "[2001:db8:0:1::1]:1"), [""]);
    assert_eq!(come(&mut lobby, 1, "192.0.2.1:1"), [""]);
    assert_eq!(come(&mut lobby, 1, "[::ffff:192.0.2.1]:1"), ["rate-limited"]);
}

#[test]
fn whoever_comes_too_fast_is_told_when_to_come_again() {
    let mut lobby = Bench::open(limited(2, 1));
    lobby.client();
    let refused = lobby.client();
    let answer = String::from_utf8_lossy(lobby.written(refused)).into_owned();
    assert!(answer.starts_with("HTTP/1.1 429 Too Many Requests\r\n"), "{answer}");
    assert!(answer.contains("\r\nRetry-After: 1\r\n"), "{answer}");
    assert_eq!(lobby.left(), [Reason::Rejected(Reject::RateLimited(Duration::from_millis(500)))]);
    lobby.wait(500);
    let conn = lobby.client();
    assert_eq!(lobby.answer(conn), "");
}

/// A flood costs a socket that is accepted and closed; and each of it is known to whoever counts.
#[test]
fn a_flood_is_not_answered_one_by_one() {
    let mut lobby = Bench::open(limited(1, 1));
    lobby.accept("192.0.2.1:1");
    let answers = come(&mut lobby, 1_000, "192.0.2.1:1");
    assert_eq!(answers.iter().filter(|answer| *answer == "rate-limited").count(), 16);
    assert!(answers[16..].iter().all(|answer| answer == "closed"));
    assert_eq!(lobby.left().len(), 1_000);
    assert_eq!(come(&mut lobby, 1, "192.0.2.2:1"), [""], "nobody else is the worse for it");
    lobby.wait(1_000);
    assert_eq!(come(&mut lobby, 2, "192.0.2.1:1"), ["", "rate-limited"]);

    let mut lobby = Bench::open(LobbyConfig { max_conns_per_addr: 2, ..LobbyConfig::default() });
    let answers = come(&mut lobby, 30, "192.0.2.1:1");
    assert_eq!(answers.iter().filter(|answer| *answer == "full-for-addr").count(), 16);
    assert_eq!(answers.iter().filter(|answer| *answer == "closed").count(), 12);
}

#[test]
fn without_a_rate_there_is_none() {
    let mut lobby = Bench::open(LobbyConfig { max_rate_per_addr: None, ..LobbyConfig::default() });
    assert!(come(&mut lobby, 1_024, "192.0.2.1:1").iter().all(String::is_empty));
}

#[test]
fn zeros_are_ones() {
    let mut lobby = Bench::open(limited(0, 0));
    assert_eq!(come(&mut lobby, 2, "192.0.2.1:1"), ["", "rate-limited"]);
    lobby.wait(999);
    assert_eq!(come(&mut lobby, 1, "192.0.2.1:1"), ["rate-limited"]);
    lobby.wait(1);
    assert_eq!(come(&mut lobby, 1, "192.0.2.1:1"), [""]);
}

#[test]
fn buckets_that_are_full_are_forgotten() {
    let mut buckets = Buckets::default();
    let mut now = beginning();
    let v6 = |n: u32| Household::of(Ipv6Addr::from_bits(u128::from(n) << 64).into());
    for n in 0..50_000 {
        now += Duration::from_micros(10);
        assert_eq!(buckets.take(now, v6(n), 100, 1_000), Ok(()));
        // Each is full again after 10 ms.
        assert!(buckets.len() <= 1_000, "{}", buckets.len());
    }
    buckets.forget_full(now + Duration::from_millis(10));
    assert_eq!(buckets.len(), 0);
}

#[test]
fn a_million_sources_at_once_have_a_bounded_number_of_buckets() {
    let (mut buckets, now) = (Buckets::default(), beginning());
    let v4 = |n: u32| Household::of(Ipv4Addr::from_bits(n).into());
    for _ in 0..10 {
        assert_eq!(buckets.take(now, v4(u32::MAX), 1, 10), Ok(()));
    }
    for n in 0..1_000_000 {
        assert_eq!(buckets.take(now, v4(n), 1, 10), Ok(()));
        assert!(buckets.len() <= BUCKETS_MAX);
    }
    assert_eq!(buckets.len(), BUCKETS_MAX);
    assert_eq!(buckets.take(now, v4(u32::MAX), 1, 10), Err(secs(1)), "the worst is not forgotten");
}

fn open_at_most(max: usize) -> LobbyConfig {
    LobbyConfig { max_open: Some(max), ..LobbyConfig::default() }
}

#[test]
fn a_client_waits_only_where_there_is_room_for_its_peer() {
    let mut lobby = Bench::open(open_at_most(6));
    let waiting = ["tok0", "tok1", "tok2"].map(|token| lobby.join(Role::Dial, token));
    let fourth = lobby.join(Role::Dial, "tok3");
    assert_eq!((lobby.status(fourth), lobby.answer(fourth)), ("503", "overloaded"));
    assert!(String::from_utf8_lossy(lobby.written(fourth)).contains("\r\nRetry-After: 10\r\n"));
    lobby.wait(1_000);
    // All peers of those that wait find a place.
    let pairs = ["tok0", "tok1", "tok2"].map(|token| {
        lobby.join(Role::Accept, token);
        lobby.matched()
    });
    assert_eq!(pairs[0].dialer, waiting[0]);
    assert_eq!(lobby.machine.pairs(), 3);
    let next = lobby.client();
    assert_eq!((lobby.status(next), lobby.answer(next)), ("503", "overloaded"), "before it has said a word");
    lobby.events.clear();
    lobby.wait(1_000);

    // A pair that is history makes room, before whoever drove it has dropped it.
    let [mut one, mut two, _three] = pairs;
    one.relay.fails(one.dialer, std::io::ErrorKind::ConnectionReset);
    assert_eq!(lobby.machine.pairs(), 2);
    lobby.join(Role::Dial, "tok4");
    assert_eq!(lobby.left(), []);
    two.relay.fails(two.dialer, std::io::ErrorKind::ConnectionReset);
    lobby.join(Role::Accept, "tok4");
    assert_eq!(lobby.matched().relay.machine.request(Role::Dial).unwrap().token.as_bytes(), b"tok4");
}

#[test]
fn as_many_as_there_are_numbers() {
    let config =
        LobbyConfig { max_waiting: usize::MAX, max_burst_per_addr: u32::MAX, ..open_at_most(usize::MAX) };
    let mut lobby = Bench::open(config);
    lobby.join(Role::Dial, "tok");
    lobby.join(Role::Accept, "tok");
    lobby.matched();
}

#[test]
fn only_so_many_are_told_that_there_is_no_room() {
    let mut lobby = Bench::open(open_at_most(4));
    let came: Vec<_> = (0..100).map(|i| lobby.accept(&format!("192.0.2.{i}:1"))).collect();
    let told = came.iter().filter(|conn| lobby.answer(**conn) == "overloaded").count();
    let open = came.iter().filter(|conn| lobby.state(**conn) == State::Open).count();
    assert_eq!((told, open), (32, 4 + 32), "the others are closed without a word");
    assert_eq!(lobby.left(), vec![Reason::Rejected(Reject::Overloaded); 96]);
}

#[test]
fn a_head_may_be_as_long_as_the_operator_says() {
    for (max, longest) in [(1_000, 1_000), (0, 256), (usize::MAX, 64 * 1024), (16 * 1024, 16 * 1024)] {
        for (len, answer) in [(longest, ""), (longest + 1, "head-too-large")] {
            let mut lobby = Bench::open(LobbyConfig { max_head: max, ..LobbyConfig::default() });
            let client = lobby.client();
            let bare = request(Role::Dial, "tok");
            let fill = len - bare.len() - "X: \r\n".len();
            lobby.says(client, bare.replace("Host", &format!("X: {}\r\nHost", "x".repeat(fill))));
            assert_eq!(lobby.answer(client), answer, "{len} bytes, where {max} are allowed");
        }
    }
}
