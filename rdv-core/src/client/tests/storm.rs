//! A client to whom anything is said in any order.

use proptest::prelude::*;

use super::*;
use crate::io::Outbox;
use crate::tests::cases::{fixed_cases, role};
use crate::tests::storm::{Gust, Storm, gusts};
use crate::{Pick, Standings, WaitConstant, WaitForP2p};

/// Waits for a time that has passed, and chooses the last that came.
#[derive(Debug)]
struct Rash;

impl Picker for Rash {
    fn pick(&self, _now: Instant, standings: &Standings<'_>) -> Pick {
        match standings.ready {
            [.., _, _, last] => Pick::Choose(last.conn),
            _ => Pick::Wait(Some(standings.started)),
        }
    }
}

fn said() -> Vec<String> {
    let pieces = [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 408 Request Timeout\r\nContent-Length: 4\r\n\r\nnope",
        "HTTP/1.1 200 OK\r\n\r\n",
        "\x05\0",
        "\x05\x02",
        "\x01\0",
        "\x05\0\0\x01\0\0\0\0\0\0",
        "rdv/1 DIAL tok\n",
        "rdv/1 ACCEPT tok\n",
        "CONTINUE\n",
        "OTHER 192.0.2.9:99\n",
    ];
    let peer = format!("{NEAR}, {FAR}, {SELF}");
    [switching(&peer)].into_iter().chain(pieces.map(str::to_owned)).collect()
}

fn picker() -> impl Strategy<Value = Arc<dyn Picker>> {
    let pickers: [Arc<dyn Picker>; 4] =
        [Arc::new(PickFirst), Arc::new(WaitForP2p(secs(1))), Arc::new(WaitConstant(secs(1))), Arc::new(Rash)];
    proptest::sample::select(pickers.to_vec())
}

fn proxy() -> impl Strategy<Value = Option<crate::Proxy>> {
    let proxies = ["http://h", "http://me:secret@h", "socks5://h", "socks5://me:secret@h"];
    proptest::option::weighted(
        0.3,
        proptest::sample::select(proxies.to_vec()).prop_map(|url| url.parse().unwrap()),
    )
}

/// An attempt, perhaps with its handshake behind it, so that the storm breaks over the race.
fn tempest(role: Role, config: Config, racing: bool) -> Storm<Connector> {
    let servers = [SERVER, "192.0.2.2:80", "[2001:db8::1]:80"];
    let attempt = Attempt { server_addrs: servers.map(addr).to_vec(), ..attempt(role) };
    let now = beginning();
    let mut connector = Connector::new(now, now, &attempt, config);
    if racing {
        let server = Outbox::<()>::new().issue();
        let answer = switching(&format!("{NEAR}, {FAR}, {SELF}"));
        for input in [Input::Connected(server), Input::Wrote(server), Input::Read(server, answer.as_bytes())]
        {
            connector.handle_input(now, input);
        }
    }
    Storm::new(now, connector)
}

fn connection_comes(connector: &mut Connector, now: Instant, from: u8) {
    connector.handle_accept(now, [addr(NEAR), addr(FAR), addr("203.0.113.7:9")][usize::from(from) % 3]);
}

proptest! {
    #![proptest_config(fixed_cases())]

    #[test]
    fn an_attempt_survives_any_input(
        role in role(),
        picker in picker(),
        timeout in proptest::option::of(0..30_000u64),
        racing in any::<bool>(),
        proxy in proxy(),
        gusts in gusts(said()),
    ) {
        let config = Config { picker, timeout: timeout.map(millis), proxy, ..Config::default() };
        let mut storm = tempest(role, config, racing);
        storm.rage(&gusts, connection_comes);
        storm.rage(&[Gust::Wait(30_000)], connection_comes);
        prop_assert!(timeout.is_none() || storm.events.len() == 1, "an attempt outlived its timeout");
    }
}
