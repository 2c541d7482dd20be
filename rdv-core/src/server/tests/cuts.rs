//! How the network cuts a stream into segments, and the driver into reads, makes no difference to a server.

use proptest::prelude::*;

use super::*;
use crate::tests::cases::{bytes, chop, cuts, fixed_cases, role, stream_of};

/// What became of a client that came alone: what it was answered, and how many of its bytes were not read while
/// it waits.
fn of_client(stream: &[u8], fin: bool, cuts: &[usize], chop: usize) -> (String, Vec<Reason>, Option<usize>) {
    let mut lobby = Bench::open(LobbyConfig::default());
    lobby.chop = chop;
    let client = lobby.client();
    lobby.brings(client, stream, cuts);
    if fin {
        lobby.fins(client);
    }
    let waits = lobby.machine.waiting() == 1;
    let unread = waits.then(|| lobby.wires[&client].incoming.len());
    (String::from_utf8_lossy(lobby.written(client)).into_owned(), lobby.left(), unread)
}

/// What became of a pair whose dialer said this: the bytes left for the accepter, or the end.
fn of_dialer(stream: &[u8], first: Role, cuts: &[usize], chop: usize) -> Option<Result<Vec<u8>, RelayEnd>> {
    let mut pair = Pair::of(first, LobbyConfig::default());
    pair.relay.chop = chop;
    pair.relay.brings(pair.dialer, stream, cuts);
    let told = pair.accepter_got().to_vec();
    match pair.relay.events.pop() {
        Some(RelayEvent::Splice(_)) => {
            assert_eq!(told, b"CONTINUE\n", "the accepter is told once and of nothing else");
            Some(Ok(pair.relay.wires[&pair.dialer].incoming.clone()))
        }
        Some(RelayEvent::Finished(report)) => {
            assert_eq!(told, b"", "nothing is forwarded");
            Some(Err(report.end))
        }
        None => None,
    }
}

fn heads() -> Vec<String> {
    let pieces = [
        "DIAL /tok HTTP/1.1\r\nHost: h\r\n",
        "Connection: upgrade\r\nUpgrade: rdv/1\r\n\r\n",
        "GET / HTTP/1.1\nHost: h\n\n",
        "DIAL /t HTTP/1.1\nHost:\nConnection:upgrade\nUpgrade:rdv/1\n\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\r\n",
        "x",
    ];
    [request(Role::Dial, "tok"), request(Role::Accept, "tok")]
        .into_iter()
        .chain(pieces.map(str::to_owned))
        .collect()
}

fn commands() -> Vec<String> {
    let pieces = [
        "CONTINUE\n",
        "CONTINUE and more\r\n",
        " CONTINUE\n",
        "OTHER 192.0.2.9:99\n",
        "OTHER nowhere\n",
        "continue\n",
        "\n",
        "hello from the application",
    ];
    pieces.map(str::to_owned).to_vec()
}

proptest! {
    #![proptest_config(fixed_cases())]

    #[test]
    fn a_request_may_be_cut_anywhere(role in role(), cuts in cuts(), chop in chop()) {
        let (answer, left, unread) = of_client(request(role, "tok").as_bytes(), false, &cuts, chop);
        prop_assert_eq!((answer.as_str(), left, unread), ("", vec![], Some(0)), "it should wait for its peer");
    }

    #[test]
    fn whatever_a_client_says_may_be_cut_anywhere(
        stream in stream_of(heads()), fin in any::<bool>(), cuts in cuts(), chop in chop(),
    ) {
        let whole = of_client(&stream, fin, &[usize::MAX], usize::MAX);
        let cut = of_client(&stream, fin, &cuts, chop);
        prop_assert_eq!(cut, whole, "{}, cut at {:?}", stream.escape_ascii(), cuts);
    }

    #[test]
    fn the_data_path_begins_behind_the_dialer_s_command(
        first in role(), app in bytes(60), cuts in cuts(), chop in chop(),
    ) {
        let app = [b"\nCONTINUE\n", &app[..]].concat();
        let outcome = of_dialer(&[b"CONTINUE\n", &app[..]].concat(), first, &cuts, chop);
        prop_assert_eq!(outcome, Some(Ok(app)), "bytes of the application's are lost");
    }

    #[test]
    fn whatever_a_dialer_says_may_be_cut_anywhere(
        stream in stream_of(commands()), first in role(), cuts in cuts(), chop in chop(),
    ) {
        let whole = of_dialer(&stream, first, &[usize::MAX], usize::MAX);
        let cut = of_dialer(&stream, first, &cuts, chop);
        prop_assert_eq!(cut, whole, "{}, cut at {:?}", stream.escape_ascii(), cuts);
    }
}
