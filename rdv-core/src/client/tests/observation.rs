//! A second opinion: what becomes of it, and that nothing becomes of the attempt.

use std::io::ErrorKind;

use super::*;
use crate::{SecondOpinion, Seen};

const SERVER_B: &str = "192.0.2.2:80";
const SERVER_6: &str = "[2001:db8::1]:80";
const SERVER_6B: &str = "[2001:db8::2]:80";
const OURS_6: &str = "[2001:db8:5::5]:7000";

/// Two addresses of each family.
fn begin(role: Role, config: Config) -> Bench<Connector> {
    let servers = [SERVER, SERVER_B, SERVER_6, SERVER_6B];
    Bench::begin(&Attempt { server_addrs: servers.map(addr).to_vec(), ..attempt(role) }, config)
}

/// An accepter that waits for its peer over IPv4, and asks over IPv6.
fn asking() -> (Bench<Connector>, ConnId) {
    let mut bench = begin(Role::Accept, Config::default());
    bench.connects(bench.dial(SERVER));
    let asks = bench.dial(SERVER_6);
    bench.connects(asks);
    (bench, asks)
}

fn answer(noted: &str, connection: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nConnection: {connection}\r\nContent-Length: 0\r\nRdv-Noted: {noted}\r\n\
         Rdv-Observed-Addr: {OURS_6}\r\n\r\n"
    )
}

/// The attempt goes on, whatever has become of the second opinion; how it is reported on.
fn goes_on(mut bench: Bench<Connector>) -> Option<SecondOpinion> {
    assert!(bench.events.is_empty(), "the attempt has ended");
    bench.match_with("");
    let relay = bench.relay();
    bench.says(relay, "CONTINUE\napp");
    assert_eq!(bench.left_behind(relay), b"app");
    let selected = bench.selected();
    let opinion = selected.report.second_opinion;
    assert_eq!(selected.meta.also_observed, opinion.and_then(|opinion| opinion.seen.addr()));
    assert_eq!(selected.meta.observed, Some(addr("198.51.100.5:7000")), "the first opinion stays what it is");
    opinion
}

fn id_in(head: &[u8]) -> String {
    let text = String::from_utf8(head.to_vec()).unwrap();
    text.lines().find_map(|line| line.strip_prefix("Rdv-Attempt: ")).expect("an id").to_owned()
}

#[test]
fn it_is_asked_on_the_other_family_for_the_same_attempt_without_an_upgrade() {
    let mut config = Config::default();
    config.headers.add("Authorization", "Bearer 7f3a").unwrap();
    let mut bench = begin(Role::Accept, config);
    let relay = bench.dial(SERVER);
    bench.connects(relay);
    let asks = bench.dial(SERVER_6);
    bench.connects(asks);
    let id = id_in(bench.written(relay));
    assert!(id.len() == 16 && id.bytes().all(|digit| digit.is_ascii_hexdigit()), "{id}");
    let expected = format!(
        "OBSERVE /rdv/tok HTTP/1.1\r\nHost: example.com\r\nRdv-Attempt: {id}\r\nauthorization: Bearer 7f3a\r\n\r\n"
    );
    assert_eq!(String::from_utf8_lossy(bench.written(asks)), expected);
    assert_eq!((bench.dials(SERVER_B), bench.dials(SERVER_6B)), (0, 0), "one connection is enough");
}

#[test]
fn ids_differ_by_attempt_and_by_role() {
    let id = |role, seed| {
        let server_addrs = [SERVER, SERVER_6].map(addr).to_vec();
        let mut bench = Bench::begin(&Attempt { server_addrs, seed, ..attempt(role) }, Config::default());
        let server = bench.dial(SERVER);
        bench.connects(server);
        id_in(bench.written(server))
    };
    let ids = [(Role::Dial, 1), (Role::Accept, 1), (Role::Dial, 2), (Role::Accept, 2)]
        .map(|(role, seed)| id(role, seed));
    let unique: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(unique.len(), 4, "{ids:?}");
    assert_eq!(id(Role::Dial, 1), ids[0]);
}

