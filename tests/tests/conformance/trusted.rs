//! Each adapter's server behind a proxy that it trusts: by the PROXY protocol, in front of TLS and without, and by headers.

use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use rdv_core::Role;
use rdv_tests::adapter::{Adapter, Blocking, Party, meet};
use rdv_tests::answer::{expect_told, read_told, request};
use rdv_tests::ground::token;
use rdv_tests::raw::RawConn;
use rdv_tests::server::TestServer;
use rdv_tests::tls::Authority;
use rdv_tests::{answer::Told, for_each_adapter, pattern};

for_each_adapter! {
    proxy_headers_in_clear
    proxy_headers_before_tls
    forwarded
    strangers
    health_checks
}

/// A server that trusts whoever connects from this machine.
fn trusting(subject: &'static dyn Adapter, tls: Option<&Authority>) -> TestServer {
    let tls = tls.map(|authority| authority.certify("localhost").into());
    TestServer::of(subject, "127.0.0.1:0", tls, |lobby| {
        lobby.trusted_proxies = vec!["127.0.0.1".parse().unwrap()]
    })
}

/// The observed addresses of a dialer and an accepter that send this.
fn observed(server: &TestServer, heads: [Vec<u8>; 2], bytewise: bool) -> [String; 2] {
    let conns = heads.map(|head| {
        let conn = server.connect();
        if bytewise {
            conn.send_bytewise(head)
        } else {
            conn.send(head)
        }
        conn
    });
    conns.map(|mut conn| {
        let head = String::from_utf8(conn.read_until("\r\n\r\n")).unwrap();
        let observed = head.lines().find_map(|line| line.strip_prefix("Rdv-Observed-Addr: "));
        observed.unwrap_or_else(|| panic!("no address in {head}")).to_owned()
    })
}

fn proxy_headers_in_clear(subject: &'static dyn Adapter) {
    let server = trusting(subject, None);
    for (at, bytewise) in [(0, false), (1, true)] {
        let heads = [("DIAL", V1), ("ACCEPT", V2)]
            .map(|(method, header)| [header, request(method, &format!("/tok{at}"), "").as_bytes()].concat());
        assert_eq!(observed(&server, heads, bytewise), ["198.51.100.1:39841", "[2001:db8::1]:39842"]);
    }
    // Not a byte too many: what is behind CONTINUE is the application's.
    let accepter = server.connect();
    accepter.send([V2, request("ACCEPT", "/early", "").as_bytes()].concat());
    let dialer = server.connect();
    dialer.send([V1, request("DIAL", "/early", "").as_bytes(), b"CONTINUE\nearly"].concat());
    let mut accepter = accepter;
    accepter.read_until("\r\n\r\n");
    accepter.expect("CONTINUE\nearly");
}

/// TLS with the client begins behind the proxy's word, or at once if the proxy says none.
fn proxy_headers_before_tls(subject: &'static dyn Adapter) {
    if subject.name() == "smol" {
        return; // Its server speaks no TLS itself.
    }
    let authority = Authority::new();
    let server = trusting(subject, Some(&authority));
    let party = Party::new(&Blocking, "none").tls(authority.trusted());
    for (header, seen) in [(V1, "198.51.100.1:39841"), (V2, "[2001:db8::1]:39842"), (b"", "127.0.0.1:")] {
        let front = Front::start(server.addr(), header);
        let url = format!("https://localhost:{}", front.addr.port()).parse().unwrap();
        let (one, two) = meet((&party, Role::Dial), &party, &url, token());
        for conn in [&one, &two] {
            let observed = conn.meta.observed.unwrap().to_string();
            assert!(observed.starts_with(seen), "{}: {observed}", subject.name());
        }
        let data = pattern(200_000, 1);
        one.send(data.clone());
        two.expect(data);
    }
    // A header that is none: no answer in clear.
    let mut conn = server.connect();
    conn.send("PROXY TCP4 nonsense\r\n");
    conn.expect_closed();
}

fn forwarded(subject: &'static dyn Adapter) {
    let server = trusting(subject, None);
    let heads = [
        ("DIAL", "Forwarded: for=\"198.51.100.1:39841\""),
        ("ACCEPT", "X-Forwarded-For: 203.0.113.5, 2001:db8::1, 127.0.0.1\r\nX-Forwarded-Port: 39842"),
    ]
    .map(|(method, line)| request(method, "/tok", "").replace("Host", &format!("{line}\r\nHost")).into());
    assert_eq!(observed(&server, heads, false), ["198.51.100.1:39841", "[2001:db8::1]:39842"]);
}

fn strangers(subject: &'static dyn Adapter) {
    let server = TestServer::of(subject, "127.0.0.1:0", None, |lobby| {
        lobby.trusted_proxies = vec!["192.0.2.0/24".parse().unwrap()];
    });
    let why = "malformed request: a PROXY header, from an address that is not trusted to send one";
    for header in [V1, V2] {
        let mut conn = server.connect();
        conn.send([header, request("DIAL", "/tok", "").as_bytes()].concat());
        expect_told(&mut conn, &Told::new(400, "untrusted-proxy", why));
    }
    let heads = ["DIAL", "ACCEPT"].map(|method| {
        request(method, "/tok", "").replace("Host", "Forwarded: for=\"1.1.1.1:1\"\r\nHost").into()
    });
    assert!(observed(&server, heads, false).iter().all(|addr| addr.starts_with("127.0.0.1:")));
}

/// What balancers do to see whether a server is alive harms nobody.
fn health_checks(subject: &'static dyn Adapter) {
    let server = trusting(subject, None);
    for says in [&b""[..], b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", b"PROXY UNKNOWN\r\n"] {
        let mut ends = server.connect();
        ends.send(says);
        ends.finish();
        ends.expect_eof();
        let resets = server.connect();
        resets.send(says);
        resets.reset();
        let mut asks: RawConn = server.connect();
        asks.send([says, b"OPTIONS / HTTP/1.0\r\n\r\n"].concat());
        assert_eq!(read_told(&mut asks).status, 426);
    }
    server.pair("/tok");
}

/// A proxy that begins each connection to the server with a header.
struct Front {
    addr: SocketAddr,
}

impl Front {
    fn start(server: SocketAddr, header: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        thread::spawn(move || {
            // For two clients.
            for client in listener.incoming().take(2) {
                let (client, mut upstream) = (client.unwrap(), TcpStream::connect(server).unwrap());
                upstream.set_nodelay(true).unwrap();
                upstream.write_all(header).unwrap();
                for (from, to) in [(&client, &upstream), (&upstream, &client)] {
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    thread::spawn(move || {
                        // Whoever does not pick the relay just drops it.
                        let _ = io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Write);
                    });
                }
            }
        });
        Self { addr }
    }
}

/// Of 198.51.100.1:39841.
const V1: &[u8] = b"PROXY TCP4 198.51.100.1 203.0.113.1 39841 443\r\n";
/// Of [2001:db8::1]:39842, with a TLV.
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x28\
    \x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\
    \x9b\xa2\x01\xbb\x04\0\x01x";
