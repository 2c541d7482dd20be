//! Clients that come through proxies: whose word is taken for what, and whom the limits count.

use bytes::Bytes;
use http::HeaderName;

use super::*;
use crate::tests::journal::warnings;
use crate::{Intent, Observed};

fn behind(trusted: &[&str]) -> LobbyConfig {
    LobbyConfig {
        trusted_proxies: trusted.iter().map(|network| network.parse().unwrap()).collect(),
        ..LobbyConfig::default()
    }
}

/// A request for `tok` with header lines.
fn asking(role: Role, lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    request(role, "tok").replace("Host", &format!("{lines}Host"))
}

/// What a proxy passes on that tells of the client in front of all, and of TLS.
fn v1(client: &str, token: &str) -> String {
    format!("PROXY TCP4 {client} 203.0.113.1 39841 8080\r\n{}", request(Role::Dial, token))
}

/// What one passes on that tells of the client in the request.
fn xff(client: &str, token: &str) -> String {
    request(Role::Dial, token).replace("Host", &format!("X-Forwarded-For: {client}\r\nHost"))
}

impl Bench<Lobby> {
    /// What a client is told as its observed address, or why it is refused, when its peer comes from somewhere else.
    fn observed(&mut self, remote: &str, says: impl AsRef<[u8]>) -> String {
        let conn = self.accept(remote);
        self.says(conn, says);
        if self.events.is_empty() && self.written(conn).is_empty() {
            let peer = self.accept("203.0.113.99:9");
            self.says(peer, asking(Role::Accept, &["X-Real: 203.0.113.99:9"]));
            let pair = self.matched();
            let answer = String::from_utf8_lossy(pair.relay.written(pair.dialer)).into_owned();
            let observed = answer.lines().find_map(|line| line.strip_prefix("Rdv-Observed-Addr: "));
            return observed.expect("every 101 has it").to_owned();
        }
        self.events.clear();
        self.answer(conn).to_owned()
    }
}

const V2_LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
const V2_CLIENT: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xcb\0\x71\x01\x9b\xa1\x1f\x90";

#[test]
fn a_trusted_proxy_s_word_is_taken() {
    let v1 =
        |request: String| format!("PROXY TCP4 192.0.2.1 203.0.113.1 39841 8080\r\n{request}").into_bytes();
    let plain = || asking(Role::Dial, &[]);
    let rows: [(Vec<u8>, &str); 14] = [
        (v1(plain()), "192.0.2.1:39841"),
        ([V2_CLIENT, plain().as_bytes()].concat(), "192.0.2.1:39841"),
        ([V2_LOCAL, plain().as_bytes()].concat(), "10.0.0.1:1"),
        (format!("PROXY UNKNOWN\r\n{}", plain()).into(), "10.0.0.1:1"),
        (plain().into(), "10.0.0.1:1"),
        (asking(Role::Dial, &["Forwarded: for=\"192.0.2.1:39841\""]).into(), "192.0.2.1:39841"),
        (
            asking(Role::Dial, &["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Port: 39841"]).into(),
            "192.0.2.1:39841",
        ),
        // Of no use to peers; at least it is clear whose it is.
        (asking(Role::Dial, &["X-Forwarded-For: 192.0.2.1"]).into(), "10.0.0.1:1"),
        (asking(Role::Dial, &["Forwarded: for=unknown"]).into(), "10.0.0.1:1"),
        // A client of the proxy's, of which all that it says itself is ignored.
        (v1(asking(Role::Dial, &["Forwarded: for=\"198.51.100.1:5\""])), "192.0.2.1:39841"),
        (v1(format!("PROXY TCP4 198.51.100.1 203.0.113.1 5 8080\r\n{}", plain())), "untrusted-proxy"),
        // A proxy behind the proxy.
        (
            [
                &b"PROXY TCP4 10.0.0.2 10.0.0.1 5 80\r\n"[..],
                asking(Role::Dial, &["X-Forwarded-For: 192.0.2.1:39841, 10.0.0.3"]).as_bytes(),
            ]
            .concat(),
            "192.0.2.1:39841",
        ),
        (
            asking(Role::Dial, &["Forwarded: for=1.1.1.1", "X-Forwarded-For: 192.0.2.1:5"]).into(),
            "bad-forwarded",
        ),
        (b"PROXY TCP4 nonsense\r\n\r\n".to_vec(), "bad-proxy-header"),
    ];
    for chop in [1, 5, usize::MAX] {
        for (says, expected) in &rows {
            let mut lobby = Bench::open(behind(&["10.0.0.0/8"]));
            lobby.chop = chop;
            assert_eq!(lobby.observed("10.0.0.1:1", says), *expected, "{}", says.escape_ascii());
        }
    }
}

