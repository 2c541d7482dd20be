//! How the network cuts a stream into segments, and the driver into reads, makes no difference to a client.

use proptest::prelude::*;

use super::*;
use crate::tests::cases::{bytes, chop, cuts, fixed_cases, role, stream_of};

const APP: &str = "\r\n\r\nCONTINUE\nrdv/1 DIAL tok\n";

/// What became of an attempt.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// With what was said, and the bytes that are the application's.
    Selected {
        meta: String,
        written: Vec<u8>,
        left: Vec<u8>,
    },
    Failed(String),
    /// It goes on; the connection may be lost to it.
    Pending(State),
}

/// What the server says, and then ends if `fin`.
fn of_server(role: Role, stream: &[u8], fin: bool, cuts: &[usize], chop: usize) -> Outcome {
    let mut bench = Bench::begin(&attempt(role), in_spaces(AddrSpaces::NONE));
    bench.chop = chop;
    let server = bench.dial(SERVER);
    bench.connects(server);
    bench.brings(server, stream, cuts);
    if fin && bench.wires.contains_key(&server) {
        bench.fins(server);
    }
    // Less than an orphan waits, more than a refusal's body is waited for.
    bench.wait(3_000);
    outcome(bench, server)
}

/// What comes on a direct connection.
fn of_peer(role: Role, stream: &[u8], cuts: &[usize], chop: usize) -> Outcome {
    let mut bench = Bench::racing(role, NEAR, Config::default());
    bench.chop = chop;
    let near = bench.dial(NEAR);
    bench.connects(near);
    bench.brings(near, stream, cuts);
    outcome(bench, near)
}

fn outcome(mut bench: Bench<Connector>, conn: ConnId) -> Outcome {
    match bench.events.pop() {
        Some(Event::Selected(selected)) => {
            assert_eq!(selected.conn, conn, "another connection was selected");
            Outcome::Selected {
                meta: format!("{:?}", selected.meta),
                written: bench.written(conn).to_vec(),
                left: bench.left_behind(conn).to_vec(),
            }
        }
        Some(Event::Failed(failure)) => Outcome::Failed(format!("{:?}", failure.error)),
        None => Outcome::Pending(bench.state(conn)),
    }
}

fn left(outcome: &Outcome) -> Option<&[u8]> {
    match outcome {
        Outcome::Selected { left, .. } => Some(left),
        Outcome::Failed(_) | Outcome::Pending(_) => None,
    }
}

fn answers() -> Vec<String> {
    let pieces = [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103 Early Hints\nLink: </a>\n\n",
        "HTTP/1.1 101\nConnection:upgrade\nUpgrade:rdv/1\n\n",
        "HTTP/1.1 408 Request Timeout\r\nRdv-Error: no-peer\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\n",
        "HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nnope\r\n0\r\n\r\n",
        "no matching peer found",
        "CONTINUE\n",
        "CONTINUE and more\r\n",
        "OTHER 192.0.2.9:99\n",
    ];
    [switching(NEAR), switching("")].into_iter().chain(pieces.map(str::to_owned)).collect()
}

fn lines() -> Vec<String> {
    let pieces = [
        "rdv/1 DIAL tok\n",
        "rdv/1 ACCEPT tok\n",
        " rdv/1\tACCEPT  %74%6f%6B \r\n",
        " rdv/1\tDIAL  %74%6f%6B \r\n",
        "rdv/1 DIAL stranger\n",
        "CONTINUE\n",
        "CONTINUE and more\r\n",
        "OTHER 192.0.2.9:99\n",
        "hello from the application\n",
    ];
    pieces.map(str::to_owned).to_vec()
}

proptest! {
    #![proptest_config(fixed_cases())]

    #[test]
    fn a_relayed_connection_stands_at_the_application_s_first_byte(
        role in role(), interim in 0..4usize, app in bytes(60), cuts in cuts(), chop in chop(),
    ) {
        let interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n".repeat(interim);
        let command = if role == Role::Accept { "CONTINUE\n" } else { "" };
        let app = [APP.as_bytes(), &app].concat();
        let stream = [(interim + &switching(NEAR) + command).as_bytes(), &app].concat();
        let outcome = of_server(role, &stream, false, &cuts, chop);
        prop_assert_eq!(left(&outcome), Some(&app[..]), "{:?}: {:?}", role, &outcome);
    }

    #[test]
    fn a_direct_connection_stands_at_the_application_s_first_byte(
        role in role(), app in bytes(60), cuts in cuts(), chop in chop(),
    ) {
        let lines = if role == Role::Accept { "rdv/1 DIAL tok\nCONTINUE\n" } else { "rdv/1 ACCEPT tok\n" };
        let app = [APP.as_bytes(), &app].concat();
        let outcome = of_peer(role, &[lines.as_bytes(), &app].concat(), &cuts, chop);
        prop_assert_eq!(left(&outcome), Some(&app[..]), "{:?}: {:?}", role, &outcome);
    }

    #[test]
    fn whatever_a_server_says_may_be_cut_anywhere(
        role in role(), stream in stream_of(answers()), fin in any::<bool>(), cuts in cuts(), chop in chop(),
    ) {
        let whole = of_server(role, &stream, fin, &[usize::MAX], usize::MAX);
        let cut = of_server(role, &stream, fin, &cuts, chop);
        prop_assert_eq!(cut, whole, "{:?}: {}, cut at {:?}", role, stream.escape_ascii(), cuts);
    }

    #[test]
    fn whatever_a_peer_says_may_be_cut_anywhere(
        role in role(), stream in stream_of(lines()), cuts in cuts(), chop in chop(),
    ) {
        let whole = of_peer(role, &stream, &[usize::MAX], usize::MAX);
        let cut = of_peer(role, &stream, &cuts, chop);
        prop_assert_eq!(cut, whole, "{:?}: {}, cut at {:?}", role, stream.escape_ascii(), cuts);
    }
}
