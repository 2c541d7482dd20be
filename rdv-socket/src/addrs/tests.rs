use super::*;

#[test]
fn loopback_is_among_them() {
    let addrs = local_addrs().unwrap();
    assert!(addrs.iter().any(IpAddr::is_loopback), "{addrs:?}");
}

#[test]
fn each_of_them_can_be_bound() {
    for ip in local_addrs().unwrap() {
        // Link-local IPv6 needs the interface, which is not said here.
        if matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local()) {
            continue;
        }
        std::net::TcpListener::bind((ip, 0)).unwrap_or_else(|error| panic!("{ip}: {error}"));
    }
}

#[test]
fn sorted_unmapped_and_once() {
    let parse = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
    let raw = parse(&["fe80::1", "::1", "::", "10.0.0.7", "::ffff:10.0.0.7", "0.0.0.0", "10.0.0.5", "::1"]);
    assert_eq!(tidy(raw.into_iter()), parse(&["10.0.0.5", "10.0.0.7", "::1", "fe80::1"]));
}
