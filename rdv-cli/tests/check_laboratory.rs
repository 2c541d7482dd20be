//! What `rdv check` says in the laboratory's networks, where the truth is known. `-- --nocapture` shows it.
//! It takes root, `ip` and `nft`; where one of them is missing, the test says so and skips.

#![cfg(target_os = "linux")]

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use rdv_tests::adapter::Blocking;
use rdv_tests::lab::{self, Families, Nat, Network, PORT, Side};
use rdv_tests::server::TestServer;
use serde_json::Value;

#[test]
fn a_check_finds_out_what_the_network_is() {
    if let Some(missing) = lab::missing() {
        eprintln!("skipped: {missing}");
        return;
    }
    let home = || Side::behind(&[Nat::HOME]);
    check(
        "a home's NAT",
        home(),
        None,
        &[
            ("/ipv4/between", "nat"),
            ("/ipv4/space", "public4"),
            ("/ipv4/ports", "kept"),
            ("/ipv4/mapping", "independent"),
            ("/direct", "likely"),
            ("/because", "independent-mapping"),
        ],
        "A direct connection is likely: your NAT gives all destinations the same port",
    );
    check(
        "a symmetric NAT",
        Side::behind(&[Nat::SYMMETRIC]),
        None,
        &[
            ("/ipv4/between", "nat"),
            ("/ipv4/space", "public4"),
            ("/ipv4/ports", "changed"),
            ("/ipv4/mapping", "dependent"),
            ("/direct", "unlikely"),
            ("/because", "dependent-mapping"),
        ],
        "With others the relay is used.",
    );
    check(
        "IPv6 alone",
        home().with(Families::V6),
        None,
        &[
            ("/ipv6/between", "nothing"),
            ("/ipv6/space", "public6"),
            ("/ipv6/ports", "kept"),
            ("/ipv6/mapping", "no-nat"),
            ("/direct", "likely"),
            ("/because", "no-nat"),
        ],
        "A direct connection is likely: this machine has a public address, and no NAT before it.",
    );
    check(
        "a server behind a reverse proxy",
        home(),
        Some(80),
        &[("/ipv4/between", "proxy"), ("/direct", "unlikely"), ("/because", "not-seen")],
        "name the proxy by --trusted-proxy.",
    );
}

/// Has the command check a server that has two addresses, by both; perhaps by a reverse proxy's port.
fn check(name: &str, side: Side, proxy: Option<u16>, findings: &[(&str, &str)], said: &str) {
    let families = side.families;
    let network = Network::new(&[side, Side::behind(&[])], 0);
    network
        .server
        .namespace
        .ip("addr add 192.88.98.100/32 dev wan\naddr add 2001:db8::64/128 dev wan nodad\n");
    let _server = network.server.namespace.enter(|| {
        if let Some(port) = proxy {
            forward(port);
        }
        TestServer::of(&Blocking, &format!(":{PORT}"), None, |_| {})
    });
    let [main, also] = if families == Families::V6 {
        ["[2001:db8::a]", "[2001:db8::64]"]
    } else {
        ["192.88.98.10", "192.88.98.100"]
    };
    let url = |host| format!("http://{host}:{}", proxy.unwrap_or(PORT));
    network.peers[0].await_path(&network.server, also.trim_matches(['[', ']']));
    let run = |flags: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rdv"));
        command.arg("check").args(flags).args(["--also", &url(also), &url(main)]);
        let end = network.peers[0].namespace.enter(|| command.output()).expect("the check starts");
        assert_eq!(end.status.code(), Some(0), "{name}: {}", String::from_utf8_lossy(&end.stderr));
        String::from_utf8(end.stdout).expect("UTF-8")
    };

    let text = run(&[]);
    println!("== {name}\n\n{text}");
    assert!(text.contains(said), "{name}: {said:?} is missing: {text}");
    let object: Value = serde_json::from_str(&run(&["--json"])).expect("JSON");
    assert_eq!(object["relay_works"], true, "{name}: {object:#}");
    for (field, expected) in findings {
        assert_eq!(object.pointer(field), Some(&Value::from(*expected)), "{name}: {field} of {object:#}");
    }
}

/// A reverse proxy that tells nobody for whom it connects. It listens until the process ends.
fn forward(port: u16) {
    let listener = TcpListener::bind(("0.0.0.0", port)).expect("nobody has the port");
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(("127.0.0.1", PORT)).expect("the server is there");
            for (from, to) in [(&client, &server), (&server, &client)] {
                let mut ends = [from, to].map(|end| end.try_clone().expect("a descriptor"));
                thread::spawn(move || {
                    let [from, to] = &mut ends;
                    // However it ends, the other side hears of it.
                    let _ = io::copy(from, to);
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        }
    });
}
