//! Which proxy leads to a server: that of the flag or, without one, that of the environment, by curl's rules.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use rdv_core::{Proxy, ProxyError, ServerUrl};

/// The value of `--proxy`: an empty one says that there is none, whatever the environment has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyFlag(pub Option<Proxy>);

impl FromStr for ProxyFlag {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        if text.is_empty() { Ok(Self(None)) } else { text.parse().map(|proxy| Self(Some(proxy))) }
    }
}

/// A variable of the environment whose value is no URL of a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadVariable {
    /// The variable.
    pub name: &'static str,
    /// What is wrong with it.
    pub error: ProxyError,
}

impl fmt::Display for BadVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; to do without a proxy, say --proxy ''", self.name, self.error)
    }
}

impl std::error::Error for BadVariable {}

/// The proxy that the environment names for a server, if it does. An empty variable is none.
///
/// # Errors
/// If the variable that counts is no URL of a proxy.
pub fn of_environment(
    url: &ServerUrl,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Proxy>, BadVariable> {
    let set = |name: &&'static str| Some((*name, variable(name).filter(|value| !value.is_empty())?));
    let by_scheme: &[&str] = if url.is_https() { &HTTPS } else { &HTTP };
    let Some((name, value)) = by_scheme.iter().chain(&ALL).find_map(set) else {
        return Ok(None);
    };
    if NO_PROXY.iter().find_map(set).is_some_and(|(_, list)| is_exempt(url.host(), &list)) {
        return Ok(None);
    }
    value.parse().map(Some).map_err(|error| BadVariable { name, error })
}

/// Whether a list as `no_proxy` has it names a host: by itself, by a domain that it belongs to, by a network of
/// addresses such as 10.0.0.0/8, or by `*`.
fn is_exempt(host: &str, list: &str) -> bool {
    let host = host.trim_end_matches('.');
    let ip: Option<IpAddr> = host.parse().ok();
    list.split([',', ' ', '\t']).filter(|entry| !entry.is_empty()).any(|entry| match ip {
        _ if entry == "*" => true,
        Some(ip) => is_in_network(ip, entry),
        None => is_in_domain(host, entry.trim_matches('.')),
    })
}

fn is_in_domain(host: &str, domain: &str) -> bool {
    let Some(front) = host.len().checked_sub(domain.len()).filter(|_| !domain.is_empty()) else {
        return false;
    };
    let (front, end) = host.as_bytes().split_at(front);
    end.eq_ignore_ascii_case(domain.as_bytes()) && (front.is_empty() || front.ends_with(b"."))
}

fn is_in_network(ip: IpAddr, network: &str) -> bool {
    let (start, prefix) = match network.split_once('/') {
        Some((start, prefix)) => (start, prefix.parse().ok()),
        None => (network, Some(u32::MAX)),
    };
    let start: Option<IpAddr> = start.trim_start_matches('[').trim_end_matches(']').parse().ok();
    // Addresses as numbers of 128 bits, the shorter ones at their upper end.
    let of = |ip| match ip {
        IpAddr::V4(ip) => (u128::from(ip.to_bits()) << 96, 32),
        IpAddr::V6(ip) => (ip.to_bits(), 128),
    };
    let (Some(start), Some(prefix)) = (start.filter(|start| start.is_ipv4() == ip.is_ipv4()), prefix) else {
        return false;
    };
    let ((ip, bits), (start, _)) = (of(ip), of(start));
    prefix == 0 || (ip ^ start) >> (128 - prefix.min(bits)) == 0
}

/// For https, and for http. The latter in capitals can be set by whoever sends a header `Proxy:` to a CGI script.
const HTTPS: [&str; 2] = ["https_proxy", "HTTPS_PROXY"];
const HTTP: [&str; 1] = ["http_proxy"];
/// For both.
const ALL: [&str; 2] = ["all_proxy", "ALL_PROXY"];
const NO_PROXY: [&str; 2] = ["no_proxy", "NO_PROXY"];

#[cfg(test)]
mod tests;
