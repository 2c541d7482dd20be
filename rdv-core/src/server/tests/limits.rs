//! How many may come, from where, and until when.

use http::HeaderName;

use super::*;
use crate::Observed;

#[test]
fn a_full_server_says_so_and_then_nothing() {
    let mut lobby = Bench::open(LobbyConfig { max_waiting: 2, ..LobbyConfig::default() });
    let waiting = ["tok0", "tok1"].map(|token| lobby.join(Role::Dial, token));
    let refused = ["tok2", "tok3"].map(|token| lobby.join(Role::Dial, token));
    for conn in refused {
        assert_eq!((lobby.status(conn), lobby.answer(conn)), ("503", "full"));
    }
    let closed = lobby.client();
    assert_eq!(
        (lobby.state(closed), lobby.answer(closed)),
        (State::Closed, ""),
        "there is a hard limit as well"
    );
    assert_eq!(lobby.left(), vec![Reason::Rejected(Reject::Full); 3]);

    lobby.wait(1_000);
    assert_eq!(lobby.state(refused[0]), State::Closed);
    assert!(waiting.iter().all(|conn| lobby.state(*conn) == State::Open));
    lobby.join(Role::Accept, "tok0");
    assert_eq!(lobby.matched().dialer, waiting[0], "whoever comes for a waiting client takes no room");
    lobby.join(Role::Accept, "tok4");
    assert_eq!(lobby.left(), vec![], "there is room again");
}

#[test]
fn an_address_has_its_share() {
    let mut lobby = Bench::open(LobbyConfig { max_conns_per_addr: 2, ..LobbyConfig::default() });
    let rows = [
        ("192.0.2.1:1", ""),
        ("192.0.2.1:2", ""),
        ("192.0.2.1:3", "full-for-addr"),
        ("[::ffff:192.0.2.1]:4", "full-for-addr"),
        ("192.0.2.2:1", ""),
        ("[2001:db8::1]:1", ""),
        ("[2001:db8::2]:1", ""),
        // A host has a whole /64.
        ("[2001:db8::ffff:0:0:1]:1", "full-for-addr"),
        ("[2001:db8:0:1::1]:1", ""),
    ];
    for (remote, answer) in rows {
        let conn = lobby.accept(remote);
        assert_eq!(lobby.answer(conn), answer, "{remote}");
        if !answer.is_empty() {
            assert_eq!(lobby.status(conn), "429", "{remote}");
        }
    }
    lobby.wait(10_000);
    let conn = lobby.accept("192.0.2.1:5");
    assert_eq!(lobby.answer(conn), "", "the share is free again once its holders have left");
}

#[test]
fn pairs_do_not_count() {
    let config = LobbyConfig { max_waiting: 2, max_conns_per_addr: 2, ..LobbyConfig::default() };
    let mut lobby = Bench::open(config);
    for i in 0..10 {
        lobby.join(Role::Dial, &format!("tok{i}"));
        lobby.join(Role::Accept, &format!("tok{i}"));
        lobby.matched();
    }
    assert!(lobby.machine.is_empty());
}

#[test]
fn a_server_that_shuts_down_tells_all() {
    let mut lobby = Bench::open(LobbyConfig::default());
    let waiting = lobby.join(Role::Dial, "a");
    let asked_for = lobby.join(Role::Accept, "b");
    lobby.lags(asked_for);
    let arriving = lobby.join(Role::Dial, "b");
    let asking = lobby.client();
    lobby.says(asking, "DIAL ");
    lobby.machine.close(lobby.now);
    lobby.settle();
    for conn in [waiting, asked_for, arriving] {
        assert_eq!((lobby.status(conn), lobby.answer(conn)), ("503", "shutting-down"), "{conn:?}");
    }
    assert_eq!(lobby.left(), vec![Reason::Rejected(Reject::ShuttingDown); 3]);
    assert_eq!(lobby.machine.waiting(), 0);

    lobby.says(asking, "/a HTTP/1.1\r\nHost: h\r\n\r\n");
    let later = lobby.join(Role::Accept, "a");
    for conn in [asking, later] {
        assert_eq!(
            (lobby.status(conn), lobby.answer(conn)),
            ("503", "closed"),
            "before anything else is looked at"
        );
    }
    lobby.releases(asked_for);
    let silent = lobby.client();
    lobby.wait(10_000);
    assert!(lobby.machine.is_empty());
    assert_eq!(lobby.state(silent), State::Closed);
}

/// What a proxy may put into the header that the operator names, and the address it stands for.
#[test]
fn the_observed_address_can_be_a_proxy_s_word() {
    let rows = [
        ("X-Real: 192.0.2.1:39841", Some("192.0.2.1:39841")),
        ("X-Real: [2001:db8::1]:39841", Some("[2001:db8::1]:39841")),
        ("X-Real: [192.0.2.1]:39841", Some("192.0.2.1:39841")),
        ("X-Real: [::ffff:192.0.2.1]:39841", Some("192.0.2.1:39841")),
        ("x-REAL:   192.0.2.1:39841  ", Some("192.0.2.1:39841")),
        ("X-Real: 192.0.2.1", None),
        ("X-Real: 192.0.2.1:1, 192.0.2.2:2", None),
        ("X-Real: unknown", None),
        ("X-Real:", None),
        ("X-Other: 192.0.2.1:39841", None),
    ];
    for (header, observed) in rows {
        let name = HeaderName::from_static("x-real");
        let mut lobby =
            Bench::open(LobbyConfig { observed: Observed::Header(name), ..LobbyConfig::default() });
        for role in [Role::Dial, Role::Accept] {
            let conn = lobby.client();
            lobby.says(conn, request(role, "tok").replace("Host", &format!("{header}\r\nHost")));
            if observed.is_none() {
                assert_eq!((lobby.status(conn), lobby.answer(conn)), ("400", "no-observed-addr"), "{header}");
            }
        }
        if let Some(observed) = observed {
            let pair = lobby.matched();
            let answer = String::from_utf8_lossy(pair.relay.written(pair.dialer)).into_owned();
            assert!(answer.contains(&format!("\r\nRdv-Observed-Addr: {observed}\r\n")), "{header}: {answer}");
        }
    }
}

#[test]
fn without_a_proxy_nobody_s_word_counts() {
    let mut lobby = Bench::open(LobbyConfig::default());
    for role in [Role::Dial, Role::Accept] {
        let conn = lobby.client();
        lobby.says(conn, request(role, "tok").replace("Host", "X-Forwarded-For: 192.0.2.1\r\nHost"));
    }
    let pair = lobby.matched();
    let answer = String::from_utf8_lossy(pair.relay.written(pair.accepter)).into_owned();
    assert!(answer.contains("\r\nRdv-Observed-Addr: 203.0.113.7:"), "{answer}");
}
