//! Bytes arrive: all of them, in order, on both routes and in both directions.

use crate::common::{DIRECT, Finished, RELAYED, Rdv, Server, TOKEN, data, run};

const LEN: usize = 5 << 20;

/// Sends different data both ways at once.
fn both_ways(flags: &[&str], is_relay: bool) {
    let server = Server::start(&[]);
    let sent = [data(1, LEN), data(2, LEN + 12_345)];
    let mut pair = ["dial", "accept"].map(|role| Rdv::start(&[&[role, &server.url, TOKEN], flags].concat()));
    for (rdv, data) in pair.iter_mut().zip(&sent) {
        rdv.feed(data.clone());
    }
    let [dialer, accepter] = pair.map(Rdv::finish);
    for (end, tx, rx) in [(&dialer, &sent[0], &sent[1]), (&accepter, &sent[1], &sent[0])] {
        assert_eq!(end.status, Some(0), "{:#?}", end.log);
        assert_eq!(end.stdout.len(), rx.len());
        assert!(end.stdout == *rx, "what arrived is not what was sent");
        check_log(end, is_relay, tx.len(), rx.len());
    }
}

fn check_log(end: &Finished, is_relay: bool, tx: usize, rx: usize) {
    let [warning, connected, disconnected] = &end.log[..] else {
        panic!("three lines expected: {:#?}", end.log);
    };
    assert_eq!(warning, "WARN client: expected observed to be public ipv4 (check server config)");
    let is_relay = format!("INFO client: peer connected is_relay={is_relay} addr=");
    let rest = connected.strip_prefix(&is_relay).unwrap_or_else(|| panic!("{connected}"));
    let (addr, dur) = rest.split_once(" dur=").expect("a duration");
    addr.parse::<std::net::SocketAddr>().expect("an address");
    check_duration(dur);
    let counts = format!("INFO client: peer disconnected tx={tx} rx={rx} dur=");
    check_duration(disconnected.strip_prefix(&counts).unwrap_or_else(|| panic!("{disconnected}")));
}

fn check_duration(text: &str) {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    assert!(["us", "ms", "s"].contains(&unit), "{text}");
}

#[test]
fn direct_both_ways() {
    both_ways(DIRECT, false);
}

#[test]
fn relayed_both_ways() {
    both_ways(RELAYED, true);
}

/// The reference's server would lose the answer here.
fn request_and_response(flags: &[&str]) {
    let server = Server::start(&[]);
    let [mut dialer, mut accepter] = server.pair(flags);
    dialer.feed("ping");
    // Whoever answers needs to see where the question ends.
    assert_eq!(accepter.stdout_to_end(), b"ping");
    accepter.feed("pong");
    let [dialer, accepter] = [dialer, accepter].map(Rdv::finish);
    assert_eq!((dialer.status, dialer.stdout.as_slice()), (Some(0), &b"pong"[..]));
    assert_eq!(accepter.status, Some(0));
}

#[test]
fn a_direct_answer_comes_after_the_end_of_the_question() {
    request_and_response(DIRECT);
}

#[test]
fn a_relayed_answer_comes_after_the_end_of_the_question() {
    request_and_response(RELAYED);
}

#[test]
fn a_stream_of_one_direction_needs_nothing_from_the_other() {
    for flags in [DIRECT, RELAYED] {
        let server = Server::start(&[]);
        let [mut dialer, mut accepter] = server.pair(flags);
        dialer.close_stdin();
        accepter.feed(data(3, LEN));
        let [dialer, accepter] = [dialer, accepter].map(Rdv::finish);
        assert_eq!((dialer.status, accepter.status), (Some(0), Some(0)));
        assert!(dialer.stdout == data(3, LEN), "{} bytes came", dialer.stdout.len());
    }
}

#[test]
fn verbose_tells_the_course_of_the_race() {
    let server = Server::start(&[]);
    for (flags, fate) in
        [(["-v", "-r"], "origin=\"relay\" dials=0 fate=\"CHOSEN\""), (["-v", "-sall"], "fate=\"CHOSEN\"")]
    {
        let mut pair = server.pair(&flags);
        pair.iter_mut().for_each(Rdv::close_stdin);
        for end in pair.map(Rdv::finish) {
            let steps = end.log.iter().filter(|line| line.starts_with("DEBUG client: took ")).count();
            assert_eq!(steps, 5, "{flags:?}: {:#?}", end.log);
            let mut candidates =
                end.log.iter().filter(|line| line.starts_with("DEBUG client: candidate addr="));
            assert!(candidates.any(|line| line.contains(fate)), "{flags:?}: {:#?}", end.log);
        }
    }
}

#[test]
fn verbose_tells_the_course_of_a_failure() {
    let server = Server::start(&["--lobby-timeout", "100ms"]);
    let end = run(&["dial", "-v", &server.url, TOKEN]);
    assert_eq!(end.status, Some(3), "{:#?}", end.log);
    let is_step =
        |line: &String| line.starts_with("DEBUG client: took ") && line.ends_with(" until it failed");
    assert!(end.log.iter().any(is_step), "{:#?}", end.log);
}
