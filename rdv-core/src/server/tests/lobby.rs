//! Who is paired with whom, and who leaves.

use std::io::ErrorKind;

use super::*;

fn open() -> Bench<Lobby> {
    Bench::open(LobbyConfig::default())
}

fn rejected(reject: Reject) -> [Reason; 1] {
    [Reason::Rejected(reject)]
}

#[test]
fn a_pair_is_answered_the_dialer_first() {
    for first in [Role::Dial, Role::Accept] {
        for chop in [1, usize::MAX] {
            let mut lobby = open();
            lobby.chop = chop;
            let waiting = lobby.join(first, "tok");
            assert_eq!((lobby.machine.waiting(), lobby.answer(waiting)), (1, ""));
            let arriving = lobby.join(first.other(), "tok");
            let mut pair = lobby.matched();
            let (dialer, accepter) =
                if first == Role::Dial { (waiting, arriving) } else { (arriving, waiting) };
            assert_eq!((pair.dialer, pair.accepter), (dialer, accepter));
            let answer = "HTTP/1.1 101 Switching Protocols";
            assert_eq!(
                pair.relay.log(),
                [format!("write {dialer:?} {answer}"), format!("write {accepter:?} {answer}")]
            );
            assert!(lobby.machine.is_empty() && lobby.machine.waiting() == 0);
            assert_eq!(lobby.deadline, None, "the lobby's deadline does not apply to a pair");
        }
    }
}

#[test]
fn each_is_told_of_itself_and_of_the_other() {
    let mut lobby = open();
    let dialer = lobby.accept("[::ffff:127.0.0.1]:45026");
    lobby.says(dialer, request(Role::Dial, "tok").replace("10.0.0.1:1", ""));
    let accepter = lobby.accept("127.0.0.1:45030");
    lobby.says(
        accepter,
        request(Role::Accept, "tok").replace("10.0.0.1:1", "[::1]:9, 10.0.0.7:1, 10.0.0.7:1"),
    );
    let pair = lobby.matched();
    assert_eq!(
        String::from_utf8_lossy(pair.relay.written(dialer)),
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nRdv-Observed-Addr: 127.0.0.1:45026\r\n\
         Rdv-Peer-Addrs: 10.0.0.7:1, 127.0.0.1:45030, [::1]:9\r\nUpgrade: rdv/1\r\n\r\n"
    );
    assert_eq!(
        String::from_utf8_lossy(pair.relay.written(accepter)),
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nRdv-Observed-Addr: 127.0.0.1:45030\r\n\
         Rdv-Peer-Addrs: 127.0.0.1:45026\r\nUpgrade: rdv/1\r\n\r\n"
    );
    assert_eq!(pair.relay.written(accepter).len(), 142);
}

#[test]
fn only_other_roles_with_the_same_token_are_paired() {
    let mut lobby = open();
    lobby.join(Role::Dial, "a");
    lobby.join(Role::Dial, "b");
    lobby.join(Role::Accept, "c");
    lobby.join(Role::Accept, "A");
    assert!(lobby.events.is_empty());
    assert_eq!(lobby.machine.waiting(), 4);
    let accepter = lobby.join(Role::Accept, "%61?x=1");
    assert_eq!(lobby.matched().accepter, accepter);
}

#[test]
fn a_silent_client_is_closed_after_10_seconds_without_a_word() {
    let mut lobby = open();
    let client = lobby.client();
    lobby.wait(9_999);
    assert_eq!(lobby.state(client), State::Open);
    lobby.wait(1);
    assert_eq!((lobby.state(client), lobby.answer(client)), (State::Closed, ""));
    assert_eq!(lobby.left(), [Reason::Gone]);
}

/// The reference refuses a first line that is no request at once; here a head is read to its end or timeout.
#[test]
fn an_unfinished_head_is_answered_after_10_seconds() {
    for part in ["D", "garbage\r\n", "DIAL /tok HTTP/1.1\r\nHost: h\r\n"] {
        let mut lobby = open();
        let client = lobby.client();
        lobby.wait(6_000);
        lobby.says(client, part);
        lobby.wait(3_999);
        assert_eq!(lobby.answer(client), "", "{part:?}");
        lobby.wait(1);
        assert_eq!((lobby.status(client), lobby.answer(client)), ("408", "head-timeout"), "{part:?}");
        assert_eq!(lobby.left(), rejected(Reject::HeadTimeout), "{part:?}");
    }
}

