//! What an operator reads of a pair.

use std::io::ErrorKind;

use super::*;
use crate::Traffic;

fn report(end: RelayEnd) -> String {
    let mut pair = Pair::of(Role::Accept, LobbyConfig::default());
    pair.relay.wait(1_500);
    pair.relay.machine.close(pair.relay.now);
    pair.relay.settle();
    let traffic = Traffic { to_accepter: 3, to_dialer: 4 };
    RelayReport { end, traffic, ..pair.finished() }.to_string()
}

#[test]
fn the_line_on_a_pair_has_its_token_shortened() {
    assert_eq!(
        report(RelayEnd::Direct(Some(addr("192.0.2.9:99")))),
        "peers connected directly token=t… dur=1500ms"
    );
    assert_eq!(
        report(RelayEnd::Relayed),
        "relay ended token=t… dial_bytes=3 accept_bytes=4 dur=1500ms end=\"both streams ended\""
    );
}

#[test]
fn every_end_of_a_pair_has_words_of_its_own() {
    let rows = [
        (RelayEnd::Direct(None), "the peers connected directly"),
        (RelayEnd::Relayed, "both streams ended"),
        (RelayEnd::NoCommand, "the dialer left without choosing"),
        (
            RelayEnd::Broken(Role::Dial, ErrorKind::ConnectionReset),
            "the dialer's connection failed: connection reset",
        ),
        (
            RelayEnd::Broken(Role::Accept, ErrorKind::BrokenPipe),
            "the accepter's connection failed: broken pipe",
        ),
        (RelayEnd::Rejected, "rejected by the application"),
        (RelayEnd::Idle, "idle for too long"),
        (RelayEnd::ShutDown, "the server shut down"),
    ];
    for (end, words) in rows {
        assert_eq!(end.to_string(), words, "{end:?}");
    }
}
