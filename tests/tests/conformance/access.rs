//! Who may use each adapter's server: the same, since the core asks.

use std::sync::Arc;
use std::time::Duration;

use rdv_access::{Bearers, Gate, GrantKeys, now};
use rdv_core::{Config, ConnectError, Role, Token};
use rdv_tests::adapter::Adapter;
use rdv_tests::answer::{expect_matched, read_told, request};
use rdv_tests::attempt::{Attempt, client};
use rdv_tests::for_each_adapter;
use rdv_tests::raw::RawConn;
use rdv_tests::server::TestServer;

for_each_adapter! {
    only_who_shows_credentials
    clients_show_them
}

const BEARER: &str = "mF_9.B5f-4.1JqM0";
const KEY: &str = "0123456789abcdef0123456789abcdef";

fn guarded(subject: &'static dyn Adapter) -> TestServer {
    TestServer::of(subject, "127.0.0.1:0", None, |lobby| {
        let gate = Gate::new().with_bearers(Bearers::parse(BEARER).unwrap());
        lobby.admission =
            Arc::new(gate.with_grants(keys()).with_longest_grant(Some(Duration::from_secs(7200))));
    })
}

fn keys() -> GrantKeys {
    GrantKeys::parse(KEY).unwrap()
}

fn grant(token: &str) -> String {
    keys().grant(&Token::new(token).unwrap(), now() + 3600)
}

fn only_who_shows_credentials(subject: &'static dyn Adapter) {
    let server = guarded(subject);
    let ask = |method: &str, credentials: &str| -> RawConn {
        let client = server.connect();
        let authorization = format!("\r\nAuthorization: Bearer {credentials}\r\nRdv-Self");
        client.send(request(method, "/tok", "").replace("\r\nRdv-Self", &authorization));
        client
    };
    let mut waiting = ask("DIAL", BEARER);
    server.settle();
    for (mut refused, status, code) in [
        (server.ask("DIAL", "/tok"), 401, "credentials-missing"),
        (ask("DIAL", "mF_9.B5f-4.1JqM1"), 401, "credentials-wrong"),
        (ask("ACCEPT", &grant("other")), 401, "credentials-wrong"),
        (ask("ACCEPT", &keys().grant(&Token::new("tok").unwrap(), now() - 100)), 401, "credentials-expired"),
        (
            ask("ACCEPT", &keys().grant(&Token::new("tok").unwrap(), now() + 9999)),
            401,
            "credentials-too-long",
        ),
        (ask("ACCEPT", "x, Bearer y"), 400, "credentials-malformed"),
    ] {
        let told = read_told(&mut refused);
        assert_eq!((told.status, told.code.as_str()), (status, code), "{}", subject.name());
        refused.expect_eof();
    }
    let mut question = server.connect();
    question.send("OBSERVE /tok HTTP/1.1\r\nHost: h\r\nRdv-Attempt: 0123456789abcdef\r\n\r\n");
    assert_eq!(read_told(&mut question).code, "credentials-missing", "{}", subject.name());
    // All that has replaced nobody.
    expect_matched(&mut waiting, &mut ask("ACCEPT", &grant("tok")));
}

/// Each with its own kind.
fn clients_show_them(subject: &'static dyn Adapter) {
    let server = guarded(subject);
    let with = |credentials: String| {
        move |config: &mut Config| {
            config.headers.add("Authorization", &format!("Bearer {credentials}")).unwrap()
        }
    };
    let dialer = Attempt::start(&client("all", with(BEARER.into())), Role::Dial, &server.url(), "pair");
    let accepter = Attempt::start(&client("all", with(grant("pair"))), Role::Accept, &server.url(), "pair");
    assert!(!dialer.conn().is_relay() && !accepter.conn().is_relay());
    let stranger = Attempt::start(&client("all", |_| {}), Role::Dial, &server.url(), "pair").error();
    match stranger.connect_error() {
        Some(ConnectError::Refused(refusal)) => {
            assert_eq!((refusal.status.as_u16(), refusal.code()), (401, Some("credentials-missing")));
        }
        other => panic!("{}: {other:?}", subject.name()),
    }
}
