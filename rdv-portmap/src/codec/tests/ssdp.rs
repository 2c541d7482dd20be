use std::net::IpAddr;

use crate::codec::ssdp::{self, GROUP, TARGETS};

fn location(answer: &str) -> Option<String> {
    let from: IpAddr = "192.168.1.1".parse().expect("an address");
    ssdp::location(answer.as_bytes(), from).map(|url| format!("{}{}", url.host, url.path))
}

#[test]
fn a_search_is_as_upnp_has_it() {
    assert_eq!(
        ssdp::search(GROUP, TARGETS[0]),
        "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\n\
         ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n\r\n"
    );
}

#[test]
fn an_answer_says_where_its_sender_is_described() {
    let head = "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: upnp:rootdevice\r\nEXT:\r\n";
    let answer = |location: &str| format!("{head}{location}\r\n\r\n");
    let good = [
        ("LOCATION: http://192.168.1.1:5000/rootDesc.xml", "192.168.1.1:5000/rootDesc.xml"),
        ("Location:http://192.168.1.1", "192.168.1.1:80/"),
    ];
    for (line, url) in good {
        assert_eq!(location(&answer(line)).as_deref(), Some(url), "{line}");
        assert_eq!(location(&format!("{head}{line}\r\n")).as_deref(), Some(url), "without an empty line");
    }
    for line in [
        "LOCATION: http://192.168.1.2:5000/rootDesc.xml", // somebody else
        "LOCATION: https://192.168.1.1:5000/",
        "LOCATION: http://router:5000/",
        "LOCATION: http://192.168.1.1:0/",
        "LOCATION: http://user@192.168.1.1/",
        "LOCATION: http://[::1]:5000/",
        "LOCATION:",
        "NOTHING: else",
    ] {
        assert_eq!(location(&answer(line)), None, "{line}");
    }
}

#[test]
fn what_is_no_answer_is_passed_over() {
    let line = "LOCATION: http://192.168.1.1:5000/\r\n\r\n";
    let heads = [
        "HTTP/1.1 404 Not Found\r\n",
        "NOTIFY * HTTP/1.1\r\n",
        "M-SEARCH * HTTP/1.1\r\n",
        "\u{1f980}\r\n",
        "",
    ];
    for head in heads {
        assert_eq!(location(&format!("{head}{line}")), None, "{head:?}");
    }
    assert_eq!(
        location(&format!("HTTP/1.1 200 OK\r\n{}{line}", "A: b\r\n".repeat(40))),
        None,
        "too many headers"
    );
}
