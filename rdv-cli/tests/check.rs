//! `rdv check` against a real server, and against what is none.

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::thread;

use common::{Finished, Program, Rdv, Server, run};
use rdv_tests::proxy::{Speaks, TestProxy};
use rdv_tests::refusing;
use serde_json::Value;

const PROGRAM: Program = Program::Rdv;

fn stdout(end: &Finished) -> &str {
    std::str::from_utf8(&end.stdout).expect("stdout is UTF-8")
}

fn object(end: &Finished) -> Value {
    let text = stdout(end);
    assert_eq!(text.lines().count(), 1, "one line: {text}");
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Something that answers each request with `answer`, or takes connections and says nothing.
fn impostor(answer: Option<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // Ends with the process.
    thread::spawn(move || {
        let mut silent = Vec::new();
        for conn in listener.incoming() {
            let mut conn = conn.unwrap();
            match answer {
                Some(answer) => {
                    thread::spawn(move || {
                        if conn.read(&mut [0; 4096]).is_ok_and(|len| len > 0) {
                            let _ = conn.write_all(answer.as_bytes());
                        }
                    });
                }
                None => silent.push(conn),
            }
        }
    });
    url
}

#[test]
fn a_server_that_works_is_0() {
    let server = Server::start(&[]);
    let end = run(&["check", &server.url]);
    assert_eq!(end.status, Some(0), "{:#?}", end.log);
    assert!(end.log.is_empty(), "{:#?}", end.log);
    let told = stdout(&end);
    for part in [
        "This machine\n  ",
        "(loopback4)",
        "The server\n  127.0.0.1:",
        "connects in ",
        "It answers in ",
        "The relay works: data came through it both ways, unchanged.",
        "IPv4: it sees 127.0.0.1:",
        "which is our own: the server is on this machine",
        "A direct connection is possible with peers in this network",
    ] {
        assert!(told.contains(part), "{part:?} is missing: {told}");
    }
    assert!(!told.contains('\x1b') && !told.contains("firewall"), "{told}");
}

#[test]
fn json_says_the_same() {
    let server = Server::start(&[]);
    let also = Server::start(&[]);
    let end = run(&["check", "--json", "--also", &also.url, &server.url]);
    assert_eq!(end.status, Some(0), "{:#?}", end.log);
    let object = object(&end);
    for (field, expected) in [
        ("/url", Value::from(server.url.as_str())),
        ("/works", true.into()),
        ("/error", Value::Null),
        ("/relay_works", true.into()),
        ("/ipv4/space", "loopback4".into()),
        ("/ipv4/between", "same-network".into()),
        ("/ipv4/ports", "kept".into()),
        ("/ipv4/mapping", "no-nat".into()),
        ("/ipv6", Value::Null),
        ("/hairpin", Value::Null),
        ("/firewall", "nothing-seen".into()),
        ("/direct", "possible".into()),
        ("/because", "same-network".into()),
        ("/endpoints/0/source", "127.0.0.1".into()),
        ("/endpoints/0/also", false.into()),
        ("/endpoints/1/also", true.into()),
        ("/endpoints/1/url", also.url.as_str().into()),
    ] {
        assert_eq!(object.pointer(field), Some(&expected), "{field} of {object:#}");
    }
    for time in ["/answer_ms", "/endpoints/0/connect_ms"] {
        assert!(
            object.pointer(time).and_then(Value::as_f64).is_some_and(|ms| ms > 0.0),
            "{time}: {object:#}"
        );
    }
    // Two of each round and of the race, and two of the other server.
    let sightings =
        |at: usize| object.pointer(&format!("/endpoints/{at}/sightings")).unwrap().as_array().unwrap();
    assert_eq!((sightings(0).len(), sightings(1).len()), (8, 2), "{object:#}");
    for sighting in sightings(0).iter().chain(sightings(1)) {
        assert_eq!(sighting["local"], sighting["observed"], "{object:#}");
    }
    assert_eq!(sightings(0)[0], sightings(1)[0], "both servers see one port: {object:#}");
}

#[test]
fn a_proxy_that_hides_addresses_is_noticed() {
    // All clients look the same to this server.
    let server = Server::start(&["--observed-header", "X-Observed-Addr"]);
    let header = "X-Observed-Addr: 10.1.2.3:80";
    let end = run(&["check", "--json", "-H", header, &server.url]);
    assert_eq!(end.status, Some(0), "{:#?}", end.log);
    let object = object(&end);
    assert_eq!(object["ipv4"]["observed"], "10.1.2.3:80", "{object:#}");
    assert_eq!(
        (&object["ipv4"]["ports"], &object["direct"]),
        (&"hidden".into(), &"unlikely".into()),
        "{object:#}"
    );
    // Six of three rounds, and none of a race, in which a stranger would have been dialled.
    assert_eq!(object["endpoints"][0]["sightings"].as_array().map(Vec::len), Some(6), "{object:#}");
}

#[test]
fn a_proxy_on_the_way_is_named() {
    let server = Server::start(&[]);
    let also = Server::start(&[]);
    let proxy = TestProxy::start(Speaks::Socks5, false, server.url["http://".len()..].parse().unwrap());
    let end = run(&["check", "--json", "--proxy", &proxy.url(""), "--also", &also.url, &server.url]);
    assert_eq!(end.status, Some(0), "{:#?}", end.log);
    let object = object(&end);
    for (field, expected) in [
        ("/proxy", Value::from(proxy.url(""))),
        ("/works", true.into()),
        ("/relay_works", true.into()),
        ("/ipv4/between", "our-proxy".into()),
        ("/ipv4/ports", "untold".into()),
        ("/ipv4/mapping", "unseen".into()),
        ("/because", "our-proxy".into()),
        ("/left_out/0", also.url.as_str().into()),
        ("/endpoints/0/addr", proxy.addr().to_string().into()),
    ] {
        assert_eq!(object.pointer(field), Some(&expected), "{field} of {object:#}");
    }
    // Two of each round, and none of a race, in which the proxy would have been dialled.
    assert_eq!(proxy.asked().len(), 6, "{:?}", proxy.asked());

    drop(proxy);
    let (_socket, addr) = refusing();
    let end = run(&["check", "--proxy", &format!("http://me:secret@{addr}"), &server.url]);
    assert_eq!(end.status, Some(1), "{:#?}", end.log);
    let why = format!(
        "cannot reach the proxy http://{addr}: {addr} connection refused: is it running, and is the URL right?"
    );
    assert_eq!(end.log, [format!("ERROR client: {why}")]);
}

#[test]
fn a_server_that_is_not_there_is_1() {
    let (_socket, addr) = refusing();
    let url = format!("http://{addr}");
    let end = run(&["check", &url]);
    assert_eq!(end.status, Some(1), "{:#?}", end.log);
    let why =
        format!("cannot reach the server: {addr} connection refused: is it running, and is the URL right?");
    assert_eq!(end.log, [format!("ERROR client: {why}")]);
    assert!(
        stdout(&end).contains(&format!("{addr}: cannot be reached: connection refused")),
        "{}",
        stdout(&end)
    );

    let end = run(&["check", "--json", &url]);
    let object = object(&end);
    assert_eq!(end.status, Some(1), "{:#?}", end.log);
    assert_eq!((&object["works"], &object["error"]), (&false.into(), &why.into()), "{object:#}");
    assert_eq!((&object["direct"], &object["relay_works"]), (&"unknown".into(), &Value::Null), "{object:#}");
}

#[test]
fn a_name_without_address_is_1() {
    // No label is that long, so nobody is asked.
    let end = run(&["check", &format!("http://{}.example", "x".repeat(64))]);
    assert_eq!(end.status, Some(1), "{:#?}", end.log);
    assert!(
        end.line("ERROR").starts_with("ERROR client: cannot find the server's address: "),
        "{:#?}",
        end.log
    );
    assert!(stdout(&end).contains(".example: its name has no address: "), "{}", stdout(&end));
}

#[test]
fn what_is_no_rdv_server_says_so() {
    for (answer, status, line) in [
        (Some("SSH-2.0-OpenSSH_9.9\r\n\r\n"), 1, "ERROR client: this is no rdv/1 server: "),
        (
            Some("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
            3,
            "ERROR client: refused by the server status=404",
        ),
        (None, 124, "ERROR client: the server does not answer in time: "),
    ] {
        let end = run(&["check", "--timeout", "2s", &impostor(answer)]);
        assert_eq!(end.status, Some(status), "{answer:?}: {:#?}", end.log);
        assert_eq!(end.log.len(), 1, "{answer:?}: {:#?}", end.log);
        assert!(end.line("ERROR").starts_with(line), "{answer:?}: {:#?}", end.log);
        assert!(stdout(&end).contains("the server does not work for us"), "{answer:?}: {}", stdout(&end));
    }
}

#[test]
fn a_second_server_that_is_none_changes_nothing() {
    let server = Server::start(&[]);
    let also = impostor(Some("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
    let end = run(&["check", "--json", "--also", &also, "--also", "http://127.0.0.1:1", &server.url]);
    assert_eq!(end.status, Some(0), "{:#?}", end.log);
    let object = object(&end);
    let error = |at: usize| object["endpoints"][at]["error"].as_str().unwrap_or_default();
    assert!(error(1).starts_with("refused by the server status=404"), "{object:#}");
    assert_eq!((error(0), error(2)), ("", "connection refused"), "{object:#}");
}

#[test]
fn headers_are_for_one_host() {
    let server = Server::start(&[]);
    let mut heads = Vec::new();
    for host in ["127.0.0.1", "localhost"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let also = format!("http://{host}:{}", listener.local_addr().unwrap().port());
        let (sender, receiver) = channel();
        // Ends with the process.
        thread::spawn(move || {
            for conn in listener.incoming() {
                head(&mut conn.unwrap()).map(|head| sender.send(head));
            }
        });
        let end = run(&["check", "-H", "X-Secret: 7f3a9c", "--also", &also, &server.url]);
        assert_eq!(end.status, Some(0), "{:#?}", end.log);
        heads.push(receiver.recv_timeout(common::PATIENCE).expect("the other server is asked"));
    }
    assert!(heads[0].contains("7f3a9c"), "the same host gets it: {}", heads[0]);
    assert!(!heads[1].contains("7f3a9c"), "another host gets it: {}", heads[1]);
}

#[test]
fn a_second_server_that_is_silent_takes_nothing_from_the_first() {
    let server = Server::start(&[]);
    let silent = impostor(None);
    let end = run(&["check", "--json", "--timeout", "3s", "--also", &silent, &server.url]);
    assert_eq!(end.status, Some(0), "{:#?}", end.log);
    let object = object(&end);
    let error = object["endpoints"][1]["error"].as_str().unwrap_or_default();
    assert!(error.starts_with("the server does not answer in time"), "{object:#}");
}

#[test]
fn usage_is_2() {
    for line in [&["check"][..], &["check", "127.0.0.1:1"], &["check", "-H", "Host: x", "http://127.0.0.1:1"]]
    {
        let end = run(line);
        assert_eq!(end.status, Some(2), "{line:?}: {:#?}", end.log);
        assert!(end.stdout.is_empty(), "{line:?}");
    }
}

#[cfg(unix)]
#[test]
fn interrupted_is_130() {
    let rdv = Rdv::start(&["check", "-v", &impostor(None)]);
    let mut rdv = rdv;
    rdv.wait_for("DIAL");
    rdv.signal("INT");
    assert_eq!(rdv.finish().status, Some(130));
}

/// As little as an rdv/1 server can do: it tells no addresses, and ends both directions of a relay with the first one,
/// as some servers do. `spoil` is done to what it relays.
fn meagre_server(spoil: fn(&mut [u8])) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // Ends with the process.
    thread::spawn(move || {
        let mut waiting: Vec<(String, TcpStream)> = Vec::new();
        for conn in listener.incoming() {
            let mut conn = conn.unwrap();
            // One of those that only try to connect says nothing.
            let Some(head) = head(&mut conn) else { continue };
            let token = head.split(' ').nth(1).unwrap().to_owned();
            let Some(at) = waiting.iter().position(|(other, _)| *other == token) else {
                waiting.push((token, conn));
                continue;
            };
            let (_, other) = waiting.remove(at);
            let pair = if head.starts_with("DIAL") { [conn, other] } else { [other, conn] };
            thread::spawn(move || serve(pair, spoil));
        }
    });
    url
}

fn head(conn: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        conn.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

fn serve([mut dialer, mut accepter]: [TcpStream; 2], spoil: fn(&mut [u8])) {
    let answer = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n\r\n";
    dialer.write_all(answer).unwrap();
    accepter.write_all(answer).unwrap();
    let mut command = [0; b"CONTINUE\n".len()];
    if dialer.read_exact(&mut command).is_err() || command != *b"CONTINUE\n" {
        return;
    }
    accepter.write_all(&command).unwrap();
    let ends = [(&dialer, &accepter), (&accepter, &dialer)].map(|(from, to)| (clone(from), clone(to)));
    for (mut from, mut to) in ends {
        thread::spawn(move || {
            let mut buf = [0; 4096];
            while let Ok(len @ 1..) = from.read(&mut buf) {
                spoil(&mut buf[..len]);
                if to.write_all(&buf[..len]).is_err() {
                    break;
                }
            }
            for conn in [from, to] {
                let _ = conn.shutdown(Shutdown::Both);
            }
        });
    }
}

fn clone(conn: &TcpStream) -> TcpStream {
    conn.try_clone().unwrap()
}

#[test]
fn a_server_that_does_the_least_is_checked_all_the_same() {
    let end = run(&["check", "--json", &meagre_server(|_| {})]);
    assert_eq!(end.status, Some(0), "{:#?}", end.log);
    let object = object(&end);
    assert_eq!((&object["relay_works"], &object["ipv4"]["between"]), (&true.into(), &"untold".into()));
    assert_eq!((&object["direct"], &object["because"]), (&"unlikely".into(), &"not-seen".into()));
}

#[test]
fn a_relay_that_changes_data_does_not_work() {
    let end = run(&["check", "--json", &meagre_server(|data| data[0] ^= 1)]);
    assert_eq!(end.status, Some(1), "{:#?}", end.log);
    let object = object(&end);
    let why = "data comes out of the relay other than it went in";
    assert_eq!((&object["relay_works"], &object["relay_error"]), (&false.into(), &why.into()), "{object:#}");
    assert_eq!((&object["works"], &object["error"]), (&false.into(), &why.into()), "{object:#}");
}
