//! What the server answers to a request, good or bad (rdv/1 sections 1 and 2).

use std::io::{ErrorKind, Write};
use std::time::{Duration, Instant};

use rdv_tests::answer::{NOT_IDLE, Told, expect_matched, expect_told, read_told, request};
use rdv_tests::raw::{End, RawConn};
use rdv_tests::script::play;
use rdv_tests::server::TestServer;

#[test]
fn every_request_of_the_reference_is_answered() {
    let server = TestServer::with(|lobby| lobby.lobby_timeout = Some(Duration::from_millis(150)));
    let count = play("requests.txt", include_str!("../fixtures/requests.txt"), server.addr());
    assert_eq!(count, 73, "cases in requests.txt");
}

#[test]
fn and_so_are_these() {
    let server = TestServer::with(|lobby| lobby.lobby_timeout = Some(Duration::from_millis(150)));
    play("requests_more.txt", include_str!("../fixtures/requests_more.txt"), server.addr());
}

/// The reference keeps such a connection for as long as the client likes.
#[test]
fn a_client_that_says_nothing_is_dropped() {
    let timeout = Duration::from_millis(200);
    let server = TestServer::with(|lobby| lobby.head_timeout = timeout);
    let start = Instant::now();
    let mut client = server.connect();
    client.expect_eof();
    assert!(start.elapsed() >= timeout, "dropped after {:?}, too early", start.elapsed());
}

/// The reference waits for the rest without end.
#[test]
fn a_client_that_never_finishes_its_head_is_told_so() {
    let timeout = Duration::from_millis(200);
    let server = TestServer::with(|lobby| lobby.head_timeout = timeout);
    let start = Instant::now();
    let mut client = server.connect();
    client.send("DIAL /t");
    expect_told(&mut client, &Told::new(408, "head-timeout", "the request did not come in time"));
    assert!(start.elapsed() >= timeout, "told after {:?}, too early", start.elapsed());
}

/// The time is for the whole head: bytes that trickle in do not buy more of it.
#[test]
fn a_head_that_trickles_in_gets_no_more_time() {
    let server = TestServer::with(|lobby| lobby.head_timeout = Duration::from_millis(200));
    let mut client = server.connect();
    let start = Instant::now();
    client.send("DIAL /trickle HTTP/1.1\r\nX-Slow: ");
    while start.elapsed() < Duration::from_millis(400) {
        client.send("x");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(read_told(&mut client).code, "head-timeout");
    client.expect_eof();
}

#[test]
fn a_head_of_16_kib_is_the_longest() {
    let server = TestServer::start();
    let head = |len: usize| {
        let bare = request("DIAL", "/long", "").replace("\r\n\r\n", "\r\nX-Fill: \r\n\r\n");
        bare.replace("X-Fill: ", &format!("X-Fill: {}", "x".repeat(len - bare.len())))
    };
    assert_eq!(head(16 * 1024).len(), 16 * 1024);
    let mut longest = server.connect();
    longest.send(head(16 * 1024));
    server.settle();
    let mut peer = server.connect();
    peer.send(request("ACCEPT", "/long", ""));
    expect_matched(&mut longest, &mut peer);

    let mut longer = server.connect();
    longer.send(head(16 * 1024 + 1));
    let too_large = "request head too large: 16 KiB are allowed";
    expect_told(&mut longer, &Told::new(431, "head-too-large", too_large));
}

#[test]
fn sixty_four_headers_are_the_most() {
    let server = TestServer::start();
    let with_headers = |count: usize| {
        let more: String = (4..count).map(|i| format!("X-{i}: y\r\n")).collect();
        request("DIAL", "/many", "").replace("\r\n\r\n", &format!("\r\n{more}\r\n"))
    };
    let mut most = server.connect();
    most.send(with_headers(64));
    server.settle();
    let mut peer = server.connect();
    peer.send(request("ACCEPT", "/many", ""));
    expect_matched(&mut most, &mut peer);

    let mut more = server.connect();
    more.send(with_headers(65));
    assert_eq!(read_told(&mut more).code, "too-many-headers");
}

/// Closing with unread bytes makes an RST, which can overtake the answer: the server reads on for a while.
#[test]
fn no_reset_overtakes_an_answer() {
    let server = TestServer::start();
    let dialog = |first: &str, code: &str| {
        let mut client = server.connect();
        client.send([first.as_bytes(), &vec![b'x'; 200_000]].concat());
        assert_eq!(read_told(&mut client).code, code);
        client.expect_eof();
        // Linux hides from a reader that an RST came behind the FIN. Others drop the answer then.
        let behind = client.tcp().take_error().unwrap();
        assert!(behind.is_none(), "{code}: an RST behind the answer: {behind:?}");
    };
    for round in 0..10 {
        dialog(&request("DIAL", &format!("/noisy{round}"), ""), "not-idle");
        dialog("GET /x HTTP/1.1\r\nHost: rdv.test\r\n\r\n", "not-an-upgrade");
    }
}

#[test]
fn garbage_while_waiting_does_not_hide_the_answer() {
    let server = TestServer::start();
    for round in 0..20 {
        let mut client = server.connect();
        client.send(request("ACCEPT", &format!("/garbage{round}"), ""));
        server.settle();
        client.send(vec![b'x'; 100_000]);
        expect_told(&mut client, &Told::new(400, "not-idle", NOT_IDLE));
    }
}

/// A client that goes on for ever is cut off all the same, and nobody else notices.
#[test]
fn an_endless_client_is_cut_off() {
    let server = TestServer::start();
    let endless = server.connect();
    let writer = std::thread::spawn(move || {
        let mut sent = 0;
        let chunk = [b'x'; 64 * 1024];
        endless.send("GET / HTTP/1.1\r\n\r\n");
        loop {
            match endless.tcp().write(&chunk) {
                Ok(len) => sent += len,
                Err(err) => return (sent, err.kind()),
            }
            assert!(sent < 64 << 20, "the server still reads after 64 MiB");
        }
    });
    server.settle();
    let (_, kind) = writer.join().unwrap();
    assert!(matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "ended by {kind}");
}

/// An answer that nobody reads does not hold a connection for ever.
#[test]
fn a_client_that_does_not_close_is_closed() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.send("GET /x HTTP/1.1\r\nHost: rdv.test\r\n\r\n");
    assert_eq!(read_told(&mut client).code, "not-an-upgrade");
    client.expect_eof();
    // The FIN is acknowledged, ours never comes: in the end a write meets a closed socket.
    let deadline = Instant::now() + rdv_tests::SOON;
    let refused = |client: &RawConn| client.tcp().write(b"x").is_err();
    while !refused(&client) {
        assert!(Instant::now() < deadline, "the server still holds the connection");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_is_shown_of_a_stranger_is_printable_and_short() {
    let server = TestServer::start();
    let mut client = server.connect();
    let upgrade = format!("Upgrade: \u{1b}[31m{}", "z".repeat(500));
    client.send(request("DIAL", "/x", "").replace("Upgrade: rdv/1", &upgrade));
    let (answer, end) = client.read_to_end();
    let text = String::from_utf8_lossy(&answer);
    assert_eq!(end, End::Eof, "{text}");
    assert!(!text.contains('\u{1b}'), "an escape sequence came back: {text:?}");
    assert!(!text.contains(&"z".repeat(200)), "not shortened: {text:?}");
}
