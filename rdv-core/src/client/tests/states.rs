//! What a client logs of its course.

use std::io::ErrorKind;

use super::*;
use crate::tests::journal::changes;

#[test]
fn a_dialer_s_course_is_logged() {
    let mut bench = None;
    let to_the_101 = changes(|| {
        let bench = bench.insert(Bench::begin(&attempt(Role::Dial), Config::default()));
        bench.connects(bench.dial(SERVER));
        bench.match_with(NEAR);
    });
    assert_eq!(
        to_the_101,
        [
            "handshake: [*] -> Connecting",
            "connector: [*] -> Handshake",
            "handshake: Connecting -> Requesting",
            "handshake: Requesting -> Waiting",
            "handshake: Waiting -> [*]",
            "link: [*] -> Ready",
            "link: [*] -> Dialing",
            "connector: Handshake -> Racing",
        ]
    );
    let mut bench = bench.unwrap();
    let to_the_choice = changes(|| {
        let near = bench.dial(NEAR);
        bench.connects(near);
        bench.says(near, "rdv/1 ACCEPT tok\n");
    });
    assert_eq!(
        to_the_choice,
        [
            "link: Dialing -> Greeting",
            "link: Greeting -> Hearing",
            "link: Hearing -> Ready",
            "connector: Racing -> TellingOther",
            "connector: TellingOther -> TellingContinue",
            "link: Ready -> [*]",
            "link: Ready -> [*]",
            "connector: TellingContinue -> Selected",
        ]
    );
}

#[test]
fn an_accepter_s_course_is_logged() {
    let mut bench = Bench::begin(&attempt(Role::Accept), Config::default());
    bench.connects(bench.dial(SERVER));
    let course = changes(|| {
        bench.match_with("");
        let inbound = bench.accept(FAR);
        bench.fails(inbound, ErrorKind::ConnectionReset);
        let relay = bench.relay();
        bench.says(relay, "CONTINUE\n");
    });
    assert_eq!(
        course,
        [
            "handshake: Waiting -> [*]",
            "link: [*] -> Commanded",
            "connector: Handshake -> Racing",
            "link: [*] -> Greeting",
            "link: Greeting -> Hearing",
            "link: Hearing -> [*]",
            "link: Commanded -> [*]",
            "connector: Racing -> Selected",
        ]
    );
}

#[test]
fn a_refusal_is_logged() {
    let mut bench = Bench::begin(&attempt(Role::Dial), Config::default());
    let server = bench.dial(SERVER);
    bench.connects(server);
    let course = changes(|| bench.says(server, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope"));
    assert_eq!(
        course,
        ["handshake: Waiting -> Refused", "handshake: Refused -> [*]", "connector: Handshake -> Failed"]
    );
}