#[test]
fn what_the_server_says_is_in_the_report_and_in_meta() {
    for (noted, told) in [("yes", true), ("no", false)] {
        let (mut bench, asks) = asking();
        bench.says(asks, answer(noted, "close"));
        assert_eq!(bench.state(asks), State::Closed, "as soon as it has its answer");
        let opinion = goes_on(bench).unwrap();
        assert_eq!((opinion.server, opinion.seen), (addr(SERVER_6), seen(told)));
    }
}

fn seen(noted: bool) -> Seen {
    Seen::Addr { observed: addr(OURS_6), noted }
}

/// IPv6 has won although IPv4 is on its way: that one is not given up, it asks.
#[test]
fn a_dial_of_the_other_family_that_is_out_is_used() {
    let mut bench = begin(Role::Accept, Config::default());
    bench.wait(750);
    let (slow, slower, six, six_b) =
        (bench.dial(SERVER), bench.dial(SERVER_B), bench.dial(SERVER_6), bench.dial(SERVER_6B));
    bench.connects(six);
    let states = [slow, slower, six, six_b].map(|conn| bench.state(conn));
    assert_eq!(states, [State::Dialing, State::Closed, State::Open, State::Closed]);
    bench.connects(slow);
    assert!(bench.written(slow).starts_with(b"OBSERVE "));
    bench.says(slow, answer("yes", "close"));
    bench.says(six, switching(""));
    bench.says(six, "CONTINUE\n");
    assert_eq!(bench.selected().report.second_opinion.unwrap().server, addr(SERVER));
}

#[test]
fn an_address_that_has_failed_is_not_asked() {
    let mut bench = begin(Role::Accept, Config::default());
    bench.fails(bench.dial(SERVER), ErrorKind::ConnectionRefused);
    bench.connects(bench.dial(SERVER_6));
    assert_eq!((bench.dials(SERVER), bench.dials(SERVER_B)), (1, 1));

    let server_addrs = [SERVER, SERVER_6].map(addr).to_vec();
    let mut bench = Bench::begin(&Attempt { server_addrs, ..attempt(Role::Accept) }, Config::default());
    bench.fails(bench.dial(SERVER), ErrorKind::ConnectionRefused);
    bench.connects(bench.dial(SERVER_6));
    assert_eq!(bench.dials(SERVER), 1, "there is nobody else to be asked");
    assert_eq!(bench.deadline, None);
}

#[test]
fn it_is_left_out_where_it_is_of_no_use() {
    let only = |spaces: &str| in_spaces(spaces.parse().unwrap());
    let rows = [
        ("switched off", Config { second_opinion: false, ..Config::default() }, 0, 0),
        ("no direct connections", in_spaces(AddrSpaces::NONE), 0, 0),
        ("IPv4 alone", only("public4,private4"), 0, 1),
        ("IPv6 alone", only("public6"), 1, 0),
        ("both", Config::default(), 1, 1),
    ];
    for (name, config, asked_6, asked_4) in rows {
        for (winner, other, asked) in [(SERVER, SERVER_6, asked_6), (SERVER_6, SERVER, asked_4)] {
            let mut bench = begin(Role::Accept, config.clone());
            bench.wait(750);
            bench.connects(bench.dial(winner));
            let open = bench.wires.values().filter(|wire| wire.state == State::Dialing).count();
            assert_eq!(open, asked, "{name}, {winner}");
            assert_eq!(bench.wires.values().filter(|it| it.remote == addr(other)).count(), 1);
            bench.wait(3_000);
            assert_eq!(bench.deadline, None, "{name}: how long to wait is the server's affair");
        }
    }
    let mut bench = Bench::begin(&attempt(Role::Dial), Config::default());
    let server = bench.dial(SERVER);
    bench.connects(server);
    assert!(!String::from_utf8_lossy(bench.written(server)).contains("Rdv-Attempt"), "of one family");
}

