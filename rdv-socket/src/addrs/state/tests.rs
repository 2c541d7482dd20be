use super::*;

#[test]
fn flags_are_read_as_linux_writes_them() {
    let text = "\
fe8000000000000000fc00fffe000001 04 40 20 80     eth0
20010db8000000000000000000000001 04 40 00 00     eth0
20010db8000000000000000000000002 04 40 00 01     eth0
20010db8000000000000000000000003 04 40 00 20     eth0
20010db8000000000000000000000004 04 40 00 21     eth0
20010db8000000000000000000000005 04 40 00 c0     eth0
20010db8000000000000000000000006 04 40 00 44     eth0
20010db8000000000000000000000007 04 40 00 c8     eth0
00000000000000000000000000000001 01 80 10 80       lo
";
    let rows = [
        ("fe80::fc:ff:fe00:1", "eth0", "settled"),
        ("2001:db8::1", "eth0", "settled"),
        ("2001:db8::2", "eth0", "settled temporary"),
        ("2001:db8::3", "eth0", "settled deprecated"),
        ("2001:db8::4", "eth0", "settled temporary deprecated"),
        ("2001:db8::5", "eth0", ""),
        ("2001:db8::6", "eth0", "settled"),
        ("2001:db8::7", "eth0", ""),
        ("::1", "lo", "settled"),
    ];
    let states = parsed(text);
    assert_eq!(states.len(), rows.len(), "{states:?}");
    for (state, (ip, interface, expected)) in states.iter().zip(rows) {
        assert_eq!((state.ip, state.interface.as_str()), (ip.parse().unwrap(), interface));
        for (word, is_so) in [
            ("settled", state.is_settled()),
            ("temporary", state.is_temporary()),
            ("deprecated", state.is_deprecated()),
        ] {
            assert_eq!(is_so, expected.contains(word), "{ip}: {word}");
        }
    }
}

#[test]
fn what_is_no_such_line_is_skipped() {
    for text in [
        "",
        "\n\n",
        "20010db8000000000000000000000001",
        "20010db8000000000000000000000001 04 40 00 80",
        "20010db8000000000000000000000001 04 40 00 180 eth0",
        "20010db8000000000000000000000001ff 04 40 00 80 eth0",
        "2001:db8::1 04 40 00 80 eth0",
        "20010db8000000000000000000000001 04 40 00 80 eth0 eth1",
    ] {
        assert_eq!(parsed(text), [], "{text:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_file_is_found() {
    if crate::test_util::have_ipv6() && std::path::Path::new("/proc/net/if_inet6").exists() {
        let states = of_all();
        assert!(states.iter().any(|state| state.ip.is_loopback()), "::1 is missing from {states:?}");
    }
}
