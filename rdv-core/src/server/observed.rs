//! Where a client's address is taken from: its peer dials it, and limits per address count by it.

use std::net::{IpAddr, SocketAddr};

use http::header::FORWARDED;
use http::{HeaderMap, HeaderName};
use log::warn;

use super::LobbyConfig;
use crate::addr::{AddrSpace, Cidr, parse_addr, unmapped};
use crate::wire::{Client, Reject, RequestHeaders, X_FORWARDED_FOR, client_by, client_of};

/// Where the observed address comes from. Peers dial it, so it must be the one that the client's NAT uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observed {
    /// The connection's remote address: right for a server that faces the internet itself. If that is one of the
    /// [trusted proxies](LobbyConfig::trusted_proxies), then what it says by the PROXY protocol (version 1 or 2, in front
    /// of TLS and HTTP), by `Forwarded` (RFC 7239), or by `X-Forwarded-For`, with `X-Forwarded-Port` for the client's port.
    ///
    /// Of a chain of proxies the last address counts that is not a trusted one's. A proxy has to remove what it does not
    /// set: if `Forwarded` and `X-Forwarded-For` name different clients, the request is refused.
    #[default]
    Socket,
    /// This header, set (and overwritten, if the client sent one) by a proxy in front: `192.0.2.1:39841` or
    /// `[2001:db8::1]:39841`; brackets around IPv4 do no harm, since proxies that add them can't tell.
    ///
    /// If there are [trusted proxies](LobbyConfig::trusted_proxies), it counts on their connections alone, and `Forwarded`
    /// and `X-Forwarded-For` are read as what they are; on others, see [`Socket`](Self::Socket).
    Header(HeaderName),
}

/// What there is to know of the client that a request comes from.
#[derive(Debug)]
pub(super) struct Sighting {
    pub(super) observed: SocketAddr,
    /// Whom the proxy says it speaks for: limits count it instead of the proxy.
    pub(super) client: Option<IpAddr>,
    doubt: Option<Doubt>,
}

/// What an operator had better look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Somebody who is not trusted passes requests on, or seems to. The header that shows it.
    LooksLikeProxy(&'static str),
    /// Somebody who is not trusted sends PROXY headers.
    Stranger,
    /// A trusted proxy says who the client is, but not from which port it comes.
    NoPort,
    /// A trusted proxy does not say whom it speaks for.
    NoWord,
}

impl LobbyConfig {
    pub(super) fn trusts(&self, ip: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network: &Cidr| network.contains(ip))
    }

    /// What is known of the client, given the connection's remote address, or what a PROXY header has in its place.
    pub(super) fn sight(&self, remote: SocketAddr, headers: &RequestHeaders) -> Result<Sighting, Reject> {
        let remote = unmapped(remote);
        let trusts_somebody = !self.trusted_proxies.is_empty();
        let is_trusted = |ip| self.trusts(ip);
        let told = match &self.observed {
            Observed::Header(name) if !trusts_somebody => return named(name, headers),
            _ if !is_trusted(remote.ip()) => {
                let doubt = headers.trace_of_proxy().map(Doubt::LooksLikeProxy);
                return Ok(Sighting { observed: remote, client: None, doubt });
            }
            Observed::Header(name) if [FORWARDED, X_FORWARDED_FOR].contains(name) => {
                let told = client_by(name, headers, is_trusted);
                let has_addr = |told: &Option<Client>| told.is_some_and(|client| client.port.is_some());
                if matches!(&told, Ok(told) if !has_addr(told)) {
                    return Err(Reject::NoObservedAddr(name.to_string()));
                }
                told
            }
            Observed::Header(name) => return named(name, headers),
            Observed::Socket => client_of(headers, is_trusted),
        };
        let told = told.map_err(Reject::BadForwarded)?;
        let doubt = match told {
            None => Some(Doubt::NoWord),
            Some(Client { port: None, .. }) => Some(Doubt::NoPort),
            Some(Client { port: Some(_), .. }) => None,
        };
        // Better the proxy's address than one that would be wrong: with it, nobody takes it for the client's.
        let observed = told.and_then(Client::addr).unwrap_or(remote);
        Ok(Sighting { observed, client: told.map(|client| client.ip), doubt })
    }
}

/// The address in a header of the operator's own.
fn named(name: &HeaderName, headers: &HeaderMap) -> Result<Sighting, Reject> {
    let text = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().trim();
    let bare =
        || text.strip_prefix('[').filter(|rest| rest.contains('.')).map(|rest| rest.replacen(']', "", 1));
    let observed = parse_addr(text).or_else(|| parse_addr(&bare()?));
    let observed = observed.ok_or_else(|| Reject::NoObservedAddr(name.to_string()))?;
    Ok(Sighting { observed, client: Some(observed.ip()), doubt: None })
}

/// Warns of what is doubtful, of each kind once.
#[derive(Debug, Default)]
pub(super) struct Advisor {
    said: Vec<std::mem::Discriminant<Doubt>>,
    /// A public address from which a request came that showed signs of a proxy.
    suspect: Option<IpAddr>,
}

impl Advisor {
    pub(super) fn look_at(&mut self, remote: IpAddr, sighting: &Sighting) {
        if let Some(doubt) = sighting.doubt {
            self.doubt(remote, doubt);
        }
    }

    pub(super) fn doubt(&mut self, remote: IpAddr, doubt: Doubt) {
        let remote = remote.to_canonical();
        let kind = std::mem::discriminant(&doubt);
        if self.said.contains(&kind) {
            return;
        }
        // One client may have a proxy of its own; two at one address have one in common.
        let is_public = matches!(AddrSpace::of(remote), Some(AddrSpace::Public4 | AddrSpace::Public6));
        if matches!(doubt, Doubt::LooksLikeProxy(_))
            && is_public
            && self.suspect.replace(remote) != Some(remote)
        {
            return;
        }
        self.said.push(kind);
        match doubt {
            Doubt::LooksLikeProxy(header) => warn!(
                target: "server",
                "requests from {remote} have come through a proxy (they have the header {header}), so peers are told the \
                 proxy's address instead of the client's: if it is yours, say --trusted-proxy {remote}, and have it send \
                 the PROXY protocol, or Forwarded with address and port",
            ),
            Doubt::Stranger => warn!(
                target: "server",
                "{remote} sends PROXY headers, which are refused: if it is your proxy, say --trusted-proxy {remote}",
            ),
            Doubt::NoPort => warn!(
                target: "server",
                "the proxy {remote} tells clients' addresses without their ports, so peers are told the proxy's own, and no \
                 direct connection comes about: have it send the PROXY protocol, Forwarded or X-Forwarded-For with ports, \
                 or the client's port (not its own) as X-Forwarded-Port",
            ),
            Doubt::NoWord => warn!(
                target: "server",
                "the trusted proxy {remote} does not say whom it speaks for, so peers are told its own address: have it \
                 send the PROXY protocol, or Forwarded with address and port",
            ),
        }
    }
}
