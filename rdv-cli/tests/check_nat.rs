//! `rdv check` behind real NATs: those of Linux, in network namespaces that each test makes and takes away. It takes
//! root, `ip` and `nft`; where one of them is missing, the tests say so and skip.
#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// A client, its NAT, and a server with two addresses, each in a namespace.
struct Lab {
    name: String,
    server: Option<Child>,
}

impl Lab {
    /// With the NAT's way of translating what goes out; `None` where this machine can't have it.
    fn new(test: &str, way: &str) -> Option<Lab> {
        let lab = Lab { name: format!("rdv-{}-{test}", std::process::id()), server: None };
        let [client, nat, server] = ["c", "n", "s"].map(|host| lab.host(host));
        let script = format!(
            "set -e
            ip netns add {client}; ip netns add {nat}; ip netns add {server}
            ip -n {nat} link add in type veth peer name eth netns {client}
            ip -n {nat} link add out type veth peer name eth netns {server}
            for host in {client} {nat} {server}; do ip -n $host link set lo up; done
            ip -n {client} addr add 10.9.0.2/24 dev eth; ip -n {client} link set eth up
            ip -n {nat} addr add 10.9.0.1/24 dev in; ip -n {nat} link set in up
            ip -n {nat} addr add 198.51.100.254/24 dev out; ip -n {nat} link set out up
            ip -n {server} addr add 198.51.100.1/24 dev eth; ip -n {server} addr add 198.51.100.2/24 dev eth
            ip -n {server} link set eth up
            ip -n {client} route add default via 10.9.0.1
            ip netns exec {nat} sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'
            ip netns exec {nat} nft add table ip nat
            ip netns exec {nat} nft add chain ip nat post '{{ type nat hook postrouting priority 100; }}'
            ip netns exec {nat} nft add rule ip nat post oifname out {way}"
        );
        let made = Command::new("sh").args(["-c", &script]).output().expect("there is a shell");
        if !made.status.success() {
            let why = String::from_utf8_lossy(&made.stderr);
            eprintln!("skipped: no NAT in network namespaces here: {}", why.trim());
            return None;
        }
        Some(lab.serving())
    }

    /// Adds chains and rules to a host.
    fn nft(&self, host: &str, lines: &[&str]) {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.host(host), "nft", &lines.join("; ")]);
        assert!(command.status().expect("there is ip").success(), "nft does not take {lines:?}");
    }

    fn serving(mut self) -> Lab {
        let mut server = self.command("s", &["serve", "-l", ":8080"]);
        let mut server = server.stderr(Stdio::piped()).spawn().expect("the server does not start");
        let stderr = server.stderr.take().expect("stderr is piped");
        self.server = Some(server);
        let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("listening")), "the server does not listen");
        // So that it can go on to log.
        std::thread::spawn(move || lines.for_each(drop));
        self
    }

    fn check(&self, flags: &[&str]) -> Output {
        let args = [&["check"], flags, &["http://198.51.100.1:8080"]].concat();
        let end = self.command("c", &args).output().expect("the check does not start");
        assert_eq!(end.status.code(), Some(0), "{}", String::from_utf8_lossy(&end.stderr));
        end
    }

    fn object(&self, flags: &[&str]) -> Value {
        let end = self.check(&[&["--json"], flags].concat());
        serde_json::from_slice(&end.stdout).expect("JSON")
    }

    fn command(&self, host: &str, args: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.host(host), env!("CARGO_BIN_EXE_rdv")]).args(args);
        command
    }

    fn host(&self, host: &str) -> String {
        format!("{}-{host}", self.name)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
        for host in ["c", "n", "s"] {
            let _ =
                Command::new("ip").args(["netns", "del", &self.host(host)]).stderr(Stdio::null()).status();
        }
    }
}

fn check_fields(object: &Value, fields: &[(&str, Value)]) {
    for (field, expected) in fields {
        assert_eq!(object.pointer(field), Some(expected), "{field} of {object:#}");
    }
}

const ALSO: &[&str] = &["--also", "http://198.51.100.2:8080"];

