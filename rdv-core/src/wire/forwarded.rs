//! What HTTP proxies say of whom they speak for: `Forwarded` (RFC 7239), and `X-Forwarded-For` with `X-Forwarded-Port`.

use std::net::{IpAddr, SocketAddr};

use http::header::FORWARDED;
use http::{HeaderMap, HeaderName};

use super::fields::Fields;
use super::proxy_header::port_number;

/// A client as its proxy names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) ip: IpAddr,
    /// Without it no peer can dial it.
    pub(crate) port: Option<u16>,
}

impl Client {
    pub(crate) fn addr(self) -> Option<SocketAddr> {
        self.port.map(|port| SocketAddr::new(self.ip, port))
    }
}

/// The client of a request that a trusted proxy has passed on: the last address that is not a trusted proxy's itself, or
/// else the first one. `None` if there is none, or if the proxy does not tell.
///
/// If both headers are there they have to agree, since one of them may be the client's own. The error is for people.
pub(crate) fn client_of(
    headers: &HeaderMap,
    is_trusted: impl Fn(IpAddr) -> bool,
) -> Result<Option<Client>, String> {
    let by_standard = client_by(&FORWARDED, headers, &is_trusted)?;
    let by_custom = client_by(&X_FORWARDED_FOR, headers, &is_trusted)?;
    match (by_standard, by_custom) {
        (Some(one), Some(two)) if one.ip != two.ip => {
            Err("Forwarded and X-Forwarded-For name different clients".into())
        }
        (Some(one), two) => Ok(Some(Client { port: one.port.or(two.and_then(|two| two.port)), ..one })),
        (None, client) => Ok(client),
    }
}

/// The same by one of the two headers, whatever the other says. `None` for any other header.
pub(crate) fn client_by(
    name: &HeaderName,
    headers: &HeaderMap,
    is_trusted: impl Fn(IpAddr) -> bool,
) -> Result<Option<Client>, String> {
    let mut farthest = None;
    // Each proxy adds to the end, be it of a line or of the list of lines.
    for line in headers.get_all(name).iter().rev() {
        let Ok(line) = line.to_str() else {
            return Err(format!("{name} is no text"));
        };
        let nodes = match name {
            _ if name == FORWARDED => elements(line).ok_or("Forwarded is not written as RFC 7239 has it")?,
            _ if name == X_FORWARDED_FOR => {
                line.split(',').filter(|it| !it.trim().is_empty()).map(node).collect()
            }
            _ => return Ok(None),
        };
        for node in nodes.into_iter().rev() {
            let Some(client) = node else {
                return Ok(None);
            };
            farthest = Some(client);
            if !is_trusted(client.ip) {
                return Ok(Some(with_port(client, headers)));
            }
        }
    }
    Ok(farthest.map(|client| with_port(client, headers)))
}

/// Whether a request shows signs of having come through a proxy: the header that tells.
pub(super) fn trace_of_proxy(fields: Fields<'_>) -> Option<&'static str> {
    ["Forwarded", "X-Forwarded-For", "Via"].into_iter().find(|name| fields.has(name))
}

fn with_port(client: Client, headers: &HeaderMap) -> Client {
    Client { port: client.port.or_else(|| forwarded_port(headers)), ..client }
}

/// The client's port. Many proxies write there which port of theirs the client has come to; clients have none below 1024.
fn forwarded_port(headers: &HeaderMap) -> Option<u16> {
    let mut values = headers.get_all(X_FORWARDED_PORT).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    port_number(value.to_str().ok()?.trim()).filter(|port| *port >= 1024)
}

/// The `for` of each element of one line (RFC 7239 section 4). `None` if that is what the line is not.
fn elements(line: &str) -> Option<Vec<Option<Client>>> {
    let mut nodes = Vec::new();
    let mut rest = line.trim_start();
    let mut current: Option<Option<Client>> = None;
    let mut has_pairs = false;
    while !rest.is_empty() {
        if let Some(next) = rest.strip_prefix(',') {
            if std::mem::take(&mut has_pairs) {
                nodes.push(current.take().flatten());
            }
            rest = next.trim_start();
            continue;
        }
        let (name, value) = rest.split_once('=')?;
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            return None;
        }
        let (value, next) = match value.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = value.find([';', ',', ' ', '\t']).unwrap_or(value.len());
                if value[..end].contains('"') {
                    return None;
                }
                (value[..end].to_owned(), &value[end..])
            }
        };
        has_pairs = true;
        if name.eq_ignore_ascii_case("for") && current.replace(node(&value)).is_some() {
            return None;
        }
        let next = next.trim_start();
        rest = match next.strip_prefix(';') {
            Some(next) => next.trim_start(),
            None if next.is_empty() || next.starts_with(',') => next,
            None => return None,
        };
    }
    if has_pairs {
        nodes.push(current.flatten());
    }
    Some(nodes)
}

/// What is in quotes, and what is behind them.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            _ => value.push(char),
        }
    }
    None
}

/// An address, perhaps with a port: IPv6 in brackets or, without a port, bare; IPv4 in brackets too, since proxies that
/// add them can't tell. `None` for anything else, such as `unknown` and `_hidden`.
fn node(text: &str) -> Option<Client> {
    let text = text.trim();
    let (host, port) = match text.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?,
        None if text.parse::<IpAddr>().is_ok() => (text, ""),
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let ip: IpAddr = host.parse().ok()?;
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        None => return None,
        Some(hidden) if hidden.starts_with('_') => None,
        Some(port) => Some(port_number(port)?).filter(|port| *port != 0),
    };
    Some(Client { ip: ip.to_canonical(), port })
}

pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
