//! The addresses of this machine.

use std::io;
use std::net::IpAddr;

/// The addresses of all network interfaces that are up: sorted, IPv4 before IPv6, each of them once.
///
/// Loopback and link-local addresses are among them, and so are those of tunnels and virtual
/// bridges: which of them to offer to a peer is the caller's decision. Link-local IPv6 addresses
/// come without the interface that they need.
///
/// ```
/// let addrs = rdv_socket::local_addrs()?;
/// assert!(addrs.is_sorted());
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// Windows leaves out addresses that are not settled yet (duplicate address detection); elsewhere
/// they are included.
///
/// # Errors
/// The system's.
pub fn local_addrs() -> io::Result<Vec<IpAddr>> {
    let interfaces = if_addrs::get_if_addrs()?;
    let up = interfaces.into_iter().filter(if_addrs::Interface::is_oper_up);
    Ok(tidy(up.map(|interface| interface.ip())))
}

fn tidy(addrs: impl Iterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut addrs: Vec<IpAddr> =
        addrs.map(|ip| ip.to_canonical()).filter(|ip| !ip.is_unspecified()).collect();
    addrs.sort_unstable();
    addrs.dedup();
    addrs
}

#[cfg(test)]
mod tests;