#[test]
fn a_trusted_proxy_that_says_too_little_is_told_of_once() {
    let no_port = || asking(Role::Dial, &["X-Forwarded-For: 192.0.2.1"]);
    let no_word = || asking(Role::Dial, &[]);
    let said = warnings(|| {
        let mut lobby = Bench::open(behind(&["10.0.0.0/8"]));
        // Each fault has a warning of its own; a second proxy with the same fault has none.
        for proxy in ["10.0.0.1:1", "10.0.0.1:2", "10.0.0.2:1"] {
            for says in [no_port(), no_word(), format!("PROXY UNKNOWN\r\n{}", no_word())] {
                assert_eq!(lobby.observed(proxy, says), proxy, "peers are told the proxy's own");
            }
        }
    });
    let [no_port, no_word] = &said[..] else { panic!("not one warning of each kind: {said:#?}") };
    for part in ["the proxy 10.0.0.1 tells", "without their ports", "X-Forwarded-Port"] {
        assert!(no_port.contains(part), "no {part:?} in {no_port:?}");
    }
    for part in
        ["the trusted proxy 10.0.0.1 does not say whom it speaks for", "Forwarded with address and port"]
    {
        assert!(no_word.contains(part), "no {part:?} in {no_word:?}");
    }
}

#[test]
fn nobody_is_warned_of_a_proxy_that_says_enough() {
    let whole = asking(Role::Dial, &["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Port: 39841"]);
    let said = warnings(|| {
        let mut lobby = Bench::open(behind(&["10.0.0.1"]));
        let v1 = format!("PROXY TCP4 192.0.2.1 203.0.113.1 39841 8080\r\n{}", asking(Role::Dial, &[]));
        for says in [v1.as_bytes(), whole.as_bytes()] {
            assert_eq!(lobby.observed("10.0.0.1:1", says), "192.0.2.1:39841");
        }
        // Its health checks, which speak for nobody.
        for says in [&b""[..], V2_LOCAL, b"PROXY UNKNOWN\r\n"] {
            let conn = lobby.accept("10.0.0.1:1");
            lobby.says(conn, says);
            lobby.fins(conn);
        }
    });
    assert!(said.is_empty(), "{said:#?}");
}

#[test]
fn everybody_else_s_word_is_not() {
    let forwarded =
        asking(Role::Dial, &["Forwarded: for=\"192.0.2.1:39841\"", "X-Forwarded-For: 192.0.2.1:39841"]);
    let v1 = format!("PROXY TCP4 192.0.2.1 203.0.113.1 39841 8080\r\n{}", asking(Role::Dial, &[]));
    let v2 = [V2_CLIENT, asking(Role::Dial, &[]).as_bytes()].concat();
    for config in [LobbyConfig::default(), behind(&["10.0.0.0/8"])] {
        for chop in [1, usize::MAX] {
            let mut lobby = Bench::open(config.clone());
            lobby.chop = chop;
            assert_eq!(lobby.observed("198.51.100.7:7", &forwarded), "198.51.100.7:7");
            for says in [v1.as_bytes(), &v2, V2_LOCAL, b"PROXY UNKNOWN\r\n\r\n"] {
                assert_eq!(
                    lobby.observed("198.51.100.7:7", says),
                    "untrusted-proxy",
                    "{}",
                    says.escape_ascii()
                );
            }
        }
    }
    let mut lobby = Bench::open(behind(&[]));
    let conn = lobby.accept("198.51.100.7:7");
    lobby.says(conn, &v1);
    assert_eq!(lobby.status(conn), "400");
}

#[test]
fn a_header_of_the_operator_s_own_obeys_the_list_of_the_trusted() {
    let config = |name, trusted: &[&str]| LobbyConfig {
        observed: Observed::Header(HeaderName::from_static(name)),
        ..behind(trusted)
    };
    let own = asking(Role::Dial, &["X-Real: 192.0.2.1:39841", "Forwarded: for=\"192.0.2.2:5\""]);
    let rows = [
        ("x-real", &[][..], "198.51.100.7:7", "192.0.2.1:39841"),
        ("x-real", &["198.51.100.7"][..], "198.51.100.7:7", "192.0.2.1:39841"),
        ("x-real", &["10.0.0.0/8"][..], "198.51.100.7:7", "198.51.100.7:7"),
        ("x-other", &["198.51.100.7"][..], "198.51.100.7:7", "no-observed-addr"),
        ("x-other", &["10.0.0.0/8"][..], "198.51.100.7:7", "198.51.100.7:7"),
        ("forwarded", &["198.51.100.7"][..], "198.51.100.7:7", "192.0.2.2:5"),
        ("x-forwarded-for", &["198.51.100.7"][..], "198.51.100.7:7", "no-observed-addr"),
    ];
    for (name, trusted, remote, expected) in rows {
        let mut lobby = Bench::open(config(name, trusted));
        assert_eq!(lobby.observed(remote, &own), expected, "{name}, {trusted:?} trusted");
    }
}

