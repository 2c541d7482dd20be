//! What is sent and received, without sockets and clocks. All of it is a stranger's: it sizes no allocation, and what
//! is not as it should be is no answer.

pub mod http;
pub mod igd;
pub mod natpmp;
pub mod pcp;
pub mod ssdp;

/// A gateway's refusal in its own numbers, with our words for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The number: a result code of PCP or NAT-PMP, or an error code of UPnP.
    pub code: u16,
    /// What it means; empty if we do not know.
    pub meaning: &'static str,
}

/// The `N` bytes from `at`. Lengths are checked before: what is missing is zero.
fn bytes<const N: usize>(packet: &[u8], at: usize) -> [u8; N] {
    let found = packet.get(at..).and_then(|rest| rest.first_chunk());
    found.copied().unwrap_or([0; N])
}

fn u16_at(packet: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(bytes(packet, at))
}

fn u32_at(packet: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes(packet, at))
}

#[cfg(test)]
mod tests;
