use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use crate::codec::http::{MOST, Url};
use crate::codec::igd::{Action, address, fault, services};

/// A gateway's, with what surrounds it in practice.
const DESCRIPTION: &str = r#"<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>0</minor></specVersion>
<device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>
<serviceList><service><serviceType>urn:schemas-upnp-org:service:Layer3Forwarding:1</serviceType>
<controlURL>/ctl/L3F</controlURL></service></serviceList>
<deviceList><device><deviceList><device>
<serviceList>
<service><serviceType>urn:schemas-upnp-org:service:WANPPPConnection:1</serviceType><controlURL>/ctl/PPP</controlURL></service>
<service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType>
<serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId><SCPDURL>/WANIPCn.xml</SCPDURL>
<controlURL> /ctl/IPConn </controlURL><eventSubURL>/evt/IPConn</eventSubURL></service>
</serviceList></device></deviceList></device></deviceList></device></root>"#;

fn from() -> Url {
    Url::parse("http://192.168.1.1:5000/rootDesc.xml").expect("a URL")
}

fn controls(description: &str) -> Vec<String> {
    let found = services(description.as_bytes(), &from());
    found.iter().map(|service| format!("{} {}", service.control.host, service.control.path)).collect()
}

#[test]
fn the_services_that_map_ports_are_found() {
    let expected = ["192.168.1.1:5000 /ctl/IPConn", "192.168.1.1:5000 /ctl/PPP"];
    assert_eq!(controls(DESCRIPTION), expected);
    assert_eq!(controls(&format!("\u{feff}{DESCRIPTION}\r\n\0")), expected, "with what some put around it");

    let based =
        |base: &str| DESCRIPTION.replace("<specVersion>", &format!("<URLBase>{base}</URLBase><specVersion>"));
    let elsewhere = ["192.168.1.1:49152 /ctl/IPConn", "192.168.1.1:49152 /ctl/PPP"];
    assert_eq!(controls(&based("http://192.168.1.1:49152/x")), elsewhere);
    assert_eq!(
        controls(&based("http://10.0.0.1:49152/x")),
        expected,
        "a base on another machine does not count"
    );

    let other = DESCRIPTION.replace("/ctl/PPP", "http://10.0.0.1/ctl");
    assert_eq!(controls(&other), expected[..1], "nor does a service there");
    let many = DESCRIPTION.replace(
        "</serviceList>",
        &(DESCRIPTION[DESCRIPTION.find("<service>").expect("one")..]
            .split("</serviceList>")
            .nth(1)
            .expect("two")
            .split("<serviceList>")
            .nth(1)
            .expect("the second")
            .repeat(5)
            + "</serviceList>"),
    );
    assert_eq!(controls(&many).len(), 4);
}

#[test]
fn what_is_no_description_has_none() {
    let bomb = format!("<!DOCTYPE r [<!ENTITY a \"{}\">]><r>&a;</r>", "x".repeat(1000));
    let deep = format!("{}{}", "<a>".repeat(5000), "</a>".repeat(5000));
    let wide = format!("<root>{}</root>", "<a/>".repeat(10_001));
    for text in [
        "",
        "<root>",
        "<root></boot>",
        "\u{1f980}",
        &DESCRIPTION[..DESCRIPTION.len() - 1],
        &bomb,
        &deep,
        &wide,
    ] {
        let shown: String = text.chars().take(60).collect();
        assert!(controls(text).is_empty(), "{shown:?}");
    }
    assert!(services(&[0xff, 0xfe, b'<'], &from()).is_empty(), "not UTF-8");
}

/// The worst that fits: namespaces are inherited by each element, and attributes compared with each other.
#[test]
fn a_document_takes_no_time_to_speak_of() {
    let root = |attributes: &str, element: &str| {
        let room = MOST - attributes.len() - "<root></root>".len();
        let text = format!("<root{attributes}>{}</root>", element.repeat(room / element.len()));
        assert!(text.len() <= MOST);
        text
    };
    let spaces = |count: u32| (0..count).map(|i| format!(" xmlns:a{i}=\"u\"")).collect::<String>();
    let attributes: String = (0..5500).map(|i| format!(" a{i}=\"\"")).collect();
    let texts =
        [root(&spaces(1000), "<a xmlns:b='v'/>"), root(&spaces(60), "<a/>"), root(&attributes, "<a/>")];
    let started = Instant::now();
    for text in texts {
        assert!(controls(&text).is_empty());
    }
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[test]
fn actions_are_written() {
    let kind = "urn:schemas-upnp-org:service:WANIPConnection:1";
    let add = Action::Add {
        external_port: 4711,
        internal_port: 4712,
        client: Ipv4Addr::new(10, 0, 0, 2),
        lifetime: 600,
    };
    let (header, body) = add.request(kind);
    assert_eq!(header, "urn:schemas-upnp-org:service:WANIPConnection:1#AddPortMapping");
    let document = roxmltree::Document::parse(&body).expect("XML");
    let action =
        document.descendants().find(|node| node.has_tag_name((kind, "AddPortMapping"))).expect("the action");
    let arguments =
        action.children().map(|node| format!("{}={}", node.tag_name().name(), node.text().unwrap_or("")));
    // In this order, which some insist on.
    let expected = [
        "NewRemoteHost=",
        "NewExternalPort=4711",
        "NewProtocol=TCP",
        "NewInternalPort=4712",
        "NewInternalClient=10.0.0.2",
        "NewEnabled=1",
        "NewPortMappingDescription=rdv",
        "NewLeaseDuration=600",
    ];
    assert_eq!(arguments.collect::<Vec<_>>(), expected);

    let (_, body) = Action::Delete { external_port: 4711 }.request(kind);
    assert!(body.contains(
        "<NewExternalPort>4711</NewExternalPort><NewProtocol>TCP</NewProtocol></u:DeletePortMapping>"
    ));
    let (_, body) = Action::Address.request(kind);
    assert!(body.contains("<u:GetExternalIPAddress xmlns:u="), "{body}");
}

#[test]
fn answers_are_read() {
    let answer = "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"e\"><s:Body><u:GetExternalIPAddressResponse xmlns:u=\"k\">\
                  <NewExternalIPAddress> 198.51.100.1 </NewExternalIPAddress></u:GetExternalIPAddressResponse></s:Body></s:Envelope>";
    assert_eq!(address(answer.as_bytes()), Some(Ipv4Addr::new(198, 51, 100, 1)));
    assert_eq!(address(answer.replace("198.51.100.1", "").as_bytes()), None);
    assert_eq!(address(answer.replace("198.51.100.1", "router").as_bytes()), None);

    let answer = "<s:Envelope xmlns:s=\"e\"><s:Body><s:Fault><detail><UPnPError xmlns=\"c\"><errorCode>725</errorCode>\
                  <errorDescription>\u{1b}[31m</errorDescription></UPnPError></detail></s:Fault></s:Body></s:Envelope>";
    assert_eq!(fault(answer.as_bytes()), None, "a control character is no XML");
    let refusal = fault(answer.replace('\u{1b}', "").as_bytes()).expect("a fault");
    assert_eq!((refusal.code, refusal.meaning), (725, "it makes only mappings that last for good"));
    assert_eq!(fault(b"<errorCode>99999</errorCode>"), None);
}
