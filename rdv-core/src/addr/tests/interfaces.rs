use std::collections::BTreeSet;

use super::super::Interfaces;

#[test]
fn an_asterisk_stands_for_any_text() {
    let rows = [
        ("eth0", "eth0", true),
        ("eth0", "eth01", false),
        ("eth0", "Eth0", false),
        ("eth", "eth0", false),
        ("eth*", "eth0", true),
        ("eth*", "eth", true),
        ("eth*", "veth0", false),
        ("*", "", true),
        ("*", "Wi-Fi 2", true),
        ("*0", "eth0", true),
        ("*0", "eth01", false),
        ("e*0", "eth00", true),
        ("aba*aba", "aba", false),
        ("aba*aba", "abaaba", true),
        ("v*h*1", "veth21", true),
        ("v*h*1", "veth12", false),
        ("v*1*h", "veth1", false),
        ("**", "eth0", true),
        ("*é*", "vé0", true),
        ("eth?", "eth0", false),
        ("", "eth0", false),
    ];
    for (pattern, name, matches) in rows {
        let (mut only, mut others) = (Interfaces::default(), Interfaces::default());
        only.allow(pattern);
        others.deny(pattern);
        assert_eq!(only.includes(name), matches, "{pattern:?} is allowed: {name:?}");
        assert_eq!(others.includes(name), !matches, "{pattern:?} is denied: {name:?}");
    }
}

#[test]
fn what_is_denied_is_so_even_if_it_is_allowed() {
    let mut interfaces = Interfaces::default();
    interfaces.allow("eth*").allow("wlan0").deny("eth1");
    for (name, included) in [("eth0", true), ("eth1", false), ("wlan0", true), ("wlan1", false)] {
        assert_eq!(interfaces.includes(name), included, "{name}");
    }
}

#[test]
fn a_name_that_nobody_has_is_refused_along_with_those_there_are() {
    let present = BTreeSet::from(["lo", "eth0"]);
    let mut interfaces = Interfaces::default();
    assert_eq!(interfaces.check(&present), Ok(()), "nothing is asked for");
    interfaces.deny("eth7").deny("docker*").allow("eth*");
    assert_eq!(interfaces.check(&present), Ok(()), "to leave out what is not there does no harm");

    for name in ["eth7", "wl*", ""] {
        let error = interfaces.clone().allow(name).check(&present).expect_err(name);
        assert_eq!(
            error.to_string(),
            format!("no network interface with an address is called {name:?}; there are: eth0, lo")
        );
    }
    let error = interfaces.check(&BTreeSet::new()).expect_err("there is no interface at all");
    assert_eq!(error.to_string(), "no network interface with an address is called \"eth*\"; there are: none");
}