/// Servers that know nothing of it, or are none.
#[test]
fn no_answer_is_taken_silently() {
    let rows = [
        ("the reference", "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 5\r\n\r\nwords"),
        ("404", "HTTP/1.1 404 Not Found\r\n\r\n"),
        ("405", "HTTP/1.1 405 Method Not Allowed\r\nRdv-Observed-Addr: 192.0.2.9:9\r\n\r\n"),
        ("a switch", "HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n\r\n"),
        ("an interim answer", "HTTP/1.1 100 Continue\r\n\r\n"),
        ("no address", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ("no good address", "HTTP/1.1 200 OK\r\nRdv-Observed-Addr: here\r\n\r\n"),
        ("garbage", "SSH-2.0-OpenSSH_9.9\r\n\r\n"),
        ("mixed line endings", "HTTP/1.1 200 OK\nX: y\r\n\r\n"),
    ];
    for (name, says) in rows {
        for chop in [1, usize::MAX] {
            let (mut bench, asks) = asking();
            bench.chop = chop;
            bench.says(asks, says);
            assert_eq!(bench.state(asks), State::Closed, "{name}");
            assert_eq!(goes_on(bench).unwrap().seen, Seen::NotTold, "{name}");
        }
    }
    let (mut bench, asks) = asking();
    bench.says(asks, format!("HTTP/1.1 200 {}", "x".repeat(17_000)));
    assert_eq!(bench.state(asks), State::Closed, "an endless head");
    assert_eq!(goes_on(bench).unwrap().seen, Seen::NotTold);

    let (mut bench, asks) = asking();
    bench.fins(asks);
    assert_eq!(goes_on(bench).unwrap().seen, Seen::NotTold);
}

#[test]
fn a_connection_that_breaks_harms_nothing() {
    for stage in ["dialing", "asking", "hearing"] {
        let mut bench = begin(Role::Accept, Config::default());
        bench.connects(bench.dial(SERVER));
        let asks = bench.dial(SERVER_6);
        if stage == "asking" {
            bench.holds(asks);
        }
        if stage != "dialing" {
            bench.connects(asks);
        }
        bench.fails(asks, ErrorKind::ConnectionReset);
        assert_eq!(goes_on(bench).unwrap().seen, Seen::Failed(ErrorKind::ConnectionReset), "{stage}");
    }
}

#[test]
fn it_has_3_seconds() {
    for stage in ["dialing", "asking", "hearing"] {
        let mut bench = begin(Role::Accept, Config::default());
        bench.connects(bench.dial(SERVER));
        let asks = bench.dial(SERVER_6);
        if stage == "asking" {
            bench.holds(asks);
        }
        if stage != "dialing" {
            bench.connects(asks);
        }
        bench.says(asks, "HTTP/1.1 200");
        bench.wait(2_999);
        assert_ne!(bench.state(asks), State::Closed, "{stage}");
        bench.wait(1);
        assert_eq!(bench.state(asks), State::Closed, "{stage}");
        assert_eq!(bench.deadline, None, "{stage}");
        assert_eq!(goes_on(bench).unwrap().seen, Seen::Failed(ErrorKind::TimedOut), "{stage}");
    }
}

/// The question has overtaken the request.
#[test]
fn a_server_that_does_not_know_of_us_yet_is_asked_again() {
    let (mut bench, asks) = asking();
    bench.says(asks, answer("no", "keep-alive"));
    let asked =
        |bench: &Bench<Connector>| String::from_utf8_lossy(bench.written(asks)).matches("OBSERVE ").count();
    bench.wait(499);
    assert_eq!(asked(&bench), 1);
    bench.wait(1);
    assert_eq!(asked(&bench), 2);
    bench.says(asks, answer("no", "keep-alive"));
    bench.wait(500);
    assert_eq!(asked(&bench), 3);
    bench.says(asks, answer("no", "keep-alive"));
    assert_eq!(bench.state(asks), State::Closed, "there is an end to it");
    assert_eq!(goes_on(bench).unwrap().seen, seen(false));
}

#[test]
fn it_is_asked_again_only_on_a_connection_that_is_fit_for_it() {
    let no_length = answer("no", "keep-alive").replace("Content-Length: 0\r\n", "");
    let body = answer("no", "keep-alive").replace("Length: 0", "Length: 4") + "body";
    for says in [answer("no", "close"), no_length, body, answer("no", "keep-alive") + "more"] {
        let (mut bench, asks) = asking();
        bench.says(asks, &says);
        assert_eq!(bench.state(asks), State::Closed, "{says}");
        assert_eq!(goes_on(bench).unwrap().seen, seen(false));
    }
}

#[test]
fn what_was_told_is_kept_if_asking_again_fails() {
    for how in ["breaks", "late", "matched", "over", "refused"] {
        let (mut bench, asks) = asking();
        bench.says(asks, answer("no", "keep-alive"));
        match how {
            "matched" => {
                bench.match_with("");
                assert_eq!(bench.state(asks), State::Closed, "there is nobody to be told any more");
                let relay = bench.relay();
                bench.says(relay, "CONTINUE\n");
                assert_eq!(bench.selected().meta.also_observed, Some(addr(OURS_6)));
                continue;
            }
            "over" => {
                bench.fails(bench.relay(), ErrorKind::ConnectionReset);
                assert_eq!(bench.failure().report.second_opinion.unwrap().seen, seen(false));
                continue;
            }
            "late" => bench.wait(3_000),
            "refused" => {
                bench.wait(500);
                bench.says(asks, "HTTP/1.1 503 Service Unavailable\r\n\r\n");
            }
            _ => {
                bench.wait(500);
                bench.fails(asks, ErrorKind::ConnectionReset);
            }
        }
        assert_ne!(bench.state(asks), State::Open, "{how}");
        assert_eq!(goes_on(bench).unwrap().seen, seen(false), "{how}");
    }
}

/// The peer was there already: the answer is of use for the report alone.
#[test]
fn it_may_come_during_the_race_and_ends_with_it() {
    for (role, in_time) in
        [(Role::Dial, true), (Role::Dial, false), (Role::Accept, true), (Role::Accept, false)]
    {
        let mut bench = begin(role, Config::default());
        bench.connects(bench.dial(SERVER));
        bench.match_with(NEAR);
        let asks = bench.dial(SERVER_6);
        bench.connects(asks);
        if in_time {
            // Whoever waits no longer does not ask again.
            bench.says(asks, answer("no", "keep-alive"));
        }
        let near = bench.dial(NEAR);
        bench.connects(near);
        bench.holds(bench.relay());
        bench
            .says(near, if role == Role::Dial { "rdv/1 ACCEPT tok\n" } else { "rdv/1 DIAL tok\nCONTINUE\n" });
        assert_eq!(bench.state(asks), State::Closed, "{role}: with the choice, at the latest");
        if role == Role::Dial {
            bench.releases(bench.relay());
        }
        let selected = bench.selected();
        let expected = if in_time { seen(false) } else { Seen::Pending };
        assert_eq!(selected.report.second_opinion.unwrap().seen, expected, "{role}");
    }
}

#[test]
fn it_ends_with_an_attempt_that_fails() {
    let (mut bench, asks) = asking();
    bench.says(bench.relay(), "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(bench.state(asks), State::Closed);
    assert_eq!(bench.failure().report.second_opinion.unwrap().seen, Seen::Pending);

    let mut bench = begin(Role::Accept, within(secs(1)));
    bench.connects(bench.dial(SERVER));
    let asks = bench.dial(SERVER_6);
    bench.wait(1_000);
    assert_eq!(bench.state(asks), State::Closed);
    assert!(matches!(bench.error(), ConnectError::TimedOut(_)));
}
