//! What an application sees of its server's pairs, and what it may do about them.

mod common;

use std::sync::Arc;
use std::time::Duration;

use rdv_core::http::StatusCode;
use rdv_core::{RelayEnd, RelayReport};
use rdv_tokio::{Client, Conn, Handler, MatchedPair, RelayStream, Server, ServerConfig, Verdict};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use common::{TestServer, client, exchange, exchange_at_once, pair, read_to_end, refusal, soon, token};

type Seen = (Arc<MatchedPair>, RelayReport);

/// Decides by a function, and tells what it sees.
struct Watch<F> {
    decide: F,
    seen: mpsc::UnboundedSender<Seen>,
}

impl<F> Handler for Watch<F>
where
    F: Fn(&MatchedPair) -> Verdict + Send + Sync + 'static,
{
    fn matched(&self, pair: &Arc<MatchedPair>) -> Verdict {
        (self.decide)(pair)
    }

    fn finished(&self, pair: &Arc<MatchedPair>, report: &RelayReport) {
        _ = self.seen.send((pair.clone(), report.clone()));
    }
}

struct Watched {
    server: TestServer,
    seen: mpsc::UnboundedReceiver<Seen>,
}

impl Watched {
    async fn start(decide: impl Fn(&MatchedPair) -> Verdict + Send + Sync + 'static) -> Self {
        Self::start_with(ServerConfig::default(), decide).await
    }

    async fn start_with(
        config: ServerConfig,
        decide: impl Fn(&MatchedPair) -> Verdict + Send + Sync + 'static,
    ) -> Self {
        let (sender, seen) = mpsc::unbounded_channel();
        let server = Server::new(config).with_handler(Watch { decide, seen: sender });
        Self { server: TestServer::start_server("127.0.0.1", server).await, seen }
    }

    async fn seen(&mut self) -> Seen {
        soon("a report", self.seen.recv()).await.unwrap()
    }
}

fn named(name: &str, spaces: &str) -> Client {
    let mut client = client(spaces);
    client.config.headers.add("X-Name", name).unwrap();
    client
}

fn name(request: &rdv_core::Request) -> &str {
    request.headers["x-name"].to_str().unwrap()
}

/// Ann accepts, Don dials. Returns Ann's end, then Don's.
async fn ann_and_don(server: &TestServer, spaces: &str) -> [Result<Conn, rdv_tokio::Error>; 2] {
    let (ann, don, url, token) = (named("Ann", spaces), named("Don", spaces), server.url(), token());
    let both = async { tokio::join!(ann.accept(&url, &token), don.dial(&url, &token)) };
    soon("both", both).await.into()
}

#[tokio::test]
async fn both_hear_of_a_rejection() {
    let mut watched = Watched::start(|pair| {
        let reason = format!("{} may not meet {}", name(&pair.dialer.request), name(&pair.accepter.request));
        Verdict::Reject { status: StatusCode::FORBIDDEN, reason }
    })
    .await;
    for result in ann_and_don(&watched.server, "all").await {
        assert_eq!(refusal(&result.unwrap_err()), (403, "Don may not meet Ann".into()));
    }
    let (pair, report) = watched.seen().await;
    assert_eq!(report.end, RelayEnd::Rejected);
    assert_eq!(pair.token(), &report.token);
    watched.server.stop().await;
}

#[tokio::test]
async fn bytes_and_addresses_are_seen() {
    let mut watched = Watched::start(|_| Verdict::Relay).await;
    let [ann, don] = ann_and_don(&watched.server, "none").await;
    let (mut ann, mut don) = (ann.unwrap(), don.unwrap());
    exchange(&mut don, &mut ann, b"request", b"ok").await;
    let (pair, report) = watched.seen().await;
    assert_eq!(report.end, RelayEnd::Relayed);
    assert_eq!((report.traffic.to_accepter, report.traffic.to_dialer), (7, 2));
    assert_eq!(Some(pair.dialer.observed), don.meta().observed);
    assert_eq!(Some(pair.accepter.observed), ann.meta().observed);

    let [ann, don] = ann_and_don(&watched.server, "loopback4").await;
    let (_ann, don) = (ann.unwrap(), don.unwrap());
    let (_, report) = watched.seen().await;
    assert_eq!(report.end, RelayEnd::Direct(Some(don.peer_addr())));
    watched.server.stop().await;
}

/// Upper case to the accepter, an echo to the dialer.
async fn shout(mut dialer: RelayStream, mut accepter: RelayStream) {
    let mut buffer = [0; 1024];
    while let Ok(len @ 1..) = dialer.read(&mut buffer).await {
        dialer.write_all(&buffer[..len]).await.unwrap();
        accepter.write_all(&buffer[..len].to_ascii_uppercase()).await.unwrap();
    }
    dialer.shutdown().await.unwrap();
    accepter.shutdown().await.unwrap();
}

#[tokio::test]
async fn the_application_relays() {
    let mut watched = Watched::start(|_| Verdict::take(shout)).await;
    let [ann, don] = ann_and_don(&watched.server, "none").await;
    let (mut ann, mut don) = (ann.unwrap(), don.unwrap());
    don.write_all(b"hello").await.unwrap();
    don.shutdown().await.unwrap();
    assert_eq!(soon("the echo", read_to_end(&mut don)).await.unwrap(), b"hello");
    assert_eq!(soon("the shout", read_to_end(&mut ann)).await.unwrap(), b"HELLO");
    let (_, report) = watched.seen().await;
    assert_eq!(report.end, RelayEnd::Relayed);
    assert_eq!((report.traffic.to_accepter, report.traffic.to_dialer), (5, 5));

    // It has no part in what goes directly.
    let [ann, don] = ann_and_don(&watched.server, "loopback4").await;
    exchange(&mut don.unwrap(), &mut ann.unwrap(), b"hello", b"hello").await;
    watched.server.stop().await;
}

