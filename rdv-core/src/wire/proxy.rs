//! Where a proxy is, and what kind of proxy it is.

use std::fmt;
use std::str::FromStr;

use http::uri::Authority;
use percent_encoding::percent_decode_str;

/// A proxy through which the server is reached: `http://user:password@example.com:3128`, or `socks5://...`.
///
/// | scheme | what is spoken with it |
/// | --- | --- |
/// | `http`, or none | HTTP CONNECT (RFC 9110 section 9.3.6), with Basic credentials (RFC 7617) if the URL has any |
/// | `socks5`, `socks5h` | SOCKS5 (RFC 1928), with user name and password (RFC 1929) if the URL has any |
///
/// The proxy is told the server's name, and looks it up itself: `socks5` and `socks5h` are the same here. A URL
/// without a port means 1080, whatever its scheme, as with curl. User name and password may be percent-encoded.
///
/// ```
/// use rdv_core::Proxy;
/// let proxy: Proxy = "http://me:secret@proxy.example:3128".parse().unwrap();
/// assert_eq!((proxy.host(), proxy.port()), ("proxy.example", 3128));
/// assert_eq!(proxy.to_string(), "http://proxy.example:3128");
/// assert!("https://proxy.example".parse::<Proxy>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    kind: Kind,
    /// As in the URL, with its port if it has one.
    authority: String,
    host: String,
    port: u16,
    credentials: Option<Credentials>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Http,
    Socks5,
}

/// Who we are to the proxy. Secrets, so without `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) user: Vec<u8>,
    pub(crate) password: Vec<u8>,
}

impl Proxy {
    /// The same as [`str::parse`].
    ///
    /// # Errors
    /// For a text that is no URL of a proxy of these kinds.
    pub fn parse(url: &str) -> Result<Proxy, ProxyError> {
        url.parse()
    }

    /// The proxy's host name or IP address, IPv6 without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port, 1080 where the URL has none.
    pub fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }
}

impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let kind = match scheme.to_ascii_lowercase().as_str() {
            "http" => Kind::Http,
            "socks5" | "socks5h" => Kind::Socks5,
            "https" => return Err(ProxyError::Tls),
            _ => return Err(ProxyError::Scheme),
        };
        let (credentials, rest) = match rest.rsplit_once('@') {
            Some((userinfo, rest)) => (Some(credentials(kind, userinfo)?), rest),
            None => (None, rest),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            return Err(ProxyError::Invalid("nothing may follow host and port"));
        }
        let no_host = ProxyError::Invalid("it has no valid host");
        let parsed: Authority = authority.parse().map_err(|_| no_host.clone())?;
        let host = parsed.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(no_host);
        }
        let port = match authority.strip_prefix(parsed.host()) {
            Some("") => Some(DEFAULT_PORT),
            _ => parsed.port_u16().filter(|port| *port != 0),
        };
        Ok(Self {
            kind,
            port: port.ok_or(ProxyError::Invalid("its port is not a number from 1 to 65535"))?,
            host: host.to_owned(),
            authority: authority.to_owned(),
            credentials,
        })
    }
}

fn credentials(kind: Kind, userinfo: &str) -> Result<Credentials, ProxyError> {
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    let [user, password] = [user, password].map(|text| percent_decode_str(text).collect::<Vec<u8>>());
    match kind {
        Kind::Http if user.contains(&b':') => Err(ProxyError::Invalid("its user name has a colon")),
        Kind::Socks5 if user.len() > FIELD_MAX || password.len() > FIELD_MAX => {
            Err(ProxyError::Invalid("user name and password may have 255 bytes each"))
        }
        Kind::Http | Kind::Socks5 => Ok(Credentials { user, password }),
    }
}

/// Without user name and password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            Kind::Http => "http",
            Kind::Socks5 => "socks5",
        };
        write!(f, "{scheme}://{}", self.authority)
    }
}

/// Without user name and password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

/// Why a text is no URL of a proxy. The text itself is not repeated: there may be a password in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyError {
    /// The scheme is none of `http`, `socks5` and `socks5h`.
    Scheme,
    /// The scheme is `https`: a proxy that is spoken to over TLS.
    Tls,
    /// The URL is malformed, and this is what is wrong with it.
    Invalid(&'static str),
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProxyError::Scheme => {
                f.write_str("expected a proxy as http://HOST:PORT or socks5://HOST:PORT, got another scheme")
            }
            ProxyError::Tls => f.write_str(
                "proxies that are spoken to over TLS (https://...) are not supported: use http://... or socks5://...",
            ),
            ProxyError::Invalid(why) => write!(f, "this is no URL of a proxy: {why}"),
        }
    }
}

impl std::error::Error for ProxyError {}

/// Where a URL has none.
const DEFAULT_PORT: u16 = 1080;
/// User name and password each, in SOCKS5 (RFC 1929 section 2).
const FIELD_MAX: usize = 255;