/// Where a proxy passes on whatever clients say, the operator chooses the header that it sets.
#[test]
fn one_header_can_be_chosen() {
    let both = asking(Role::Dial, &["Forwarded: for=\"198.51.100.1:5\"", "X-Forwarded-For: 192.0.2.1:39841"]);
    let observed = Observed::Header(HeaderName::from_static("x-forwarded-for"));
    let mut lobby = Bench::open(LobbyConfig { observed, ..behind(&["10.0.0.1"]) });
    assert_eq!(lobby.observed("10.0.0.1:1", both), "192.0.2.1:39841");
}

#[test]
fn limits_count_clients_and_no_proxies() {
    let mut lobby = Bench::open(LobbyConfig { max_conns_per_addr: 2, ..behind(&["10.0.0.1"]) });
    let hold: Vec<_> = (0..20).map(|_| lobby.accept("10.0.0.1:1")).collect();
    assert!(hold.iter().all(|conn| lobby.written(*conn).is_empty()), "a proxy may have many connections");
    let mut ask = |says: String| {
        let conn = lobby.accept("10.0.0.1:1");
        lobby.says(conn, says);
        lobby.answer(conn).to_owned()
    };
    assert_eq!(ask(v1("192.0.2.1", "a")), "");
    assert_eq!(ask(v1("192.0.2.2", "b")), "");
    assert_eq!(ask(xff("192.0.2.1", "c")), "");
    assert_eq!(ask(xff("192.0.2.1", "d")), "full-for-addr");
    assert_eq!(ask(v1("192.0.2.1", "e")), "full-for-addr");
    assert_eq!(ask(xff("192.0.2.2", "f")), "");
    let direct = lobby.accept("192.0.2.1:5");
    assert_eq!(lobby.answer(direct), "full-for-addr", "whichever way it comes");
    for conn in hold {
        lobby.fins(conn);
    }
    lobby.wait(700_000);
    assert!(lobby.machine.is_empty());
    let again = lobby.accept("192.0.2.1:5");
    assert_eq!(lobby.answer(again), "", "the share is free again once its holders have left");
}

/// The same for how fast they come: a bucket is a client's, and a proxy, which connects for all of them, has none.
#[test]
fn the_rate_is_the_client_s_and_not_the_proxy_s() {
    let config = LobbyConfig { max_rate_per_addr: Some(1), max_burst_per_addr: 2, ..behind(&["10.0.0.1"]) };
    let mut lobby = Bench::open(config);
    let hold: Vec<_> = (0..20).map(|_| lobby.accept("10.0.0.1:1")).collect();
    assert!(
        hold.iter().all(|conn| lobby.written(*conn).is_empty()),
        "a proxy may connect as fast as it likes"
    );
    let ask = |lobby: &mut Bench<Lobby>, says: String| {
        let conn = lobby.accept("10.0.0.1:1");
        lobby.says(conn, says);
        lobby.answer(conn).to_owned()
    };
    assert_eq!(ask(&mut lobby, v1("192.0.2.1", "a")), "");
    assert_eq!(ask(&mut lobby, xff("192.0.2.1", "b")), "", "however it is told, it is one client");
    assert_eq!(ask(&mut lobby, v1("192.0.2.1", "c")), "rate-limited");
    assert_eq!(ask(&mut lobby, xff("192.0.2.1", "d")), "rate-limited");
    let direct = lobby.accept("192.0.2.1:5");
    assert_eq!(lobby.answer(direct), "rate-limited", "whichever way it comes");
    assert_eq!(ask(&mut lobby, v1("192.0.2.2", "e")), "", "another client behind the same proxy has its own");
    assert_eq!(ask(&mut lobby, xff("192.0.2.3", "f")), "");
    lobby.wait(1_000);
    assert_eq!(ask(&mut lobby, xff("192.0.2.1", "g")), "");
    assert_eq!(ask(&mut lobby, v1("192.0.2.1", "h")), "rate-limited");
}

