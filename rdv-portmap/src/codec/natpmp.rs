//! NAT-PMP (RFC 6886): what the external address is, and the mapping of one TCP port.

use std::net::Ipv4Addr;

use super::{Refusal, bytes, u16_at, u32_at};

/// Asks for the external address (section 3.2).
pub const ASK_ADDRESS: [u8; 2] = [VERSION, ADDRESS];

/// A request for a mapping (section 3.3). NAT-PMP has no nonce: an answer is known by its port, and by where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The port here.
    pub internal_port: u16,
    /// Which port outside we would like, or have; 0 for a deletion.
    pub suggested_port: u16,
    /// In seconds. 0 deletes the mapping.
    pub lifetime: u32,
}

/// What the gateway has made of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The port outside.
    pub external_port: u16,
    /// In seconds, which may be less than asked for.
    pub lifetime: u32,
}

impl Request {
    /// The packet.
    pub fn packet(&self) -> [u8; 12] {
        let mut packet = [0; 12];
        packet[..2].copy_from_slice(&[VERSION, MAP_TCP]);
        packet[4..6].copy_from_slice(&self.internal_port.to_be_bytes());
        packet[6..8].copy_from_slice(&self.suggested_port.to_be_bytes());
        packet[8..].copy_from_slice(&self.lifetime.to_be_bytes());
        packet
    }

    /// What a packet says to this request; `None` if it is no answer to it.
    ///
    /// # Errors
    /// The gateway's refusal.
    pub fn answer(&self, packet: &[u8]) -> Option<Result<Granted, Refusal>> {
        let result = result(packet, MAP_TCP)?;
        if let Err(refusal) = result {
            // What is behind the code need not be there.
            let names_another = packet.len() >= 10 && u16_at(packet, 8) != self.internal_port;
            return (!names_another).then_some(Err(refusal));
        }
        if packet.len() < 16 || u16_at(packet, 8) != self.internal_port {
            return None;
        }
        Some(Ok(Granted { external_port: u16_at(packet, 10), lifetime: u32_at(packet, 12) }))
    }
}

/// What a packet says to [`ASK_ADDRESS`]; `None` if it is no answer to it.
///
/// # Errors
/// The gateway's refusal.
pub fn address(packet: &[u8]) -> Option<Result<Ipv4Addr, Refusal>> {
    match result(packet, ADDRESS)? {
        Ok(()) => (packet.len() >= 12).then(|| Ok(Ipv4Addr::from(bytes::<4>(packet, 8)))),
        Err(refusal) => Some(Err(refusal)),
    }
}

/// The result of an answer to this opcode. A gateway that speaks another version, or not this opcode, may say so
/// without it.
fn result(packet: &[u8], opcode: u8) -> Option<Result<(), Refusal>> {
    if packet.len() < 4 || packet.len() > MOST {
        return None;
    }
    let is_newer = packet[0] != VERSION;
    if packet[1] != RESPONSE | opcode {
        return None;
    }
    // A PCP server answers in its own version, whose result has one byte; RFC 6887, section 9.
    match (is_newer, u16_at(packet, 2)) {
        (true, code) => (code & 0xff == 1).then(|| Err(refusal(1))),
        (false, 0) => Some(Ok(())),
        (false, code) => Some(Err(refusal(code))),
    }
}

fn refusal(code: u16) -> Refusal {
    // Section 3.5.
    let meaning = match code {
        1 => "it does not speak NAT-PMP",
        2 => "not authorized, or switched off",
        3 => "network failure: perhaps it has no address itself",
        4 => "no resources",
        5 => "unsupported opcode",
        _ => "",
    };
    Refusal { code, meaning }
}

const VERSION: u8 = 0;
const ADDRESS: u8 = 0;
const MAP_TCP: u8 = 2;
const RESPONSE: u8 = 0x80;
/// Answers have 16 bytes; what is far more is none.
const MOST: usize = 1100;