#[test]
fn a_nat_that_keeps_ports() {
    let Some(lab) = Lab::new("keep", "masquerade") else { return };
    let seen = [
        ("/ipv4/space", Value::from("public4")),
        ("/ipv4/between", "nat".into()),
        ("/ipv4/ports", "kept".into()),
        ("/relay_works", true.into()),
        ("/endpoints/0/source", "10.9.0.2".into()),
        // Its filtering is address-and-port-dependent, and it has no mapping for its own inside.
        ("/hairpin", false.into()),
        ("/firewall", "nothing-seen".into()),
        ("/direct", "likely".into()),
    ];
    let alone = lab.object(&[]);
    check_fields(&alone, &seen);
    check_fields(&alone, &[("/ipv4/mapping", "one-address".into()), ("/because", "kept-ports".into())]);
    let compared = lab.object(ALSO);
    check_fields(&compared, &seen);
    check_fields(
        &compared,
        &[("/ipv4/mapping", "independent".into()), ("/because", "independent-mapping".into())],
    );
    let told = String::from_utf8(lab.check(ALSO).stdout).unwrap();
    assert!(told.contains("A direct connection is likely: your NAT gives all destinations"), "{told}");
}

#[test]
fn a_nat_with_another_port_for_each_destination() {
    let Some(lab) = Lab::new("random", "masquerade fully-random") else { return };
    let seen = [
        ("/ipv4/between", Value::from("nat")),
        ("/ipv4/ports", "changed".into()),
        ("/hairpin", false.into()),
    ];
    let alone = lab.object(&[]);
    check_fields(&alone, &seen);
    check_fields(
        &alone,
        &[
            ("/ipv4/mapping", "one-address".into()),
            ("/direct", "possible".into()),
            ("/because", "unknown-mapping".into()),
        ],
    );
    let compared = lab.object(ALSO);
    check_fields(&compared, &seen);
    check_fields(
        &compared,
        &[
            ("/ipv4/mapping", "dependent".into()),
            ("/direct", "unlikely".into()),
            ("/because", "dependent-mapping".into()),
        ],
    );
    let told = String::from_utf8(lab.check(ALSO).stdout).unwrap();
    assert!(told.contains("unlikely: your NAT gives each destination another port."), "{told}");
}

#[test]
fn a_nat_that_connects_its_own() {
    let Some(lab) = Lab::new("hairpin", "masquerade") else { return };
    let forward = "add rule ip nat pre ip daddr 198.51.100.254 tcp dport 1024-65535 dnat to 10.9.0.2";
    lab.nft(
        "n",
        &[
            "add chain ip nat pre { type nat hook prerouting priority -100; }",
            forward,
            "add rule ip nat post oifname in ip saddr 10.9.0.0/24 masquerade",
        ],
    );
    let object = lab.object(ALSO);
    check_fields(
        &object,
        &[
            ("/hairpin", true.into()),
            ("/ipv4/mapping", Value::from("independent")),
            ("/direct", "likely".into()),
        ],
    );
}

#[test]
fn a_firewall_that_lets_nobody_in() {
    let Some(lab) = Lab::new("firewall", "masquerade") else { return };
    lab.nft(
        "c",
        &[
            "add table ip filter",
            "add chain ip filter in { type filter hook input priority 0; }",
            "add rule ip filter in tcp flags & (syn | ack) == syn drop",
        ],
    );
    let object = lab.object(&[]);
    check_fields(
        &object,
        &[
            ("/relay_works", true.into()),
            ("/firewall", Value::from("blocks-incoming")),
            ("/direct", "possible".into()),
            ("/because", "firewall".into()),
        ],
    );
}

#[test]
fn a_server_beyond_a_black_hole_is_124() {
    let Some(lab) = Lab::new("hole", "masquerade") else { return };
    lab.nft(
        "n",
        &[
            "add table ip filter",
            "add chain ip filter on { type filter hook forward priority 0; policy drop; }",
        ],
    );
    let end = lab.command("c", &["check", "--timeout", "1s", "http://198.51.100.1:8080"]).output().unwrap();
    let log = String::from_utf8_lossy(&end.stderr);
    assert_eq!(end.status.code(), Some(124), "{log}");
    assert!(log.starts_with("ERROR client: cannot reach the server: 198.51.100.1:8080 timed out: "), "{log}");
}