#[test]
fn health_checks_are_quiet() {
    let mut lobby = Bench::open(behind(&["10.0.0.1"]));
    for says in [&b""[..], V2_LOCAL, b"PROXY UNKNOWN\r\n"] {
        let conn = lobby.accept("10.0.0.1:1");
        lobby.says(conn, says);
        lobby.fins(conn);
        assert_eq!((lobby.left(), lobby.state(conn)), (vec![Reason::Gone], State::Closed));
        let conn = lobby.accept("10.0.0.1:1");
        lobby.says(conn, says);
        lobby.fails(conn, std::io::ErrorKind::ConnectionReset);
        assert_eq!(lobby.left(), vec![Reason::Gone]);
    }
    let cut = lobby.accept("10.0.0.1:1");
    lobby.says(cut, "PROXY TCP4 192.0.2.1");
    lobby.fins(cut);
    assert_eq!(lobby.answer(cut), "bad-proxy-header");
    let late = lobby.accept("10.0.0.1:1");
    lobby.says(late, "PROXY TCP4 192.0.2.1");
    let silent = lobby.accept("10.0.0.1:1");
    lobby.wait(10_000);
    assert_eq!((lobby.answer(late), lobby.answer(silent)), ("head-timeout", ""));
}

#[test]
fn tls_begins_behind_the_proxy_s_word() {
    let mut lobby = Bench::open(behind(&["10.0.0.1"]));
    let (direct, start) = lobby.accept_tls("198.51.100.7:7");
    assert_eq!(start, TlsStart::AtOnce);
    lobby.says(direct, request(Role::Accept, "tok"));

    for (says, read_on) in [(V2_CLIENT, 0), (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03rest", 0)] {
        let (conn, start) = lobby.accept_tls("10.0.0.1:1");
        assert_eq!(start, TlsStart::WhenTold);
        lobby.log();
        lobby.says(conn, says);
        assert_eq!(lobby.log(), [format!("secure {conn:?}")]);
        assert_eq!((lobby.wire(conn).reading, lobby.state(conn)), (None, State::Dialing), "{read_on}");
        lobby.wire(conn).incoming.clear();
        lobby.connects(conn);
        lobby.says(conn, request(Role::Dial, "tok"));
        if says == V2_CLIENT {
            let pair = lobby.matched();
            let answer = String::from_utf8_lossy(pair.relay.written(pair.dialer)).into_owned();
            assert!(answer.contains("Rdv-Observed-Addr: 192.0.2.1:39841"), "{answer}");
        }
    }
}

#[test]
fn what_has_been_read_of_tls_is_given_to_it() {
    let mut lobby = Lobby::new(behind(&["10.0.0.1"]));
    let now = beginning();
    let (conn, _) = lobby.handle_accept_tls(now, addr("10.0.0.1:1"));
    let Output::Intent(Intent::Read { max, .. }) = lobby.poll_output() else { panic!("no read") };
    assert_eq!(max.get(), 15);
    lobby.handle_input(now, Input::Read(conn, b"\x16\x03\x01"));
    let early = Bytes::from_static(b"\x16\x03\x01");
    let Output::Intent(intent) = lobby.poll_output() else { panic!("no intent") };
    assert_eq!(intent, Intent::Secure { conn, early });
}

#[test]
fn nobody_is_answered_in_clear_where_tls_is_expected() {
    for says in [&b"PROXY TCP4 nonsense\r\n"[..], b"PROXY TCP4 192.0.2.1"] {
        let mut lobby = Bench::open(behind(&["10.0.0.1"]));
        let (conn, _) = lobby.accept_tls("10.0.0.1:1");
        lobby.says(conn, says);
        lobby.wait(10_000);
        assert_eq!((lobby.written(conn), lobby.state(conn)), (&b""[..], State::Closed));
        assert!(matches!(lobby.left()[..], [Reason::Rejected(_)]));
    }
    // There is no room for another connection, whosever it is.
    let mut lobby = Bench::open(LobbyConfig { max_open: Some(1), ..behind(&["10.0.0.1"]) });
    lobby.accept_tls("10.0.0.1:1");
    let (conn, _) = lobby.accept_tls("10.0.0.1:2");
    assert_eq!((lobby.written(conn), lobby.state(conn)), (&b""[..], State::Closed));
    assert!(matches!(lobby.left()[..], [Reason::Rejected(Reject::Overloaded)]));
    // Too many of one client are told so in TLS.
    let mut lobby = Bench::open(LobbyConfig { max_conns_per_addr: 1, ..behind(&["10.0.0.1"]) });
    for answer in ["", "full-for-addr"] {
        let (conn, _) = lobby.accept_tls("10.0.0.1:1");
        lobby.says(conn, V2_CLIENT);
        assert_eq!(lobby.written(conn), b"");
        lobby.connects(conn);
        assert_eq!(lobby.answer(conn), answer);
    }
    // A handshake that fails, or takes too long.
    let mut lobby = Bench::open(behind(&["10.0.0.1"]));
    for patient in [false, true] {
        let (conn, _) = lobby.accept_tls("10.0.0.1:1");
        lobby.says(conn, V2_CLIENT);
        if patient {
            lobby.wait(10_000);
        } else {
            lobby.fails(conn, std::io::ErrorKind::InvalidData);
        }
        assert_eq!(lobby.left(), vec![Reason::Gone]);
    }
}
