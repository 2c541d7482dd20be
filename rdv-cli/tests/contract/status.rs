//! Exit statuses, and the one line that goes with each.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use rdv_tests::refusing;

use crate::common::{Finished, Rdv, Server, TOKEN, run};

#[test]
fn usage_is_2() {
    for line in [
        &[][..],
        &["dial", "http://127.0.0.1:1"],
        &["dial", "http://127.0.0.1:1", ""],
        &["dial", "127.0.0.1:1", TOKEN],
        &["dial", "-r", "-s", "all", "http://127.0.0.1:1", TOKEN],
        &["accept", "-H", "Host: elsewhere", "http://127.0.0.1:1", TOKEN],
        &["accept", "--cacert", "/nonexistent/ca.pem", "http://127.0.0.1:1", TOKEN],
        &[
            "accept",
            "--cacert",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
            "https://127.0.0.1:1",
            TOKEN,
        ],
        &["dial", "--interface", "nosuch*", "http://127.0.0.1:1", TOKEN],
        &["serve", "-l", "8080"],
    ] {
        let end = run(line);
        assert_eq!(end.status, Some(2), "{line:?}: {:#?}", end.log);
        assert!(end.stdout.is_empty() && !end.log.is_empty(), "{line:?}");
        assert_no_token(&end);
    }
}

#[test]
fn an_interface_that_is_not_there_is_told_from_those_that_are() {
    let end = run(&["accept", "--interface", "nosuch0", "http://127.0.0.1:1", TOKEN]);
    assert_eq!(end.status, Some(2), "{:#?}", end.log);
    let line = end.line("ERROR");
    let start = "ERROR client: no network interface with an address is called \"nosuch0\"; there are: ";
    assert!(line.starts_with(start) && line.contains("lo"), "{line}");
    assert_no_token(&end);
}

/// With no address space in which it could be of use, nothing is asked of a gateway: this sends no packet.
#[test]
fn a_mapped_port_is_no_condition() {
    let server = Server::start(&[]);
    let pair = server.pair(&["--port-map", "-s", "loopback4"]).map(|mut rdv| {
        rdv.close_stdin();
        rdv
    });
    for end in pair.map(Rdv::finish) {
        assert_eq!(end.status, Some(0), "{:#?}", end.log);
        assert!(end.log.iter().any(|line| line.contains("is_relay=false")), "{:#?}", end.log);
    }
}

#[test]
fn help_and_version_are_0() {
    for line in [&["--help"][..], &["-V"], &["dial", "--help"], &["help", "serve"]] {
        let end = run(line);
        assert_eq!((end.status, end.log.len()), (Some(0), 0), "{line:?}: {:#?}", end.log);
        assert!(!end.stdout.is_empty());
    }
}

#[test]
fn a_server_that_is_not_there_is_1() {
    let (_socket, addr) = refusing();
    let end = run(&["dial", &format!("http://{addr}"), TOKEN]);
    assert_eq!(end.status, Some(1), "{:#?}", end.log);
    assert_eq!(
        end.line("ERROR"),
        format!(
            "ERROR client: cannot reach the server: {addr} connection refused: is it running, and is the URL right?"
        )
    );
    assert_no_token(&end);
}

#[test]
fn a_taken_port_is_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap();
    let end = run(&["serve", "-l", &addr.to_string()]);
    assert_eq!(end.status, Some(1));
    let start = format!("ERROR server: cannot listen on {addr}: ");
    assert!(end.line("ERROR").starts_with(&start), "{:#?}", end.log);
}

#[test]
fn a_refusal_is_3() {
    let mut server = Server::start(&["-v"]);
    let old = Rdv::start(&["dial", "-r", &server.url, TOKEN]);
    server.rdv.wait_for("joined: DIAL");
    let mut new = Rdv::start(&["dial", "-r", &server.url, TOKEN]);
    let old = old.finish();
    assert_eq!(old.status, Some(3), "{:#?}", old.log);
    assert_eq!(
        old.line("ERROR"),
        "ERROR client: refused by the server status=409 reason=\"replaced by another conn\": \
         somebody else uses this token in the same role"
    );
    assert_no_token(&old);

    // The newer one has the place.
    let mut accepter = Rdv::start(&["accept", "-r", &server.url, TOKEN]);
    new.feed("hello");
    accepter.close_stdin();
    assert_eq!(accepter.finish().stdout, b"hello");
    assert_eq!(new.finish().status, Some(0));
}

#[test]
fn the_lobbys_timeout_is_a_refusal() {
    let server = Server::start(&["--lobby-timeout", "100ms"]);
    let end = run(&["accept", &server.url, TOKEN]);
    assert_eq!(end.status, Some(3), "{:#?}", end.log);
    let start = "ERROR client: refused by the server status=408 reason=\"no matching peer found\"";
    assert!(end.line("ERROR").starts_with(start), "{:#?}", end.log);
}

#[test]
fn a_timeout_is_124() {
    let server = Server::start(&[]);
    let end = run(&["dial", "--timeout", "300ms", &server.url, TOKEN]);
    assert_eq!(end.status, Some(124), "{:#?}", end.log);
    let start = "ERROR client: timed out while waiting for the peer after 3";
    assert!(end.line("ERROR").starts_with(start), "{:#?}", end.log);
}

#[test]
fn a_server_that_does_not_answer_is_124() {
    // Listens, and accepts nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let end = run(&["dial", "--timeout", "100ms", &url, TOKEN]);
    assert_eq!(end.status, Some(124), "{:#?}", end.log);
}

#[test]
fn other_servers_are_told_apart() {
    for (answer, status, line) in [
        ("", 1, "ERROR client: the server closed the connection without an answer: is the URL right?"),
        ("SSH-2.0-OpenSSH_9.9\r\n\r\n", 1, "ERROR client: this is no rdv/1 server: "),
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nno\x1b\n",
            3,
            "ERROR client: refused by the server status=404 reason=\"no\\u{1b}\": is the URL's path right?",
        ),
        (
            "HTTP/1.1 401 \r\nContent-Length: 0\r\n\r\n",
            3,
            "ERROR client: refused by the server status=401 reason=\"Unauthorized\": does",
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (mut conn, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                conn.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            conn.write_all(answer.as_bytes()).unwrap();
        });
        let end = run(&["dial", &url, TOKEN]);
        server.join().unwrap();
        assert_eq!(end.status, Some(status), "{answer:?}: {:#?}", end.log);
        assert!(end.line("ERROR").starts_with(line), "{answer:?}: {:#?}", end.log);
    }
}

#[test]
fn a_server_without_tls_is_no_https_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        // If this machine has no certificate authorities, then nobody connects before the end of the test.
        let (mut conn, _) = listener.accept().unwrap();
        let _ = conn.read(&mut [0; 1024]);
        let _ = conn.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let end = run(&["dial", &url, TOKEN]);
    drop(server);
    assert_eq!(end.status, Some(1), "{:#?}", end.log);
    assert_eq!(end.log.len(), 1, "{:#?}", end.log);
}

fn assert_no_token(end: &Finished) {
    assert!(!end.log.iter().any(|line| line.contains("e41d08")), "{:#?}", end.log);
}
