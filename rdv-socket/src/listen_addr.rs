//! What a user writes to say where a server shall listen.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use crate::bind::{unmapped, wildcards};

/// Where a server listens: `[HOST]:PORT`.
///
/// | written | listens on |
/// | --- | --- |
/// | `:8080` | all addresses, IPv4 and IPv6 |
/// | `0.0.0.0:8080`, `[::]:8080` | all addresses of one family |
/// | `127.0.0.1:8080`, `[::1]:8080` | this address |
/// | `localhost:8080` | all addresses of the name, looked up by [`listen`](crate::listen) |
///
/// Port 0 is a port of the system's choice.
///
/// ```
/// use rdv_socket::ListenAddr;
///
/// let addr: ListenAddr = ":8080".parse()?;
/// assert_eq!(addr.port(), 8080);
/// assert_eq!(addr.to_string(), ":8080");
///
/// let error = "8080".parse::<ListenAddr>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     r#"expected [HOST]:PORT, for example :8080 or 127.0.0.1:8080, got "8080": there is no colon before the port"#,
/// );
/// # Ok::<(), rdv_socket::ParseListenAddrError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListenAddr {
    host: Host,
    port: u16,
}

impl ListenAddr {
    /// The port, where 0 is one of the system's choice.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The addresses that this stands for, each of them once.
    pub(crate) fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        match &self.host {
            Host::Any => Ok(wildcards().to_vec()),
            Host::Addr(addr) => Ok(vec![*addr]),
            Host::Name(name) => {
                let mut addrs = Vec::new();
                for addr in (name.as_str(), self.port).to_socket_addrs()?.map(unmapped) {
                    if !addrs.contains(&addr) {
                        addrs.push(addr);
                    }
                }
                Ok(addrs)
            }
        }
    }
}

impl From<SocketAddr> for ListenAddr {
    /// An IPv4-mapped IPv6 address becomes the IPv4 address that it stands for.
    fn from(addr: SocketAddr) -> Self {
        let addr = unmapped(addr);
        ListenAddr { host: Host::Addr(addr), port: addr.port() }
    }
}

impl FromStr for ListenAddr {
    type Err = ParseListenAddrError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map_err(|problem| ParseListenAddrError { text: text.to_owned(), problem })
    }
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Any => write!(f, ":{}", self.port),
            Host::Addr(addr) => write!(f, "{addr}"),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

/// A text that is no [`ListenAddr`]. Its message says what is wrong with it, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseListenAddrError {
    text: String,
    problem: &'static str,
}

impl fmt::Display for ParseListenAddrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ParseListenAddrError { text, problem } = self;
        write!(f, "expected [HOST]:PORT, for example :8080 or 127.0.0.1:8080, got {text:?}: {problem}")
    }
}

impl Error for ParseListenAddrError {}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Host {
    /// Every address of both families.
    Any,
    /// An IP address, and the scope of an IPv6 one. Carries the port too.
    Addr(SocketAddr),
    /// A name, to be looked up.
    Name(String),
}

fn parse(text: &str) -> Result<ListenAddr, &'static str> {
    if text.contains("://") {
        return Err("give a host, not a URL");
    }
    if text.ends_with(']') {
        return Err("the port is missing");
    }
    let (host, port) = text.rsplit_once(':').ok_or("there is no colon before the port")?;
    let port = parse_port(port)?;
    if host.is_empty() {
        return Ok(ListenAddr { host: Host::Any, port });
    }
    if let Ok(addr) = text.parse::<SocketAddr>() {
        return Ok(addr.into());
    }
    if host.starts_with('[') {
        return Err("there is no IPv6 address in the brackets");
    }
    if host.contains(':') {
        return Err("an IPv6 address needs brackets, as in [::1]:8080");
    }
    check_name(host)?;
    Ok(ListenAddr { host: Host::Name(host.to_owned()), port })
}

fn parse_port(port: &str) -> Result<u16, &'static str> {
    if port.is_empty() {
        return Err("the port is missing");
    }
    // parse() alone would take "+80".
    if !port.bytes().all(|b| b.is_ascii_digit()) {
        return Err("the port is not a number");
    }
    port.parse().map_err(|_| "the port is more than 65535")
}

fn check_name(host: &str) -> Result<(), &'static str> {
    if !host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
        return Err("there is a character that no host name has");
    }
    // As in URLs: a name's last label is never a number, so this was meant to be an address.
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|b| b.is_ascii_digit()) {
        return Err("that is not an IPv4 address");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
