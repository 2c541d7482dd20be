//! Signals end servers and clients cleanly.

use crate::common::{DIRECT, RELAYED, Rdv, Server, TOKEN, data};

#[test]
fn a_server_shuts_down_in_good_order() {
    for signal in ["INT", "TERM"] {
        let mut server = Server::start(&["-v"]);
        let client = Rdv::start(&["dial", &server.url, TOKEN]);
        server.rdv.wait_for("joined: DIAL");
        server.rdv.signal(signal);
        let end = server.rdv.finish();
        assert_eq!(end.status, Some(0), "{signal}: {:#?}", end.log);
        assert!(end.stdout.is_empty());

        let client = client.finish();
        assert_eq!(client.status, Some(3), "{:#?}", client.log);
        let start =
            "ERROR client: refused by the server status=503 reason=\"rdv server shutting down, try again\"";
        assert!(client.line("ERROR").starts_with(start), "{:#?}", client.log);
    }
}

#[test]
fn a_server_that_goes_cuts_relays_off() {
    let server = Server::start(&["--drain", "0"]);
    let pair = server.pair(RELAYED);
    server.rdv.signal("TERM");
    assert_eq!(server.rdv.finish().status, Some(0));
    for end in pair.map(Rdv::finish) {
        assert_eq!(end.status, Some(1), "{:#?}", end.log);
        assert!(end.line("ERROR").starts_with("ERROR client: lost the connection"), "{:#?}", end.log);
    }
}

#[test]
fn a_client_that_waits_is_130() {
    for signal in ["INT", "TERM", "HUP"] {
        let mut server = Server::start(&["-v"]);
        let client = Rdv::start(&["accept", &server.url, TOKEN]);
        server.rdv.wait_for("joined: ACCEPT");
        client.signal(signal);
        let end = client.finish();
        assert_eq!(end.status, Some(130), "{signal}: {:#?}", end.log);
        assert_eq!(end.log, ["INFO client: interrupted before the peer was connected"]);
    }
}

/// What the peer has got so far must not look complete to it.
#[test]
fn a_client_that_is_connected_resets() {
    for (signal, flags) in [("INT", DIRECT), ("TERM", RELAYED), ("HUP", RELAYED)] {
        let server = Server::start(&[]);
        let [dialer, accepter] = server.pair(flags);
        dialer.signal(signal);
        let end = dialer.finish();
        assert_eq!(end.status, Some(130), "{signal}: {:#?}", end.log);
        assert_eq!(end.line("INFO"), "INFO client: interrupted: connection reset");

        let end = accepter.finish();
        assert_eq!(end.status, Some(1), "{signal}: {:#?}", end.log);
        assert!(
            end.line("ERROR").starts_with("ERROR client: lost the connection to the peer: "),
            "{:#?}",
            end.log
        );
        assert!(
            end.line("INFO").starts_with("INFO client: peer disconnected tx=0 rx=0 dur="),
            "{:#?}",
            end.log
        );
    }
}

/// Both threads are stuck: one in reading stdin or writing to the peer, the other in writing to stdout.
#[test]
fn a_client_whose_pipes_are_stuck_ends_all_the_same() {
    let server = Server::start(&[]);
    let mut dialer = Rdv::start(&[&["dial", &server.url, TOKEN], DIRECT].concat());
    let (mut accepter, _stdout) =
        Rdv::start_and_hold_stdout(&[&["accept", &server.url, TOKEN], DIRECT].concat());
    dialer.feed(data(1, 16 << 20));
    accepter.wait_for("peer connected");
    accepter.signal("TERM");
    assert_eq!(accepter.finish().status, Some(130));
    let end = dialer.finish();
    assert_eq!(end.status, Some(1), "{:#?}", end.log);
}

/// The server waits for the client to read its answer, which is stopped and does not.
#[test]
fn a_second_signal_ends_a_server_at_once() {
    let mut server = Server::start(&["-v"]);
    let client = Rdv::start(&["dial", &server.url, TOKEN]);
    server.rdv.wait_for("joined: DIAL");
    client.signal("STOP");
    server.rdv.signal_twice("TERM", "INT");
    let end = server.rdv.finish();
    client.signal("CONT");
    assert_eq!(end.status, Some(130), "{:#?}", end.log);
}
