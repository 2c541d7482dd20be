//! Answers that were on their way when the connection was closed, or another one was chosen: they change nothing.

use std::io::ErrorKind;

use super::*;
use crate::HelloFault;

/// A dial that has lost against the other, and whose failure is heard of only now.
#[test]
fn a_dial_to_the_server_that_fails_late_changes_nothing() {
    let loser = "192.0.2.2:80";
    let server_addrs = vec![addr(SERVER), addr(loser)];
    for stage in ["requesting", "waiting", "refused"] {
        let mut bench = Bench::begin(
            &Attempt { server_addrs: server_addrs.clone(), ..attempt(Role::Dial) },
            Config::default(),
        );
        bench.wait(300);
        let (server, loser) = (bench.dial(SERVER), bench.dial(loser));
        bench.holds(server);
        bench.connects(server);
        if stage != "requesting" {
            bench.releases(server);
        }
        if stage == "refused" {
            bench.says(server, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nno");
        }
        for input in [Input::Wrote(loser), Input::Read(loser, b""), Input::Failed(loser, ErrorKind::TimedOut)]
        {
            bench.machine.handle_input(bench.now, input);
            bench.settle();
            assert!(bench.events.is_empty(), "{stage}: {input:?} ended the attempt");
        }
        assert_eq!(bench.wire(server).reading.is_some(), stage != "requesting", "{stage}");
        if stage == "refused" {
            bench.says(server, "pe");
            let error = bench.error();
            let ConnectError::Refused(refusal) = &error else { panic!("{stage}: {error:?}") };
            assert_eq!(refusal.text(), "nope", "the body is the server's alone");
        }
    }
}

#[test]
fn while_the_server_is_told_only_its_own_answer_counts() {
    let mut bench = Bench::racing(Role::Dial, &format!("{NEAR}, {FAR}"), Config::default());
    let (relay, near, far) = (bench.relay(), bench.dial(NEAR), bench.dial(FAR));
    bench.connects(near);
    bench.holds(relay);
    bench.says(near, "rdv/1 ACCEPT tok\n");
    bench.log();
    bench.fails(far, ErrorKind::ConnectionRefused);
    assert_eq!(bench.log(), [""; 0], "nothing follows from a dial that was not chosen");
    bench.releases(relay);
    assert_eq!(bench.selected().conn, near);
}

/// Nothing is under way on the chosen connection by which its driver could tell; but it may know all the same.
#[test]
fn a_chosen_connection_may_be_lost_while_the_server_is_told() {
    let mut bench = Bench::racing(Role::Dial, NEAR, Config::default());
    let (relay, near) = (bench.relay(), bench.dial(NEAR));
    bench.connects(near);
    bench.holds(relay);
    bench.says(near, "rdv/1 ACCEPT tok\n");
    bench.machine.handle_input(bench.now, Input::Failed(near, ErrorKind::BrokenPipe));
    bench.settle();
    let error = bench.error();
    assert!(matches!(error, ConnectError::ChosenLost(ErrorKind::BrokenPipe)), "{error:?}");
}

#[test]
fn a_connection_that_came_in_and_failed_is_noted_although_a_dial_is_under_way() {
    let mut bench = Bench::racing(Role::Accept, NEAR, within(secs(60)));
    let inbound = bench.accept(NEAR);
    bench.says(inbound, "rdv/1 DIAL stranger\n");
    assert_eq!(bench.state(inbound), State::Closed);
    bench.wait(60_000);
    let candidates = bench.failure().report.candidates;
    assert_eq!(fate_of(&candidates, NEAR), Fate::BadHello(HelloFault::WrongToken));
}