#[test]
fn a_client_that_ends_before_its_request_does() {
    let mut lobby = open();
    let client = lobby.client();
    lobby.fins(client);
    assert_eq!((lobby.state(client), lobby.answer(client)), (State::Closed, ""));
    assert_eq!(lobby.left(), [Reason::Gone]);

    let client = lobby.client();
    lobby.says(client, "DIAL /tok HTTP/1.1\r\nHost: h\r\n");
    lobby.fins(client);
    assert_eq!((lobby.status(client), lobby.answer(client)), ("400", "malformed"));

    let client = lobby.client();
    lobby.fails(client, ErrorKind::ConnectionReset);
    assert_eq!(lobby.answer(client), "");
    assert_eq!(lobby.events.len(), 2);
}

#[test]
fn bad_heads_are_answered() {
    let rows = [
        ("GET /x HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), "426", "not-an-upgrade"),
        (request(Role::Dial, ""), "400", "empty-token"),
        (request(Role::Dial, "tok").replace("10.0.0.1:1", "x"), "400", "bad-self-addrs"),
        ("DIAL /tok HTTP/1.1\r\nHost: h\nUpgrade: rdv/1\r\n\r\n".to_owned(), "400", "malformed"),
        (format!("DIAL /tok HTTP/1.1\r\nX-Long: {}", "x".repeat(60_000)), "431", "head-too-large"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), "505", "version"),
    ];
    for (head, status, code) in rows {
        for chop in [1, usize::MAX] {
            let mut lobby = open();
            lobby.chop = chop;
            let client = lobby.client();
            lobby.says(client, &head);
            assert_eq!((lobby.status(client), lobby.answer(client)), (status, code), "{head:.60}");
            // The reference keeps the connection for another request.
            lobby.says(client, request(Role::Dial, "tok"));
            assert_eq!(lobby.machine.waiting(), 0, "{head:.60}: one request, one answer");
        }
    }
}

#[test]
fn no_peer_comes_in_time() {
    let mut lobby = Bench::open(LobbyConfig { lobby_timeout: Some(secs(6)), ..LobbyConfig::default() });
    let client = lobby.client();
    lobby.wait(4_000);
    lobby.says(client, request(Role::Accept, "tok"));
    lobby.wait(5_999);
    assert_eq!(lobby.answer(client), "");
    lobby.wait(1);
    assert_eq!((lobby.status(client), lobby.answer(client)), ("408", "no-peer"));
    assert_eq!(lobby.left(), rejected(Reject::NoPeer));
    assert_eq!(lobby.machine.waiting(), 0);

    let mut lobby = Bench::open(LobbyConfig { lobby_timeout: None, ..LobbyConfig::default() });
    lobby.join(Role::Accept, "tok");
    lobby.wait(10_000_000);
    assert_eq!((lobby.machine.waiting(), lobby.deadline), (1, None));
}

/// What a waiting client says, of whatever kind it is.
#[test]
fn a_waiting_client_idles() {
    let large = vec![b'x'; 100_000];
    for out_of_turn in [&b"x"[..], b"CONTINUE\n", b"hello", b"0\r\n\r\n", &large, b""] {
        for pipelined in [false, true] {
            let shown = out_of_turn[..out_of_turn.len().min(20)].escape_ascii();
            let mut lobby = open();
            let client = lobby.client();
            let request = request(Role::Dial, "tok");
            if pipelined {
                lobby.says(client, [request.as_bytes(), out_of_turn].concat());
            } else {
                lobby.says(client, request);
                assert_eq!(lobby.answer(client), "");
                lobby.says(client, out_of_turn);
            }
            if out_of_turn.is_empty() {
                lobby.fins(client);
            }
            assert_eq!((lobby.status(client), lobby.answer(client)), ("400", "not-idle"), "{shown}");
            assert_eq!(lobby.left(), rejected(Reject::NotIdle), "{shown}");
            lobby.join(Role::Accept, "tok");
            assert!(lobby.events.is_empty(), "{shown}: the peer has nobody to be paired with");
        }
    }
}

#[test]
fn a_waiting_client_that_breaks_is_gone() {
    let mut lobby = open();
    let client = lobby.join(Role::Dial, "tok");
    lobby.fails(client, ErrorKind::ConnectionReset);
    assert_eq!(lobby.left(), [Reason::Gone]);
    assert_eq!((lobby.answer(client), lobby.machine.waiting()), ("", 0));
    lobby.join(Role::Accept, "tok");
    assert!(lobby.events.is_empty());
}

