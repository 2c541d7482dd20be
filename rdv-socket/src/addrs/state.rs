//! What Linux knows of its IPv6 addresses.

use std::fs::File;
use std::io::{self, Read};
use std::net::Ipv6Addr;

/// An IPv6 address, with the state that it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) ip: Ipv6Addr,
    pub(super) interface: String,
    flags: u8,
}

impl State {
    /// Whether it soon makes way for another one (RFC 8981).
    pub(super) fn is_temporary(&self) -> bool {
        self.flags & TEMPORARY != 0
    }

    /// Whether no new connection should use it.
    pub(super) fn is_deprecated(&self) -> bool {
        self.flags & DEPRECATED != 0
    }

    /// Whether it can be used at all: nobody else has it, as far as is known.
    pub(super) fn is_settled(&self) -> bool {
        let is_unsure = self.flags & TENTATIVE != 0 && self.flags & OPTIMISTIC == 0;
        self.flags & DUPLICATE == 0 && !is_unsure
    }
}

/// The states of all IPv6 addresses; none where the system does not tell, as on Android.
pub(super) fn of_all() -> Vec<State> {
    if !cfg!(target_os = "linux") {
        return Vec::new();
    }
    parsed(&read().unwrap_or_default())
}

fn read() -> io::Result<String> {
    let mut text = Vec::new();
    // Namespaces belong to threads.
    File::open("/proc/thread-self/net/if_inet6")?.take(MOST_BYTES).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Lines such as `fd000000000000000000000000000002 04 40 00 82     eth0`: the address, the numbers of
/// the interface, of the prefix's length and of the scope, the flags, all in hex; the interface.
pub(super) fn parsed(text: &str) -> Vec<State> {
    let state = |line: &str| {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        let &[ip, _, _, _, flags, interface] = &columns[..] else { return None };
        let ip = u128::from_str_radix(ip, 16).ok()?;
        let flags = u8::from_str_radix(flags, 16).ok()?;
        Some(State { ip: ip.into(), interface: interface.to_owned(), flags })
    };
    text.lines().filter_map(state).collect()
}

/// IFA_F_ of linux/if_addr.h.
const TEMPORARY: u8 = 0x01;
const OPTIMISTIC: u8 = 0x04;
const DUPLICATE: u8 = 0x08;
const DEPRECATED: u8 = 0x20;
const TENTATIVE: u8 = 0x40;

/// Some 18,000 addresses.
const MOST_BYTES: u64 = 1 << 20;

#[cfg(test)]
mod tests;
