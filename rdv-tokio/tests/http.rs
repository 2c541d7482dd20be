//! The server in an application's HTTP stack: axum and hyper, under a path, in clear and over TLS.

mod common;

use std::io::ErrorKind;
use std::time::Duration;

use rdv_tokio::http::RdvService;
use rdv_tokio::{Server, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use common::app::{App, PASS, Stack, ask};
use common::{exchange, exchange_at_once, refusal, replaced, soon, token};

#[tokio::test]
async fn direct() {
    for stack in Stack::ALL {
        let app = App::start(*stack).await;
        let (accepted, dialed) = app.pair("loopback4").await;
        for conn in [&accepted, &dialed] {
            assert!(!conn.is_relay(), "{stack:?}");
            assert!(conn.meta().observed.unwrap().ip().is_loopback(), "{stack:?}");
        }
        let (accepted, dialed) = (accepted.into_tcp().unwrap(), dialed.into_tcp().unwrap());
        assert_eq!(accepted.peer_addr().unwrap(), dialed.local_addr().unwrap());
    }
}

#[tokio::test]
async fn relayed_half_close() {
    for stack in Stack::ALL {
        let app = App::start(*stack).await;
        let (mut accepted, mut dialed) = app.pair("none").await;
        assert!(accepted.is_relay() && dialed.is_relay(), "{stack:?}");
        exchange(&mut dialed, &mut accepted, b"request", b"answer").await;
        let (mut accepted, mut dialed) = app.pair("none").await;
        exchange(&mut accepted, &mut dialed, b"the other way", b"round").await;
    }
}

#[tokio::test]
async fn relayed_big_transfer_both_ways() {
    for stack in Stack::ALL {
        let app = App::start(*stack).await;
        let (mut accepted, mut dialed) = app.pair("none").await;
        exchange_at_once(&mut accepted, &mut dialed, 2 << 20).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relayed_on_many_threads() {
    for stack in Stack::ALL {
        let app = App::start(*stack).await;
        let (mut accepted, mut dialed) = app.pair("none").await;
        exchange_at_once(&mut accepted, &mut dialed, 1 << 20).await;
    }
}

#[tokio::test]
async fn a_reset_is_passed_on() {
    for stack in Stack::ALL.iter().filter(|stack| **stack != Stack::Odd) {
        let app = App::start(*stack).await;
        let (mut accepted, mut dialed) = app.pair("none").await;
        dialed.write_all(b"cut sho").await.unwrap();
        dialed.flush().await.unwrap();
        let mut heard = [0; 7];
        soon("the beginning", accepted.read_exact(&mut heard)).await.unwrap();
        dialed.reset().unwrap();
        drop(dialed);
        let err = soon("the end", accepted.read(&mut heard)).await.unwrap_err();
        assert_eq!(err.kind(), ErrorKind::ConnectionReset, "{stack:?}");
    }
}

#[tokio::test]
async fn bytes_behind_the_request_are_kept() {
    for stack in Stack::CLEAR {
        let app = App::start(*stack).await;
        let mut accepter = waiting(&app, "ACCEPT", "tok").await;
        let mut dialer = TcpStream::connect(app.addr).await.unwrap();
        let request = format!("{}CONTINUE\nearly", request("DIAL", "/apps/rdv/tok"));
        dialer.write_all(request.as_bytes()).await.unwrap();
        dialer.shutdown().await.unwrap();
        let heard = read_until(&mut accepter, "early").await;
        assert!(heard.starts_with("HTTP/1.1 101 ") && heard.ends_with("\r\n\r\nCONTINUE\nearly"), "{heard}");
        accepter.write_all(b"late").await.unwrap();
        assert!(read_until(&mut dialer, "late").await.ends_with("\r\n\r\nlate"));
    }
}

/// EXTENSIONS.md: a client asks on a second connection by which address it is seen there. To the stack both answers are
/// of requests of their own, on one connection.
#[tokio::test]
async fn a_second_opinion() {
    for stack in Stack::CLEAR {
        let app = App::start(*stack).await;
        let id = "Rdv-Attempt: 00ff00ff00ff00ff\r\nHost";
        let question = request("OBSERVE", "/apps/rdv/tok")
            .replace("Host", id)
            .replace("Connection: upgrade\r\nUpgrade: rdv/1\r\n", "");
        let mut asks = TcpStream::connect(app.addr).await.unwrap();
        let addr = asks.local_addr().unwrap();
        asks.write_all(question.as_bytes()).await.unwrap();
        let early = read_until(&mut asks, "\r\n\r\n").await.to_lowercase();
        assert!(early.starts_with("http/1.1 200 ok\r\n"), "{stack:?}: {early}");
        assert!(early.contains(&format!("rdv-observed-addr: {addr}\r\n")), "{stack:?}: {early}");
        assert!(early.contains("rdv-noted: no\r\n"), "{stack:?}: {early}");

        let mut accepter = TcpStream::connect(app.addr).await.unwrap();
        let head = request("ACCEPT", "/apps/rdv/tok").replace("Host", id);
        accepter.write_all(head.as_bytes()).await.unwrap();
        let mut answer = early;
        while !answer.contains("rdv-noted: yes\r\n") {
            assert!(answer.contains("rdv-noted: no\r\n"), "{stack:?}: {answer}");
            asks.write_all(question.as_bytes()).await.unwrap();
            answer = read_until(&mut asks, "\r\n\r\n").await.to_lowercase();
        }
        assert!(answer.contains("connection: close\r\n"), "{stack:?}: {answer}");

        let mut dialer = TcpStream::connect(app.addr).await.unwrap();
        dialer.write_all(request("DIAL", "/apps/rdv/tok").as_bytes()).await.unwrap();
        let matched = read_until(&mut dialer, "\r\n\r\n").await;
        assert!(matched.starts_with("HTTP/1.1 101 ") && matched.contains(&addr.to_string()), "{matched}");
    }
}

#[tokio::test]
async fn the_applications_refusal() {
    let app = App::start(Stack::Axum).await;
    let err = soon("an answer", common::client("none").dial(&app.url, &token())).await.unwrap_err();
    assert_eq!(refusal(&err), (401, "not without a pass".into()));
    let answer = ask(app.addr, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("hello, 127.0.0.1:"), "{answer}");
}

#[tokio::test]
async fn our_refusals() {
    for stack in Stack::CLEAR {
        let app = App::start(*stack).await;
        let ask = async |request: String, status: &str, code: &str, body: &str| {
            let answer = ask(app.addr, &request).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{stack:?}: {answer}");
            assert!(answer.contains(&format!("rdv-error: {code}\r\n")), "{stack:?}: {answer}");
            assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{stack:?}: {answer}");
        };
        let plain = format!("GET /apps/rdv/tok HTTP/1.1\r\nHost: h\r\n{}: {}\r\n\r\n", PASS.0, PASS.1);
        ask(plain, "426", "not-an-upgrade", "invalid rdv upgrade: requires connection upgrade").await;
        let old = request("DIAL", "/apps/rdv/tok").replace("HTTP/1.1", "HTTP/1.0");
        let answer = common::app::ask(app.addr, &old).await;
        assert!(answer.contains(" 426 "), "{stack:?}: {answer}");
        ask(request("PUT", "/apps/rdv/tok"), "400", "bad-method", "unknown rdv method [PUT]").await;
        ask(request("DIAL", "/apps/rdv/"), "400", "empty-token", "missing rdv token").await;
        ask(request("DIAL", "/apps/rdv?token"), "400", "empty-token", "missing rdv token").await;
    }
    let app = App::start(Stack::Hyper).await;
    for path in ["/apps", "/apps/rdvous", "/"] {
        let answer = ask(app.addr, &request("DIAL", path)).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
        assert!(answer.ends_with("rdv is under /apps/rdv on this server"), "{answer}");
    }
}

#[tokio::test]
async fn the_lobbys_refusals() {
    for stack in Stack::ALL {
        let app = App::start(*stack).await;
        let (client, token) = (app.client("none"), token());
        let (err, waiting) = replaced(&client, &app.url, &token).await;
        assert_eq!(refusal(&err), (409, "replaced by another conn".into()), "{stack:?}");
        drop(waiting);
        let mut config = ServerConfig::default();
        config.lobby.lobby_timeout = Some(Duration::from_millis(20));
        let app = App::start_server(*stack, Server::new(config)).await;
        let err = soon("an answer", app.client("none").dial(&app.url, &token)).await.unwrap_err();
        assert_eq!(refusal(&err), (408, "no matching peer found".into()), "{stack:?}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_frees_its_place() {
    for stack in Stack::ALL {
        let mut config = ServerConfig::default();
        config.lobby.max_waiting = 1;
        let app = App::start_server(*stack, Server::new(config)).await;
        let (client, first, second) = (app.client("none"), token(), token());
        let mut one = Box::pin(client.accept(&app.url, &first));
        let mut other = Box::pin(client.accept(&app.url, &second));
        // Whoever comes first gets the place.
        let err = tokio::select! {
            result = soon("an answer", &mut one) => result.unwrap_err(),
            result = soon("an answer", &mut other) => result.unwrap_err(),
        };
        assert_eq!(refusal(&err).0, 503, "{stack:?}");
        drop((one, other));
        // There is room, as soon as the stack has noticed.
        let third = token();
        let both = async {
            loop {
                match tokio::try_join!(client.accept(&app.url, &third), client.dial(&app.url, &third)) {
                    Ok(conns) => break conns,
                    Err(err) => assert_eq!(refusal(&err).0, 503, "{stack:?}"),
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let (mut accepted, mut dialed) = soon("a place", both).await;
        exchange(&mut dialed, &mut accepted, b"request", b"answer").await;
    }
}

#[tokio::test]
async fn tokens_and_queries() {
    let app = App::start(Stack::Axum).await;
    let client = app.client("loopback4");
    let url = format!("http://{}/apps/rdv/?key=1", app.addr).parse().unwrap();
    for text in ["a/b", "/a", "ümläut ?#%", "..", "a//b"] {
        let token = text.parse().unwrap();
        let both = async { tokio::try_join!(client.accept(&url, &token), client.dial(&app.url, &token)) };
        soon("a connection", both).await.unwrap_or_else(|err| panic!("{text}: {err}"));
    }
}

#[tokio::test]
async fn without_an_observed_address() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let rdv = RdvService::new(Server::new(ServerConfig::default()));
    let app = axum::Router::new().nest_service("/apps/rdv", rdv);
    tokio::spawn(async move { axum::serve(listener, app).await });
    let answer = ask(addr, &request("DIAL", "/apps/rdv/tok")).await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert!(answer.ends_with("this server is not told its clients' addresses"), "{answer}");
}

#[tokio::test]
async fn the_observed_address_by_the_proxys_header() {
    let mut config = ServerConfig::default();
    config.lobby.observed = rdv_core::Observed::Header("x-client".parse().unwrap());
    let app = App::start_server(Stack::Hyper, Server::new(config)).await;
    let mut client = app.client("none");
    client.config.headers.add("X-Client", "192.0.2.1:7").unwrap();
    let (accepted, _dialed) = common::pair(&client, &app.url).await;
    assert_eq!(accepted.meta().observed, Some("192.0.2.1:7".parse().unwrap()));
}

#[tokio::test]
async fn shutdown_answers_those_who_wait_and_cuts_off_relays() {
    for stack in Stack::ALL {
        let app = App::start(*stack).await;
        let (mut accepted, mut dialed) = app.pair("none").await;
        let (client, token) = (app.client("none"), token());
        let (_, waiting) = replaced(&client, &app.url, &token).await;
        let both = async { tokio::join!(waiting, app.rdv.shutdown()) };
        let (waited, ()) = soon("an answer", both).await;
        assert_eq!(refusal(&waited.unwrap_err()), (503, "rdv server shutting down, try again".into()));
        for conn in [&mut accepted, &mut dialed] {
            let end = soon("the end", conn.read(&mut [0; 8])).await;
            if *stack == Stack::Odd {
                assert_eq!(end.unwrap(), 0);
            } else {
                assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset, "{stack:?}");
            }
        }
        let err = soon("an answer", client.dial(&app.url, &token)).await.unwrap_err();
        assert_eq!(refusal(&err), (503, "rdv is closed".into()), "{stack:?}");
        soon("it is over already", app.rdv.shutdown()).await;
    }
}

#[tokio::test]
async fn the_last_service_ends_the_server() {
    let app = App::start(Stack::Axum).await;
    let (mut accepted, _dialed) = app.pair("none").await;
    // The application, which has the other clones, and whatever its connections have.
    drop(app);
    let err = soon("the end", accepted.read(&mut [0; 8])).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn limits_are_by_observed_address() {
    let mut config = ServerConfig::default();
    config.lobby.max_conns_per_addr = 1;
    let app = App::start_server(Stack::Hyper, Server::new(config)).await;
    let (mut one, mut other) = (waiting(&app, "ACCEPT", "one").await, waiting(&app, "ACCEPT", "other").await);
    // Either may have been first.
    let refused = "too many conns from this address";
    let answer = tokio::select! {
        answer = read_until(&mut one, refused) => answer,
        answer = read_until(&mut other, refused) => answer,
    };
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
}

#[tokio::test]
async fn a_browser_is_shown_the_page() {
    for stack in Stack::CLEAR {
        let app = App::start(*stack).await;
        for (method, has_body) in [("GET", true), ("HEAD", false)] {
            let head = format!(
                "{method} /apps/rdv/ HTTP/1.1\r\nHost: example.com\r\n{}: {}\r\nConnection: close\r\n\r\n",
                PASS.0, PASS.1
            );
            let answer = soon("the page", ask(app.addr, &head)).await;
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{stack:?}: {answer}");
            assert!(
                answer.to_lowercase().contains("content-security-policy: default-src 'none'"),
                "{answer}"
            );
            assert_eq!(answer.contains("This is an rdv server"), has_body, "{answer}");
        }
        assert!(app.rdv.metrics().render().contains("\nrdv_pages_total 2\n"), "{stack:?}");
    }
}

fn request(method: &str, path: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n{}: {}\r\n\r\n",
        PASS.0, PASS.1
    )
}

/// A client that has asked.
async fn waiting(app: &App, method: &str, token: &str) -> TcpStream {
    let mut stream = TcpStream::connect(app.addr).await.unwrap();
    let request = request(method, &format!("/apps/rdv/{token}"));
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Reads until `end` has come.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut heard = Vec::new();
    while !heard.ends_with(end.as_bytes()) {
        match soon(end, stream.read_buf(&mut heard)).await {
            Ok(1..) => {}
            other => panic!("{other:?} after {:?}", String::from_utf8_lossy(&heard)),
        }
    }
    String::from_utf8(heard).unwrap()
}