#[test]
fn a_newer_client_of_the_same_role_replaces_the_older() {
    for role in [Role::Dial, Role::Accept] {
        let mut lobby = Bench::open(LobbyConfig { lobby_timeout: Some(secs(6)), ..LobbyConfig::default() });
        let old = lobby.join(role, "tok");
        lobby.wait(4_000);
        let new = lobby.join(role, "tok");
        assert_eq!((lobby.status(old), lobby.answer(old)), ("409", "replaced"));
        assert_eq!(lobby.left(), rejected(Reject::Replaced));
        assert_eq!((lobby.answer(new), lobby.machine.waiting()), ("", 1));
        lobby.wait(5_999);
        assert_eq!(lobby.answer(new), "", "the new one has a time of its own");
        lobby.join(role.other(), "tok");
        let pair = lobby.matched();
        assert!([pair.dialer, pair.accepter].contains(&new));
    }
}

#[test]
fn connections_are_named_one_by_one() {
    let mut lobby = open();
    let names = [0; 3].map(|_| lobby.client().to_u64());
    assert_eq!(names, [1, 2, 3], "names are keys: small, and none twice");
    assert!(!lobby.machine.is_empty(), "three are here");
}

/// Two clients, of which the lobby does not know yet whether the first is alive.
fn asked_for() -> (Bench<Lobby>, ConnId, ConnId) {
    let mut lobby = open();
    let waiting = lobby.join(Role::Accept, "tok");
    lobby.lags(waiting);
    lobby.log();
    let arriving = lobby.join(Role::Dial, "tok");
    assert_eq!(lobby.log(), [format!("check {waiting:?}")]);
    assert!(lobby.events.is_empty());
    (lobby, waiting, arriving)
}

#[test]
fn a_living_client_is_paired_once_it_is_known_to_be() {
    let (mut lobby, waiting, arriving) = asked_for();
    lobby.releases(waiting);
    let pair = lobby.matched();
    assert_eq!((pair.accepter, pair.dialer), (waiting, arriving));
    assert_eq!(pair.relay.wires[&waiting].reading, Some(1), "the watch goes on, and is the relay's now");
}

/// The reference pairs the newcomer with the dead, and it gets an end of stream for an answer.
#[test]
fn a_newcomer_waits_in_the_place_of_a_dead_client() {
    for how in ["FIN", "RST", "byte"] {
        let (mut lobby, waiting, arriving) = asked_for();
        match how {
            "RST" => lobby.fails(waiting, ErrorKind::ConnectionReset),
            "FIN" => lobby.fins(waiting),
            _ => lobby.says(waiting, "x"),
        }
        if how != "RST" {
            lobby.releases(waiting);
        }
        let reason = if how == "RST" { Reason::Gone } else { Reason::Rejected(Reject::NotIdle) };
        assert_eq!(lobby.left(), [reason], "{how}");
        assert_eq!((lobby.answer(arriving), lobby.machine.waiting()), ("", 1), "{how}");
        let accepter = lobby.join(Role::Accept, "tok");
        let pair = lobby.matched();
        assert_eq!((pair.dialer, pair.accepter), (arriving, accepter), "{how}");
    }
}

#[test]
fn the_arriving_client_can_be_replaced() {
    let (mut lobby, waiting, arriving) = asked_for();
    let newer = lobby.join(Role::Dial, "tok");
    assert_eq!(lobby.left(), rejected(Reject::Replaced));
    assert_eq!(lobby.answer(arriving), "replaced");
    lobby.releases(waiting);
    assert_eq!(lobby.matched().dialer, newer);
}

#[test]
fn the_waiting_client_can_be_replaced_while_another_arrives() {
    let (mut lobby, waiting, arriving) = asked_for();
    let newer = lobby.join(Role::Accept, "tok");
    let pair = lobby.matched();
    assert_eq!(
        (pair.accepter, pair.dialer),
        (newer, arriving),
        "both have just come: there is nothing to ask"
    );
    assert_eq!(lobby.left(), rejected(Reject::Replaced));
    assert_eq!((lobby.answer(waiting), lobby.machine.waiting()), ("replaced", 0));
    lobby.releases(waiting);
    assert!(lobby.events.is_empty(), "an answer that comes late changes nothing");
}

#[test]
fn the_waiting_client_can_time_out_while_another_arrives() {
    let mut lobby = open();
    let waiting = lobby.join(Role::Accept, "tok");
    lobby.lags(waiting);
    lobby.wait(599_999);
    let arriving = lobby.join(Role::Dial, "tok");
    lobby.wait(1);
    assert_eq!((lobby.answer(waiting), lobby.answer(arriving)), ("no-peer", ""));
    assert_eq!(lobby.machine.waiting(), 1);
    lobby.wait(599_998);
    assert_eq!(lobby.answer(arriving), "");
    lobby.wait(1);
    assert_eq!(lobby.answer(arriving), "no-peer");
}
