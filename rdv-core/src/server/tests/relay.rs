//! From the match to the dialer's command.

use std::io::ErrorKind;

use http::StatusCode;

use super::*;

/// What a dialer says, and what comes of it: the bytes left for the accepter, or how the pair ends.
type Row<'a> = (&'a str, Result<&'a str, RelayEnd>);

fn direct(text: &str) -> RelayEnd {
    RelayEnd::Direct(Some(addr(text)))
}

#[test]
fn commands_are_obeyed_as_by_the_reference() {
    let none = Err(RelayEnd::NoCommand);
    let zeds = format!("CONTINUE\n{}", "z".repeat(5000));
    let rows: &[Row<'_>] = &[
        ("CONTINUE\n", Ok("")),
        ("CONTINUE\nhello", Ok("hello")),
        (&zeds, Ok(&zeds[9..])),
        ("CONTINUE\r\nrest", Ok("rest")),
        ("CONTINUE extra\nrest", Ok("rest")),
        ("CONTINUE extra more\nrest", Ok("rest")),
        (" CONTINUE\nrest", Ok("rest")),
        ("CONTINUE \nrest", Ok("rest")),
        ("CONTINUE\tx\nrest", Ok("rest")),
        ("CONTINUE\nCONTINUE\n", Ok("CONTINUE\n")),
        ("CONTINUE\n\n\r\n", Ok("\n\r\n")),
        ("continue\nrest", none),
        ("CONTINUEX\nrest", none),
        ("\nCONTINUE\n", none),
        ("OTHER 192.0.2.9:99\n", Err(direct("192.0.2.9:99"))),
        ("OTHER [2001:db8::1]:99\n", Err(direct("[2001:db8::1]:99"))),
        ("OTHER 192.0.2.9:99\r\n", Err(direct("192.0.2.9:99"))),
        ("OTHER garbage\n", Err(RelayEnd::Direct(None))),
        ("OTHER\n", none),
        ("OTHER 192.0.2.9:99\ntrailing data", Err(direct("192.0.2.9:99"))),
        ("FOO bar\n", none),
        ("FOO\nxxxxxxxx", none),
    ];
    for (said, outcome) in rows {
        for chop in [1, 4, usize::MAX] {
            for first in [Role::Dial, Role::Accept] {
                let mut pair = Pair::of(first, LobbyConfig::default());
                pair.relay.chop = chop;
                pair.relay.says(pair.dialer, said);
                match outcome {
                    Ok(left) => {
                        let splice = pair.splice();
                        assert_eq!(
                            (splice.dialer, splice.accepter),
                            (pair.dialer, pair.accepter),
                            "{said:?}"
                        );
                        assert_eq!(pair.accepter_got(), b"CONTINUE\n", "{said:?}");
                        assert_eq!(pair.relay.wires[&pair.dialer].incoming, left.as_bytes(), "{said:?}");
                        assert_eq!(pair.relay.wires[&pair.dialer].reading, None, "{said:?}");
                    }
                    Err(end) => {
                        assert_eq!(pair.finished().end, *end, "{said:?}");
                        assert_eq!(pair.accepter_got(), b"", "{said:?}: nothing is forwarded");
                        assert_eq!(pair.states(), [State::Closed; 2], "{said:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_command_has_4096_bytes_at_most() {
    let line = |len: usize| format!("CONTINUE {}\nrest", "x".repeat(len - 10));
    for chop in [1, 1000, usize::MAX] {
        let mut pair = Pair::of(Role::Accept, LobbyConfig::default());
        pair.relay.chop = chop;
        pair.relay.says(pair.dialer, line(4096));
        pair.splice();
        assert_eq!(pair.relay.wires[&pair.dialer].incoming, b"rest");

        for too_long in [line(4097), "x".repeat(4096)] {
            let mut pair = Pair::of(Role::Accept, LobbyConfig::default());
            pair.relay.chop = chop;
            pair.relay.says(pair.dialer, too_long);
            assert_eq!(pair.finished().end, RelayEnd::NoCommand);
        }
    }
}

#[test]
fn a_dialer_that_ends_has_given_no_command() {
    for said in ["", "CONT", "CONTINUE", "OTHER 1.2.3.4:5"] {
        for first in [Role::Dial, Role::Accept] {
            let mut pair = Pair::of(first, LobbyConfig::default());
            pair.relay.says(pair.dialer, said);
            assert!(pair.relay.events.is_empty(), "{said:?}");
            pair.relay.fins(pair.dialer);
            assert_eq!(pair.finished().end, RelayEnd::NoCommand, "{said:?}");
            assert_eq!((pair.accepter_got(), pair.states()), (&b""[..], [State::Closed; 2]), "{said:?}");
        }
    }
}

#[test]
fn a_client_that_breaks_ends_the_pair() {
    let mut pair = Pair::of(Role::Accept, LobbyConfig::default());
    pair.relay.fails(pair.dialer, ErrorKind::ConnectionReset);
    assert_eq!(pair.finished().end, RelayEnd::Broken(Role::Dial, ErrorKind::ConnectionReset));

    let mut pair = Pair::of(Role::Accept, LobbyConfig::default());
    pair.relay.fails(pair.accepter, ErrorKind::ConnectionReset);
    assert_eq!(pair.finished().end, RelayEnd::Broken(Role::Accept, ErrorKind::ConnectionReset));
    assert_eq!(pair.relay.state(pair.dialer), State::Closed);
}

/// The second of a pair to come may say more than its request: none of it is lost.
#[test]
fn a_command_may_stand_right_behind_the_request() {
    for chop in [1, usize::MAX] {
        let mut lobby = Bench::open(LobbyConfig::default());
        lobby.chop = chop;
        lobby.join(Role::Accept, "tok");
        let dialer = lobby.client();
        lobby.says(dialer, request(Role::Dial, "tok") + "CONTINUE\nearly");
        let mut pair = lobby.matched();
        let splice = pair.splice();
        assert_eq!(pair.accepter_got(), b"CONTINUE\n");
        let mut early = splice.behind_command.to_vec();
        early.extend_from_slice(&pair.relay.wires[&dialer].incoming);
        assert_eq!(early, b"early", "handed over, or still to be read");
    }
}

#[test]
fn an_accepter_may_speak_right_behind_the_request() {
    let mut lobby = Bench::open(LobbyConfig::default());
    lobby.join(Role::Dial, "tok");
    let accepter = lobby.client();
    lobby.says(accepter, request(Role::Accept, "tok") + "early accepter data");
    let mut pair = lobby.matched();
    pair.relay.says(pair.dialer, "CONTINUE\n");
    let splice = pair.splice();
    assert_eq!((&splice.early.data[..], splice.early.eof), (&b"early accepter data"[..], false));
}

/// CONTINUE can be there before either 101 is written: it waits for both, each a write of its own.
#[test]
fn continue_waits_for_both_answers() {
    for order in [[0, 1], [1, 0]] {
        let mut lobby = Bench::open(LobbyConfig::default());
        let accepter = lobby.join(Role::Accept, "tok");
        lobby.holds(accepter);
        let dialer = lobby.client();
        lobby.holds(dialer);
        lobby.says(dialer, request(Role::Dial, "tok") + "CONTINUE\n");
        let mut pair = lobby.matched();
        let conns = [dialer, accepter];
        assert_eq!(pair.accepter_got(), b"");
        pair.relay.releases(conns[order[0]]);
        assert_eq!(pair.accepter_got(), b"", "{order:?}");
        pair.relay.releases(conns[order[1]]);
        assert_eq!(pair.accepter_got(), b"CONTINUE\n", "{order:?}");
        pair.splice();
    }
}

#[test]
fn nothing_is_copied_before_continue_is_told() {
    let mut pair = Pair::of(Role::Accept, LobbyConfig::default());
    pair.relay.holds(pair.accepter);
    pair.relay.says(pair.dialer, "CONTINUE\nhello");
    assert!(pair.relay.events.is_empty());
    pair.relay.releases(pair.accepter);
    pair.splice();
}

#[test]
fn what_an_accepter_says_early_is_kept() {
    let mut pair = Pair::of(Role::Accept, LobbyConfig::default());
    pair.relay.says(pair.accepter, "early data from accepter");
    assert!(pair.relay.events.is_empty());
    pair.relay.says(pair.dialer, "CONTINUE\n");
    let splice = pair.splice();
    assert_eq!((&splice.early.data[..], splice.early.eof), (&b"e"[..], false));
    assert_eq!(pair.relay.wires[&pair.accepter].incoming, b"arly data from accepter");
    assert_eq!(pair.relay.wires[&pair.accepter].reading, None);
}

#[test]
fn an_accepter_may_end_its_stream_early() {
    let mut pair = Pair::of(Role::Accept, LobbyConfig::default());
    pair.relay.fins(pair.accepter);
    assert!(pair.relay.events.is_empty());
    pair.relay.says(pair.dialer, "CONTINUE\nsome data");
    let splice = pair.splice();
    assert_eq!((splice.early.data.len(), splice.early.eof), (0, true));
    assert_eq!(pair.states(), [State::Open; 2], "the other direction goes on");
}

#[test]
fn the_lobby_s_watch_is_the_relay_s_first_read() {
    let pair = Pair::of(Role::Dial, LobbyConfig::default());
    assert_eq!(pair.relay.wires[&pair.dialer].reading, Some(1));
    assert_eq!(pair.relay.wires[&pair.accepter].reading, None);

    let pair = Pair::of(Role::Accept, LobbyConfig::default());
    assert_eq!(pair.relay.wires[&pair.dialer].reading, Some(9));
    assert_eq!(pair.relay.wires[&pair.accepter].reading, Some(1));
}

/// Whoever copies must not find a byte missing: the watch on the accepter ends first, whatever it brings.
#[test]
fn the_watch_on_the_accepter_ends_before_the_copying_begins() {
    for said in ["", "x", "xyz", "FIN"] {
        let mut pair = Pair::of(Role::Accept, LobbyConfig::default());
        let accepter = pair.accepter;
        pair.relay.lags(accepter);
        match said {
            "FIN" => pair.relay.fins(accepter),
            _ => pair.relay.says(accepter, said),
        }
        pair.relay.log();
        pair.relay.says(pair.dialer, "CONTINUE\n");
        assert_eq!(pair.relay.log(), [format!("write {accepter:?} CONTINUE"), format!("stop {accepter:?}")]);
        assert!(pair.relay.events.is_empty(), "{said:?}");
        pair.relay.releases(accepter);
        let early = pair.splice().early;
        let (first, rest) = if said == "FIN" { ("", "") } else { said.split_at(said.len().min(1)) };
        assert_eq!((&early.data[..], early.eof), (first.as_bytes(), said == "FIN"), "{said:?}");
        assert_eq!(pair.relay.wires[&accepter].incoming, rest.as_bytes(), "{said:?}");
    }
}

#[test]
fn a_pair_that_ends_behind_continue_is_cut() {
    for stage in ["told", "stopped"] {
        for how in ["RST", "idle", "shutdown"] {
            let mut pair = Pair::of(Role::Accept, idle_after(secs(5)));
            let accepter = pair.accepter;
            match stage {
                "told" => pair.relay.holds(accepter),
                _ => pair.relay.lags(accepter),
            }
            pair.relay.says(pair.dialer, "CONTINUE\n");
            match how {
                "RST" => pair.relay.fails(accepter, ErrorKind::ConnectionReset),
                "idle" => pair.relay.wait(5_000),
                _ => {
                    pair.relay.machine.close(pair.relay.now);
                    pair.relay.settle();
                }
            }
            pair.finished();
            assert_eq!(pair.states(), [State::Reset; 2], "{how} while the accepter is being {stage}");
        }
    }
}

/// From CONTINUE on the dialer takes what it gets for the peer's, also if the accepter has no answer yet.
#[test]
fn a_pair_that_ends_while_continue_waits_is_cut() {
    let mut lobby = Bench::open(idle_after(secs(5)));
    let accepter = lobby.join(Role::Accept, "tok");
    lobby.holds(accepter);
    lobby.join(Role::Dial, "tok");
    let mut pair = lobby.matched();
    pair.relay.says(pair.dialer, "CONTINUE\n");
    assert!(pair.relay.events.is_empty(), "the accepter has no 101 yet");
    pair.relay.wait(5_000);
    assert_eq!((pair.finished().end, pair.states()), (RelayEnd::Idle, [State::Reset; 2]));
}

#[test]
fn inputs_of_others_are_ignored() {
    let mut lobby = Bench::open(LobbyConfig::default());
    let stranger = lobby.client();
    lobby.join(Role::Accept, "tok");
    lobby.join(Role::Dial, "tok");
    let mut pair = lobby.matched();
    pair.relay.machine.handle_input(pair.relay.now, Input::Read(stranger, b"CONTINUE\n"));
    pair.relay.machine.handle_input(pair.relay.now, Input::Failed(stranger, ErrorKind::BrokenPipe));
    pair.relay.settle();
    assert!(pair.relay.events.is_empty());
}

#[test]
fn an_application_may_keep_a_pair_apart() {
    let mut lobby = Bench::open(LobbyConfig { keep_headers: true, ..LobbyConfig::default() });
    for role in [Role::Dial, Role::Accept] {
        let conn = lobby.client();
        lobby.says(conn, request(role, "tok").replace("Host", &format!("Cookie: {role}\r\nHost")));
    }
    let reason = Reject::Application(StatusCode::PAYMENT_REQUIRED, "both of you owe us".into());
    let mut pair = lobby.matched_and(|relay, now| {
        assert_eq!(relay.request(Role::Dial).unwrap().headers["cookie"], "DIAL");
        assert_eq!(relay.request(Role::Accept).unwrap().headers["cookie"], "ACCEPT");
        assert_eq!(relay.observed(Role::Dial), addr("203.0.113.7:40000"));
        assert_eq!(relay.observed(Role::Accept), addr("203.0.113.7:40001"));
        assert!(relay.reject(now, &reason));
    });
    for conn in [pair.dialer, pair.accepter] {
        let answer = String::from_utf8_lossy(pair.relay.written(conn)).into_owned();
        assert!(answer.starts_with("HTTP/1.1 402 Payment Required\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\nboth of you owe us"), "{answer}");
    }
    assert!(!pair.relay.machine.reject(pair.relay.now, &reason), "too late, or twice");
    pair.relay.fins(pair.dialer);
    pair.relay.wait(1_000);
    assert_eq!(pair.finished().end, RelayEnd::Rejected);
}

#[test]
fn headers_are_dropped_unless_they_are_wanted() {
    let pair = Pair::of(Role::Dial, LobbyConfig::default());
    assert!(pair.relay.machine.request(Role::Dial).unwrap().headers.is_empty());
}
