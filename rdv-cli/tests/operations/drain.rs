//! A server that is asked to end.

use std::io::{Read, Write};

use crate::common::{RELAYED, Rdv, TOKEN};
use crate::http::{ask, connect, get, upgrade};
use crate::watch::{wait_for, watched};

#[test]
fn it_takes_nobody_in_and_lets_relays_finish() {
    let (mut server, metrics) = watched(&["-v"]);
    let addr = server.url.strip_prefix("http://").unwrap().to_owned();
    let [mut dialer, mut accepter] = server.pair(RELAYED);
    let mut waiting = connect(&addr);
    waiting.write_all(upgrade("DIAL", "alone").as_bytes()).unwrap();
    wait_for(&metrics, "a client that waits", |it| it["rdv_waiting"] == 1.0);

    server.rdv.signal("TERM");
    let line = server.rdv.wait_for("draining");
    assert_eq!(line, "INFO server: draining waiting=1 pairs=1 for=30s");
    let mut told = String::new();
    waiting.read_to_string(&mut told).unwrap();
    assert!(told.starts_with("HTTP/1.1 503 ") && told.contains("\r\nRetry-After: 1\r\n"), "{told}");
    assert!(told.contains("\r\nRdv-Error: shutting-down\r\n"), "{told}");
    let refused = ask(&addr, &upgrade("DIAL", "late"));
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    let ready = get(&metrics, "/readyz");
    assert_eq!((ready.status, ready.body.as_str()), (503, "draining\n"));
    assert_eq!(get(&metrics, "/healthz").status, 200);

    // The relay goes on to its own end, and the server with it, long before its time is over.
    dialer.feed(*b"still");
    accepter.feed(*b"here");
    let ends = [dialer, accepter].map(Rdv::finish);
    assert_eq!(ends.each_ref().map(|end| end.stdout.as_slice()), [&b"here"[..], b"still"]);
    assert_eq!(ends.map(|end| end.status), [Some(0); 2]);
    assert_eq!(server.rdv.finish().status, Some(0));
}

#[test]
fn when_its_time_is_over_relays_are_cut_off() {
    let (server, _) = watched(&["--drain", "50ms"]);
    let pair = server.pair(RELAYED);
    server.rdv.signal("TERM");
    assert_eq!(server.rdv.finish().status, Some(0));
    for end in pair.map(Rdv::finish) {
        assert_eq!(end.status, Some(1), "{:#?}", end.log);
    }
}

#[test]
fn sigint_is_at_once_and_so_is_the_second_signal() {
    let (server, _) = watched(&[]);
    let pair = server.pair(RELAYED);
    server.rdv.signal("INT");
    assert_eq!(server.rdv.finish().status, Some(0));
    assert_eq!(pair.map(|rdv| rdv.finish().status), [Some(1); 2]);

    let (mut server, _) = watched(&[]);
    let _pair = server.pair(RELAYED);
    server.rdv.signal("TERM");
    server.rdv.wait_for("draining");
    server.rdv.signal("TERM");
    assert_eq!(server.rdv.finish().status, Some(130));
}

#[test]
fn a_server_that_only_has_waiting_clients_ends_soon() {
    let (mut server, _) = watched(&["-v"]);
    let client = Rdv::start(&["dial", &server.url, TOKEN]);
    server.rdv.wait_for("joined: DIAL");
    server.rdv.signal("TERM");
    assert_eq!(server.rdv.finish().status, Some(0));
    assert_eq!(client.finish().status, Some(3));
}
