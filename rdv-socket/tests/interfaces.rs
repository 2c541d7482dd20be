//! A machine with several interfaces. It is this one, in a network namespace that the test makes for itself.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use rdv_socket::{LocalAddr, SharedPort, local_addrs};

/// The test runs itself once more, in the namespace.
#[test]
fn several_interfaces() {
    if std::env::var_os(INSIDE).is_some() {
        set_up();
        every_address_is_described();
        each_dial_leaves_from_the_network_that_it_is_for();
        return;
    }
    let Some(options) = unshare_options() else {
        eprintln!("skipped: cannot make a network namespace with veth interfaces (ip, unshare, privileges)");
        return;
    };
    let this = std::env::current_exe().expect("the path of this test");
    let mut inside = Command::new("unshare");
    inside.args(options).arg(this).args(["--exact", "several_interfaces", "--nocapture"]).env(INSIDE, "1");
    let output = inside.output().expect("unshare has just worked");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "in the namespace:\n{stdout}\n{stderr}");
    assert!(stdout.contains("1 passed"), "nothing was tested:\n{stdout}");
    eprint!("{stderr}");
}

fn every_address_is_described() {
    let addrs = settled(|addrs| !have_ipv6() || addrs.iter().any(|addr| addr.is_temporary));
    let texts = |keep: fn(&LocalAddr) -> bool| {
        let addrs = addrs.iter().filter(|addr| !addr.is_temporary && !is_link_local(addr.ip) && keep(addr));
        addrs.map(described).collect::<Vec<_>>()
    };
    assert_eq!(
        texts(|addr| addr.ip.is_ipv4()),
        ["10.1.0.1 wired default", "10.1.0.2 wired", "127.0.0.1 lo", "192.168.7.1 radio"]
    );
    if have_ipv6() {
        assert_eq!(
            texts(|addr| addr.ip.is_ipv6()),
            ["::1 lo", "2001:db8:1::1 wired default", "2001:db8:1::dead wired deprecated", "fd07::1 radio"]
        );
    }
}

fn each_dial_leaves_from_the_network_that_it_is_for() {
    let port = SharedPort::bind().expect("a port");
    let mut rows = vec![
        ("10.1.0.77", "10.1.0.1"),
        ("192.168.7.77", "192.168.7.1"),
        ("198.51.100.1", "10.1.0.1"),
        ("127.0.0.1", "127.0.0.1"),
    ];
    if have_ipv6() {
        rows.extend([
            ("2001:db8:1::77", "2001:db8:1::1"),
            ("fd07::77", "fd07::1"),
            ("2001:db8:ffff::1", "2001:db8:1::1"),
        ]);
        // The system itself would rather hide the lasting address, behind one that no peer is told of.
        let socket = UdpSocket::bind("[::]:0").expect("a socket");
        socket.connect("[2001:db8:1::77]:9").expect("a route");
        let preferred = socket.local_addr().expect("an address").ip();
        let temporary = local_addrs().expect("addresses").into_iter().find(|addr| addr.is_temporary);
        assert_eq!(Some(preferred), temporary.map(|addr| addr.ip), "the choice of the system");
    }
    for (remote, source) in rows {
        let remote = SocketAddr::new(remote.parse().expect("an address"), 9);
        let stream = match port.connect(remote) {
            Ok(stream) => stream,
            // Nobody listens there, which on loopback is known at once.
            Err(error) if remote.ip().is_loopback() && error.kind() == ErrorKind::ConnectionRefused => {
                continue;
            }
            Err(error) => panic!("{remote}: {error}"),
        };
        let local = stream.local_addr().expect("an address");
        assert_eq!(local, SocketAddr::new(source.parse().expect("an address"), port.port()), "to {remote}");
        if !remote.ip().is_loopback() {
            let again = port.connect(remote).expect_err("the same connection twice");
            assert_eq!(again.kind(), ErrorKind::AddrNotAvailable, "to {remote} again: {again}");
        }
    }
}

/// Two networks, of which one leads to the internet, and an interface that nothing is connected to.
fn set_up() {
    ip("link set lo up");
    for name in ["wired", "radio", "loose"] {
        ip(&format!("link add {name} type veth peer name {name}-end"));
        ip(&format!("link set {name} up"));
    }
    ip("link set wired-end up");
    ip("link set radio-end up");
    ip("addr add 10.1.0.1/24 dev wired");
    ip("addr add 10.1.0.2/24 dev wired label wired:2");
    ip("addr add 192.168.7.1/24 dev radio");
    ip("addr add 10.9.0.1/24 dev loose");
    ip("route add default via 10.1.0.254");
    if have_ipv6() {
        fs::write("/proc/sys/net/ipv6/conf/wired/use_tempaddr", "2").expect("temporary addresses, preferred");
        ip("addr add 2001:db8:1::1/64 dev wired nodad mngtmpaddr");
        ip("addr add 2001:db8:1::dead/64 dev wired nodad preferred_lft 0");
        ip("addr add fd07::1/64 dev radio nodad");
        ip("route add default via 2001:db8:1::fe");
    }
}

/// This machine's addresses, once they are as they should be.
fn settled(are_complete: impl Fn(&[LocalAddr]) -> bool) -> Vec<LocalAddr> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let addrs = local_addrs().expect("addresses");
        if are_complete(&addrs) {
            return addrs;
        }
        assert!(Instant::now() < deadline, "some are missing: {addrs:#?}");
        std::thread::yield_now();
    }
}

fn described(addr: &LocalAddr) -> String {
    let default = if addr.is_default_route { " default" } else { "" };
    let deprecated = if addr.is_deprecated { " deprecated" } else { "" };
    format!("{} {}{default}{deprecated}", addr.ip, addr.interface)
}

fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

fn have_ipv6() -> bool {
    let have = fs::exists("/proc/sys/net/ipv6/conf/lo").unwrap_or(false);
    if !have {
        eprintln!("skipped for IPv6: this machine does not have it");
    }
    have
}

/// With privileges or, where users may have namespaces of their own, without.
fn unshare_options() -> Option<&'static [&'static str]> {
    let all: [&'static [&str]; 2] = [&["--net"], &["--map-root-user", "--net"]];
    all.into_iter().find(|options| {
        let probe = Command::new("unshare")
            .args(*options)
            .args("ip link add near type veth peer name far".split(' '))
            .output();
        probe.is_ok_and(|output| output.status.success())
    })
}

fn ip(line: &str) {
    let output = Command::new("ip").args(line.split(' ')).output().expect("ip has just worked");
    assert!(output.status.success(), "ip {line}: {}", String::from_utf8_lossy(&output.stderr));
}

const INSIDE: &str = "RDV_TEST_INSIDE_NAMESPACE";
