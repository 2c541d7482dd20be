//! What gateways say, and those who feign to be one: PCP, NAT-PMP, SSDP, HTTP and the XML of UPnP.

use std::net::{IpAddr, Ipv4Addr};

use rdv_portmap::codec::http::{self, MOST, Url};
use rdv_portmap::codec::{igd, natpmp, pcp, ssdp};

/// The first byte says what comes, the rest is that.
///
/// Only who knows the nonce maps something; a link leads to the machine that has it alone, and ends no line; a body has
/// its bound, and is the same however it is cut.
pub fn port_map(input: &[u8]) {
    let [what, rest @ ..] = input else {
        return;
    };
    match what % 5 {
        0 => packets(rest),
        1 => {
            if let Some(url) = ssdp::location(rest, IpAddr::V4(GATEWAY)) {
                check(&url);
            }
        }
        2 => answer(rest),
        3 => {
            let services = igd::services(rest, &base());
            assert!(services.len() <= 4);
            services.iter().for_each(|service| check(&service.control));
        }
        _ => {
            let _ = igd::address(rest);
            let _ = igd::fault(rest);
            if let Some(url) = str::from_utf8(rest).ok().and_then(|link| base().join(link)) {
                check(&url);
            }
        }
    }
}

fn packets(packet: &[u8]) {
    let (nonce, internal_port) = (*b"nonce of us!", 4711);
    let (suggested_port, lifetime) = (internal_port, 600);
    let pcp = pcp::Request { client: Ipv4Addr::LOCALHOST, nonce, internal_port, suggested_port, lifetime };
    if let Some(Ok(_)) = pcp.answer(packet) {
        assert_eq!(packet[24..36], nonce);
    }
    let natpmp = natpmp::Request { internal_port, suggested_port, lifetime };
    let address = natpmp::address(packet);
    let mapped = natpmp.answer(packet);
    assert!(address.is_none() || mapped.is_none(), "an answer to two questions");
}

/// Whether it is cut or not, and wherever, the first answer there is is the one there is.
fn answer(received: &[u8]) {
    let whole = http::answer(received, true);
    if let Ok(Some(answer)) = &whole {
        assert!(answer.body.len() <= MOST);
    }
    for len in (0..received.len()).step_by(1 + received.len() / 64) {
        match http::answer(&received[..len], false) {
            Ok(None) => {}
            early => return assert_eq!(early, whole, "after {len} bytes"),
        }
    }
}

fn check(url: &Url) {
    assert_eq!(url.host.ip(), &GATEWAY);
    assert_ne!(url.host.port(), 0);
    assert!(url.path.starts_with('/') && url.path.bytes().all(|byte| byte.is_ascii_graphic()), "{url:?}");
    assert!(url.path.len() <= 1024);
}

fn base() -> Url {
    Url::parse("http://192.168.1.1:5000/igd/rootDesc.xml").expect("a URL")
}

const GATEWAY: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 1);
