use super::*;

#[test]
fn loopback_is_among_them() {
    let addrs = local_addrs().unwrap();
    assert!(addrs.iter().any(|addr| addr.ip.is_loopback()), "{addrs:?}");
    assert!(addrs.is_sorted(), "{addrs:?}");
    assert!(addrs.iter().all(|addr| !addr.interface.is_empty()), "{addrs:?}");
}

#[test]
fn each_of_them_can_be_bound() {
    for LocalAddr { ip, .. } in local_addrs().unwrap() {
        // Link-local IPv6 needs the interface's number, which is not said here.
        if matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local()) {
            continue;
        }
        std::net::TcpListener::bind((ip, 0)).unwrap_or_else(|error| panic!("{ip}: {error}"));
    }
}

#[test]
fn sorted_unmapped_and_once() {
    let raw = [
        ("fe80::1", "eth0"),
        ("fe80::1", "eth1"),
        ("::1", "lo"),
        ("::", "lo"),
        ("10.0.0.7", "eth0"),
        ("::ffff:10.0.0.7", "eth0"),
        ("0.0.0.0", "eth0"),
        ("10.0.0.5", "eth1"),
        ("::1", "lo"),
    ];
    let raw = raw.map(|(ip, name)| (ip.parse().unwrap(), name.to_owned()));
    let described = described(raw.into_iter(), &[], &["10.0.0.7".parse().unwrap()]);
    let names: Vec<String> = described
        .iter()
        .map(|it| format!("{} {}{}", it.ip, it.interface, if it.is_default_route { " default" } else { "" }))
        .collect();
    assert_eq!(names, ["10.0.0.5 eth1", "10.0.0.7 eth0 default", "::1 lo", "fe80::1 eth0", "fe80::1 eth1"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_label_is_no_interface() {
    let raw = [("10.0.0.7".parse().unwrap(), "eth0:backup".to_owned())];
    assert_eq!(described(raw.into_iter(), &[], &[])[0].interface, "eth0");
}
