//! Any of the programs can stand in for another: dial with one, accept with the next, serve with the third.

mod common;

use common::{DIRECT, Program, RELAYED, Rdv, Server, TOKEN, data};

const PROGRAM: Program = Program::Rdv;

#[test]
fn rdv_dials() {
    dialed_by(Program::Rdv, [Program::TokioRdv, Program::SmolRdv]);
}

#[test]
fn tokio_rdv_dials() {
    dialed_by(Program::TokioRdv, [Program::SmolRdv, Program::Rdv]);
}

#[test]
fn smol_rdv_dials() {
    dialed_by(Program::SmolRdv, [Program::Rdv, Program::TokioRdv]);
}

/// Half-closed both ways, directly and relayed: a question, and its answer after the question's end.
fn dialed_by(dialer: Program, [one, other]: [Program; 2]) {
    for (accepter, server) in [(one, other), (other, one)] {
        let server = Server::start_as(server, &[]);
        for flags in [DIRECT, RELAYED] {
            let start = |program, role: &str| {
                Rdv::start_as(program, &[&[role, server.url.as_str(), TOKEN], flags].concat())
            };
            let (mut dialer, mut accepter) = (start(dialer, "dial"), start(accepter, "accept"));
            let (question, answer) = (data(1, 300_000), data(2, 1_000_000));
            dialer.feed(question.clone());
            assert!(accepter.stdout_to_end() == question);
            accepter.feed(answer.clone());
            let ends = [dialer, accepter].map(Rdv::finish);
            for end in &ends {
                assert_eq!(end.status, Some(0), "{:#?}", end.log);
                let route = format!("is_relay={}", flags == RELAYED);
                assert!(end.log.iter().any(|line| line.contains(&route)), "{:#?}", end.log);
            }
            assert!(ends[0].stdout == answer);
        }
    }
}
