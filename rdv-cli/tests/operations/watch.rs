//! `/metrics`, `/healthz` and `/readyz`.

use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{PATIENCE, RELAYED, Rdv, Server, TOKEN};
use crate::exposition::{Samples, read};
use crate::http::{ask, connect, get};

/// A server, and where it is watched.
pub(crate) fn watched(flags: &[&str]) -> (Server, String) {
    let mut rdv = Rdv::start(&[&["serve", "-l", "127.0.0.1:0", "--metrics", "127.0.0.1:0"], flags].concat());
    let addr = |line: String| line.rsplit_once("addr=").expect("an address").1.to_owned();
    let metrics = addr(rdv.wait_for("metrics addr="));
    let listening = addr(rdv.wait_for("listening addr="));
    (Server { url: format!("http://{listening}"), rdv }, metrics)
}

fn samples(addr: &str) -> Samples {
    let answer = get(addr, "/metrics");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
    read(&answer.body)
}

/// Until the samples are like that.
pub(crate) fn wait_for(addr: &str, what: &str, is_there: impl Fn(&Samples) -> bool) -> Samples {
    let until = Instant::now() + PATIENCE;
    loop {
        let samples = samples(addr);
        if is_there(&samples) {
            return samples;
        }
        assert!(Instant::now() < until, "{what} has not come: {samples:#?}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_happens_is_counted() {
    let (server, metrics) = watched(&[]);
    let at_first = samples(&metrics);
    assert!(at_first.values().all(|value| value.is_finite()));
    assert_eq!(at_first["rdv_refusals_total{code=\"no-peer\"}"], 0.0);

    let mut pair = server.pair(RELAYED);
    wait_for(&metrics, "a relay", |it| it["rdv_relays"] == 1.0);
    pair[0].feed(*b"to the accepter");
    pair[1].feed(*b"back");
    for end in pair.map(Rdv::finish) {
        assert_eq!(end.status, Some(0));
    }
    let main = server.url.strip_prefix("http://").unwrap();
    assert_eq!(get(main, "/not-an-upgrade").status, 426);
    assert_eq!(get(main, "/").status, 200);

    let now = wait_for(&metrics, "the end", |it| it["rdv_pairs"] == 0.0 && it["rdv_pages_total"] == 1.0);
    for (series, expected) in [
        ("rdv_matches_total", 1.0),
        ("rdv_match_wait_seconds_count", 1.0),
        ("rdv_pairs_relayed_total", 1.0),
        ("rdv_pairs_ended_total{end=\"relayed\"}", 1.0),
        ("rdv_pairs_ended_total{end=\"direct\"}", 0.0),
        ("rdv_relayed_bytes_total{to=\"accepter\"}", 15.0),
        ("rdv_relayed_bytes_total{to=\"dialer\"}", 4.0),
        ("rdv_refusals_total{code=\"not-an-upgrade\"}", 1.0),
        ("rdv_relays", 0.0),
        ("rdv_waiting", 0.0),
        ("rdv_waiting_max", 16384.0),
        ("rdv_ready", 1.0),
    ] {
        assert_eq!(now[series], expected, "{series}");
    }
    assert!(now["rdv_connections_total"] >= 4.0);
    if cfg!(target_os = "linux") {
        assert!(now["process_open_fds"] >= 5.0 && now["process_open_fds"] < now["process_max_fds"]);
        assert!(now["process_resident_memory_bytes"] > 1e6);
    }
    let started = now["process_start_time_seconds"];
    assert!(started > 1.7e9, "{started}");
}

#[test]
fn a_server_is_healthy_and_ready() {
    let (_server, metrics) = watched(&[]);
    for (path, body) in [("/healthz", "ok\n"), ("/readyz", "ready\n"), ("/readyz?verbose", "ready\n")] {
        let answer = get(&metrics, path);
        assert_eq!((answer.status, answer.body.as_str()), (200, body), "{path}");
    }
}

#[test]
fn odd_requests_are_answered() {
    let (_server, metrics) = watched(&[]);
    let rows = [
        ("GET / HTTP/1.1\r\n\r\n", 404),
        ("GET /metrics/ HTTP/1.1\r\n\r\n", 404),
        ("POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 405),
        ("DELETE /healthz HTTP/1.1\r\n\r\n", 405),
        ("\x16\x03\x01\r\n\r\n", 400),
        ("GET /metrics HTTP/3.0\r\n\r\n", 400),
    ];
    for (request, status) in rows {
        assert_eq!(ask(&metrics, request).status, status, "{request:?}");
    }
    assert_eq!(ask(&metrics, "PUT /metrics HTTP/1.1\r\n\r\n").header("allow"), Some("GET, HEAD"));
    let endless = format!("GET /metrics HTTP/1.1\r\nX: {}", "x".repeat(8 * 1024));
    assert_eq!(ask(&metrics, &endless).status, 431);

    let whole = ask(&metrics, "HEAD /metrics HTTP/1.1\r\n\r\n");
    assert_eq!((whole.status, whole.body.as_str()), (200, ""));
    assert!(whole.header("content-length").is_some_and(|len| len.len() > 3));
}

/// Those who say nothing have their places taken back, and do not keep others out meanwhile.
#[test]
fn silent_watchers_are_few() {
    let (_server, metrics) = watched(&[]);
    let mut silent: Vec<_> = (0..15).map(|_| connect(&metrics)).collect();
    assert_eq!(get(&metrics, "/healthz").status, 200);
    silent.extend((0..40).map(|_| connect(&metrics)));
    let mut last = silent.pop().expect("some");
    assert_eq!(last.read(&mut [0; 1]).unwrap_or(0), 0, "there is no place for so many");
    drop(silent);
    let until = Instant::now() + PATIENCE;
    let answers = || {
        let mut stream = connect(&metrics);
        let asked = stream.write_all(b"GET /healthz HTTP/1.1\r\n\r\n");
        asked.and_then(|()| stream.read(&mut [0; 1])).is_ok_and(|len| len == 1)
    };
    while !answers() {
        assert!(Instant::now() < until, "the places are not taken back");
    }
}

#[test]
fn a_client_that_waits_and_goes_is_seen() {
    let (mut server, metrics) = watched(&["-v"]);
    let client = Rdv::start(&["dial", &server.url, TOKEN]);
    server.rdv.wait_for("joined: DIAL");
    wait_for(&metrics, "a client that waits", |it| it["rdv_waiting"] == 1.0);
    drop(client);
    wait_for(&metrics, "its going", |it| {
        it["rdv_waiting"] == 0.0 && it["rdv_refusals_total{code=\"not-idle\"}"] == 1.0
    });
}
