//! PCP (RFC 6887): the MAP request for one TCP port, and its answer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Refusal, bytes, u16_at, u32_at};

/// A MAP request. The same nonce renews and deletes what it has made; nobody else knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The address that the request is sent from, and to which the port leads.
    pub client: Ipv4Addr,
    /// Ours, a random one.
    pub nonce: [u8; 12],
    /// The port here.
    pub internal_port: u16,
    /// Which port outside we would like, or have.
    pub suggested_port: u16,
    /// In seconds. 0 deletes the mapping.
    pub lifetime: u32,
}

/// What the gateway has made of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Its address and port outside.
    pub external: SocketAddr,
    /// In seconds, which may be less than asked for.
    pub lifetime: u32,
}

impl Request {
    /// The packet (RFC 6887, sections 7.1 and 11.1).
    pub fn packet(&self) -> [u8; LEN] {
        let mut packet = [0; LEN];
        packet[0] = VERSION;
        packet[1] = MAP;
        packet[4..8].copy_from_slice(&self.lifetime.to_be_bytes());
        packet[8..24].copy_from_slice(&self.client.to_ipv6_mapped().octets());
        packet[24..36].copy_from_slice(&self.nonce);
        packet[36] = TCP;
        packet[40..42].copy_from_slice(&self.internal_port.to_be_bytes());
        packet[42..44].copy_from_slice(&self.suggested_port.to_be_bytes());
        packet[44..60].copy_from_slice(&Ipv4Addr::UNSPECIFIED.to_ipv6_mapped().octets());
        packet
    }

    /// What a packet says to this request; `None` if it is no answer to it.
    ///
    /// # Errors
    /// The gateway's refusal. [`UNSUPPORTED_VERSION`] is said by gateways that speak NAT-PMP alone, too.
    pub fn answer(&self, packet: &[u8]) -> Option<Result<Granted, Refusal>> {
        if is_of_another_version(packet) {
            return Some(Err(refusal(UNSUPPORTED_VERSION)));
        }
        let has_good_length = (LEN..=MOST).contains(&packet.len()) && packet.len().is_multiple_of(4);
        if !has_good_length || packet[..2] != [VERSION, RESPONSE | MAP] {
            return None;
        }
        let is_ours =
            bytes(packet, 24) == self.nonce && packet[36] == TCP && u16_at(packet, 40) == self.internal_port;
        if !is_ours {
            return None;
        }
        match packet[3] {
            SUCCESS => {
                let ip = Ipv6Addr::from(bytes::<16>(packet, 44));
                let external = SocketAddr::new(IpAddr::V6(ip).to_canonical(), u16_at(packet, 42));
                Some(Ok(Granted { external, lifetime: u32_at(packet, 4) }))
            }
            code => Some(Err(refusal(code))),
        }
    }
}

/// A NAT-PMP gateway answers in its own version, and less (RFC 6887, section 9; RFC 6886, section 3.5); a PCP one of
/// another version in a head alone.
fn is_of_another_version(packet: &[u8]) -> bool {
    let is_natpmp =
        packet.len() >= 4 && packet[0] == 0 && packet[1] & RESPONSE != 0 && u16_at(packet, 2) == 1;
    let is_pcp = packet.len() >= 24
        && packet.len() <= MOST
        && packet[1] == RESPONSE | MAP
        && packet[3] == UNSUPPORTED_VERSION;
    is_natpmp || is_pcp
}

fn refusal(code: u8) -> Refusal {
    // RFC 6887, section 7.4.
    let meaning = match code {
        1 => "it does not speak this version of PCP",
        2 => "not authorized",
        3 => "malformed request",
        4 => "unsupported opcode",
        5 => "unsupported option",
        6 => "malformed option",
        7 => "network failure",
        8 => "no resources",
        9 => "unsupported protocol",
        10 => "quota exceeded",
        11 => "it cannot provide this external address",
        12 => "there is another NAT before it",
        13 => "excessive remote peers",
        _ => "",
    };
    Refusal { code: code.into(), meaning }
}

/// The result code of a gateway that does not speak this version.
pub const UNSUPPORTED_VERSION: u8 = 1;
/// Of the request, and of an answer without options.
pub const LEN: usize = 60;
/// Of any PCP packet.
pub const MOST: usize = 1100;

const VERSION: u8 = 2;
const MAP: u8 = 1;
const RESPONSE: u8 = 0x80;
const SUCCESS: u8 = 0;
const TCP: u8 = 6;
