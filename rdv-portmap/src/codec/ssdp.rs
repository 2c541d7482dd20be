//! SSDP, as far as a gateway is found by it (UPnP Device Architecture 1.1, section 1.3).

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};

use super::http::Url;

/// The question to a multicast group or to one machine: which kind of gateway is there?
pub fn search(to: SocketAddrV4, target: &str) -> String {
    format!("M-SEARCH * HTTP/1.1\r\nHOST: {to}\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: {target}\r\n\r\n")
}

/// Where the answer's sender says that its description is; `None` if it is no good answer. A machine may speak for itself
/// alone: the description must be at the address from which the answer comes.
pub fn location(answer: &[u8], from: IpAddr) -> Option<Url> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(answer);
    // The end of the datagram is the end of the head, with or without an empty line.
    if parsed.is_err() || response.code != Some(200) {
        return None;
    }
    let mut headers = response.headers.iter();
    let location = headers.find(|header| header.name.eq_ignore_ascii_case("location"))?;
    let url = Url::parse(str::from_utf8(location.value).ok()?)?;
    (IpAddr::V4(*url.host.ip()) == from).then_some(url)
}

/// The group and port of every UPnP device.
pub const GROUP: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(239, 255, 255, 250), 1900);
/// Kinds of gateways. One of version 2 answers to a question for version 1 as well, or should.
pub const TARGETS: [&str; 2] = [
    "urn:schemas-upnp-org:device:InternetGatewayDevice:1",
    "urn:schemas-upnp-org:device:InternetGatewayDevice:2",
];
/// The longest answer that is read.
pub const MOST: usize = 2048;
