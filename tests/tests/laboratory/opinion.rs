//! A second opinion on the observed address, where IPv4 to the server is too slow to have the request.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use rdv_blocking::{Canceller, Client, Via};
use rdv_core::{Config, Role, Seen, ServerUrl};
use rdv_socket::SharedPort;
use rdv_tests::adapter::Blocking;
use rdv_tests::lab::{self, Families, Nat, Network, Side};
use rdv_tests::server::TestServer;

/// The accepter has both families and waits over IPv6, its peer has IPv4 alone: the NATs open only if the dialer is
/// told of the accepter's IPv4 address, which its server sees a little later.
#[test]
fn a_second_opinion_opens_nats() {
    if let Some(missing) = lab::missing() {
        eprintln!("skipped: {missing}");
        return;
    }
    assert!(!meets(false, Duration::from_secs(2)), "a direct connection without a second opinion");
    // On a machine that is busy it may take longer.
    let direct = [2, 4, 8].into_iter().any(|secs| meets(true, Duration::from_secs(secs)));
    assert!(direct, "no direct connection in spite of a second opinion");
}

/// Whether the connection is direct, if the dialer comes that much later.
fn meets(second_opinion: bool, later: Duration) -> bool {
    let home = || Side::behind(&[Nat::HOME]);
    let network = Network::new(&[home(), home().with(Families::Both)], 0);
    let _server = network.server.namespace.enter(|| TestServer::of(&Blocking, ":8080", None, |_| {}));
    // The accepter's first SYN is lost, and the next one follows after a second.
    network.server.namespace.nft(
        "table ip late { chain late { type filter hook input priority filter; \
         ip saddr 192.88.98.12 tcp dport 8080 tcp flags & (syn | ack) == syn numgen inc mod 2 == 0 drop; }; }",
    );

    let token = "lab".parse().expect("a token");
    let url: ServerUrl = network.url(Families::V4).parse().expect("a URL");
    let mut config = Config::default();
    config.second_opinion = second_opinion;
    config.timeout = Some(Duration::from_secs(20));
    let client = Client::new(config);
    let connect = |peer: usize, role: Role, servers: &[&str]| {
        let servers: Vec<SocketAddr> = servers.iter().map(|it| it.parse().expect("an address")).collect();
        network.peers[peer].namespace.enter(|| {
            let via = Via::new(SharedPort::bind().expect("a port"), servers);
            client.connect_via(via, role, &url, &token, &Canceller::new()).expect("a connection")
        })
    };
    thread::scope(|scope| {
        let accepter = scope.spawn(|| connect(1, Role::Accept, &[SERVER_4, SERVER_6]));
        thread::sleep(later);
        let dialer = connect(0, Role::Dial, &[SERVER_4]);
        let accepter = accepter.join().expect("the accepter has a connection");
        let seen = accepter.report().second_opinion.map(|opinion| opinion.seen);
        assert!(accepter.meta().observed.is_some_and(|addr| addr.is_ipv6()), "IPv4 was not slow");
        assert_eq!(seen.is_some(), second_opinion);
        eprintln!("{seen:?}: {:?}", dialer.meta().peer_addrs);
        if let Some(Seen::Addr { observed, noted: true }) = seen {
            assert!(observed.is_ipv4() && dialer.meta().peer_addrs.contains(&observed), "{observed}");
        }
        !dialer.is_relay()
    })
}

const SERVER_4: &str = "192.88.98.10:8080";
const SERVER_6: &str = "[2001:db8::a]:8080";