#[tokio::test]
async fn the_application_relays_much() {
    let copy = |mut dialer: RelayStream, mut accepter: RelayStream| async move {
        tokio::io::copy_bidirectional(&mut dialer, &mut accepter).await.unwrap();
    };
    let mut watched = Watched::start(move |_| Verdict::take(copy)).await;
    let [ann, don] = ann_and_don(&watched.server, "none").await;
    exchange_at_once(&mut ann.unwrap(), &mut don.unwrap(), 4 << 20).await;
    let (_, report) = watched.seen().await;
    assert_eq!((report.traffic.to_accepter, report.traffic.to_dialer), (4 << 20, 4 << 20));
    watched.server.stop().await;
}

#[tokio::test]
async fn the_applications_relay_is_cut_off() {
    let forever = |dialer: RelayStream, accepter: RelayStream| async move {
        std::future::pending::<()>().await;
        drop((dialer, accepter));
    };
    let mut config = ServerConfig::default();
    config.lobby.idle_timeout = Some(Duration::from_millis(100));
    let mut idle = Watched::start_with(config, move |_| Verdict::take(forever)).await;
    let mut stopped = Watched::start(move |_| Verdict::take(forever)).await;
    let idle_conns = ann_and_don(&idle.server, "none").await;
    let stopped_conns = ann_and_don(&stopped.server, "none").await;
    assert_eq!(idle.seen().await.1.end, RelayEnd::Idle);
    stopped.server.stop().await;
    assert_eq!(soon("a report", stopped.seen.recv()).await.unwrap().1.end, RelayEnd::ShutDown);
    for conn in idle_conns.into_iter().chain(stopped_conns) {
        let err = soon("the end", conn.unwrap().read(&mut [0; 8])).await.unwrap_err();
        assert_eq!(err.kind(), std::io::ErrorKind::ConnectionReset);
    }
    idle.server.stop().await;
}

/// Whether the server ends in good order, or is dropped.
#[tokio::test]
async fn the_servers_own_relay_is_cut_off() {
    for in_order in [true, false] {
        let mut watched = Watched::start(|_| Verdict::Relay).await;
        let [ann, don] = ann_and_don(&watched.server, "none").await;
        let (mut ann, mut don) = (ann.unwrap(), don.unwrap());
        don.write_all(b"word").await.unwrap();
        soon("a word", ann.read_exact(&mut [0; 4])).await.unwrap();
        match in_order {
            true => watched.server.stop().await,
            false => watched.server.drop().await,
        }
        let (_, report) = soon("a report", watched.seen.recv()).await.unwrap();
        assert_eq!((report.end, report.traffic.to_accepter), (RelayEnd::ShutDown, 4), "{in_order}");
        for mut conn in [ann, don] {
            let err = soon("the end", conn.read(&mut [0; 8])).await.unwrap_err();
            assert_eq!(err.kind(), std::io::ErrorKind::ConnectionReset, "{in_order}");
        }
    }
}

#[tokio::test]
async fn a_handler_that_panics_harms_its_pair_alone() {
    let server = Watched::start(|pair| match name(&pair.dialer.request) {
        "Don" => panic!("as the test wants it"),
        _ => Verdict::Relay,
    })
    .await;
    for result in ann_and_don(&server.server, "none").await {
        result.unwrap_err();
    }
    pair(&named("Eve", "none"), &server.server.url()).await;
    server.server.stop().await;
}

#[cfg(feature = "http")]
mod mounted {
    use super::*;
    use crate::common::app::{App, Stack};

    #[tokio::test]
    async fn a_handler_behind_an_http_stack() {
        for stack in Stack::ALL {
            let (sender, mut seen) = mpsc::unbounded_channel();
            let decide = |pair: &MatchedPair| match pair.token().as_bytes() {
                b"no" => Verdict::Reject {
                    status: StatusCode::PAYMENT_REQUIRED,
                    reason: format!("pay, {}", name(&pair.accepter.request)),
                },
                b"shout" => Verdict::take(shout),
                _ => Verdict::Relay,
            };
            let server = Server::new(ServerConfig::default()).with_handler(Watch { decide, seen: sender });
            let app = App::start_server(*stack, server).await;
            let mut client = app.client("none");
            client.config.headers.add("X-Name", "Ann").unwrap();
            let connect = async |token: &str| {
                let token = token.parse().unwrap();
                let both =
                    async { tokio::join!(client.accept(&app.url, &token), client.dial(&app.url, &token)) };
                soon("both", both).await
            };

            let (ann, don) = connect("no").await;
            for err in [ann.unwrap_err(), don.unwrap_err()] {
                assert_eq!(refusal(&err), (402, "pay, Ann".into()), "{stack:?}");
            }
            let (pair, report) = soon("a report", seen.recv()).await.unwrap();
            assert_eq!(report.end, RelayEnd::Rejected, "{stack:?}");
            assert_eq!(pair.dialer.request.headers["upgrade"], "rdv/1");

            let (ann, don) = connect("shout").await;
            let (mut ann, mut don) = (ann.unwrap(), don.unwrap());
            don.write_all(b"hello").await.unwrap();
            don.shutdown().await.unwrap();
            assert_eq!(soon("the shout", read_to_end(&mut ann)).await.unwrap(), b"HELLO", "{stack:?}");
            let (_, report) = soon("a report", seen.recv()).await.unwrap();
            assert_eq!(report.traffic.to_accepter, 5, "{stack:?}");
        }
    }
}
