//! The addresses of this machine.

mod source;
mod state;

use std::io;
use std::net::IpAddr;

pub(crate) use self::source::lasting_source;
use self::state::State;

/// An address of this machine, and what the system says of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct LocalAddr {
    /// The address. A link-local IPv6 address comes without the zone that it needs.
    pub ip: IpAddr,
    /// The name of the interface that has it, as the system's tools show it.
    pub interface: String,
    /// Whether a [`SharedPort`](crate::SharedPort) dials from it by the default route.
    pub is_default_route: bool,
    /// Whether it is a temporary IPv6 address (RFC 8981). Linux alone tells.
    pub is_temporary: bool,
    /// Whether it is an IPv6 address whose preferred lifetime is over (RFC 4862). Linux alone tells.
    pub is_deprecated: bool,
}

/// The addresses of all network interfaces that are up: sorted, IPv4 before IPv6, none twice for an
/// interface.
///
/// Loopback and link-local addresses are among them, and so are those of tunnels and virtual
/// bridges: which of them to offer to a peer is the caller's decision.
///
/// ```
/// for addr in rdv_socket::local_addrs()? {
///     println!("{} of {}", addr.ip, addr.interface);
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// Linux and Windows leave out addresses that are not settled yet (duplicate address detection);
/// elsewhere they are included.
///
/// # Errors
/// The system's.
pub fn local_addrs() -> io::Result<Vec<LocalAddr>> {
    let interfaces = if_addrs::get_if_addrs()?;
    let up = interfaces.into_iter().filter(if_addrs::Interface::is_oper_up);
    let states = state::of_all();
    Ok(described(up.map(|it| (it.ip(), it.name)), &states, &source::of_default_routes(&states)))
}

fn described(
    addrs: impl Iterator<Item = (IpAddr, String)>,
    states: &[State],
    default_routes: &[IpAddr],
) -> Vec<LocalAddr> {
    let mut described: Vec<LocalAddr> = addrs
        .map(|(ip, name)| (ip.to_canonical(), without_label(&name).to_owned()))
        .filter(|(ip, _)| !ip.is_unspecified())
        .filter_map(|(ip, interface)| {
            let state = states.iter().find(|state| state.ip == ip && state.interface == interface);
            state.is_none_or(State::is_settled).then(|| LocalAddr {
                is_default_route: default_routes.contains(&ip),
                is_temporary: state.is_some_and(State::is_temporary),
                is_deprecated: state.is_some_and(State::is_deprecated),
                ip,
                interface,
            })
        })
        .collect();
    described.sort_unstable();
    described.dedup();
    described
}

/// On Linux an IPv4 address may have a label of its own, which comes as a name: `eth0:1` is of `eth0`.
fn without_label(name: &str) -> &str {
    if cfg!(any(target_os = "linux", target_os = "android")) {
        name.split_once(':').map_or(name, |(interface, _)| interface)
    } else {
        name
    }
}

#[cfg(test)]
mod tests;
