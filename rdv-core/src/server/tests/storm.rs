//! A server to whom anything is said in any order.

use http::StatusCode;
use proptest::prelude::*;

use super::*;
use crate::io::Outbox;
use crate::tests::cases::{fixed_cases, role};
use crate::tests::storm::{Gust, Storm, gusts};
use crate::{DataEnd, Traffic};

fn said() -> Vec<String> {
    let pieces = [
        "DIAL /tok HTTP/1.1\r\nHost: h\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n",
        "OBSERVE /tok HTTP/1.1\r\nHost: h\r\nRdv-Attempt: 00ff00ff00ff00ff\r\n\r\n",
        "CONTINUE\n",
        "OTHER 192.0.2.9:99\n",
        "x",
        "",
    ];
    [request(Role::Dial, "tok"), request(Role::Accept, "tok")]
        .into_iter()
        .chain(pieces.map(str::to_owned))
        .collect()
}

fn of_lobby(lobby: &mut Lobby, now: Instant, what: u8) {
    match what {
        0 => lobby.close(now),
        // Most come from one address, so that its share is used up.
        _ => {
            let remote = SocketAddr::from(([203, 0, 113, 7 + what % 4 / 3], u16::from(what)));
            lobby.handle_accept(now, remote);
        }
    }
}

fn of_relay(relay: &mut Relay, now: Instant, what: u8) {
    let mut names = Outbox::<()>::new();
    let traffic = Traffic { to_accepter: u64::from(what), to_dialer: u64::from(what / 2) };
    match what % 8 {
        0 => relay.close(now),
        1 => relay.handle_end(now, traffic, DataEnd::Complete),
        2 => relay.handle_end(now, traffic, DataEnd::Broken(names.issue(), std::io::ErrorKind::BrokenPipe)),
        3 => {
            relay.reject(now, &Reject::Application(StatusCode::OK, "the status of no refusal".into()));
        }
        _ => relay.handle_traffic(now, traffic),
    }
}

proptest! {
    #![proptest_config(fixed_cases())]

    #[test]
    fn a_lobby_survives_any_input(
        gusts in gusts(said()), max_waiting in 1..5usize, max_conns_per_addr in 1..5usize,
        max_open in proptest::option::of(0..9usize), max_rate_per_addr in proptest::option::of(0..3u32),
        max_burst_per_addr in 0..9u32,
    ) {
        let config = LobbyConfig {
            max_waiting,
            max_open,
            max_conns_per_addr,
            max_rate_per_addr,
            max_burst_per_addr,
            ..LobbyConfig::default()
        };
        let mut storm = Storm::new(beginning(), Lobby::new(config));
        storm.rage(&gusts, of_lobby);
        // Half an hour later, whoever was left has run out of time.
        storm.rage(&[Gust::Wait(600_000), Gust::Wait(600_000), Gust::Wait(600_000)], of_lobby);
        prop_assert!(storm.machine.is_empty(), "someone is kept for ever: {:?}", storm.machine);
        prop_assert_eq!(storm.machine.waiting(), 0, "a table is kept for ever");
    }

    #[test]
    fn a_relay_survives_any_input(first in role(), gusts in gusts(said())) {
        let mut lobby = Bench::open(idle_after(secs(60)));
        lobby.join(first, "tok");
        lobby.join(first.other(), "tok");
        let Some(LobbyEvent::Matched(matched)) = lobby.events.pop() else { panic!("no pair was found") };
        let mut storm = Storm::new(lobby.now, matched.relay);
        storm.rage(&gusts, of_relay);
        storm.rage(&[Gust::Wait(60_000)], of_relay);
        let ends = storm.events.iter().filter(|event| matches!(event, RelayEvent::Finished(_))).count();
        prop_assert_eq!(ends, 1, "a pair that is silent for its idle timeout ends, and ends once");
    }
}
