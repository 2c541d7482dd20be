//! The server's URL, and the request target it makes with a token (rdv/1 section 1).

use std::fmt;
use std::str::FromStr;

use http::Uri;

use crate::token::Token;

/// Where the server is: `http://example.com:8080/rdv` or https.
///
/// ```
/// use rdv_core::ServerUrl;
/// let url: ServerUrl = "https://example.com/rdv".parse().unwrap();
/// assert_eq!((url.host(), url.port(), url.is_https()), ("example.com", 443, true));
/// assert!("example.com:8080".parse::<ServerUrl>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl {
    https: bool,
    /// As in the URL, with its port if it has one: the `Host` header.
    authority: String,
    host: String,
    port: u16,
    /// Without trailing slashes.
    path: String,
    query: Option<String>,
}

impl ServerUrl {
    /// Whether the connection to the server is to be secured with TLS.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// The host name or IP address, IPv6 without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, 80 or 443 where the URL has none.
    pub fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    /// The base path, a slash, the escaped token, and the base's query.
    pub(super) fn target(&self, token: &Token) -> String {
        let query = self.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}/{}{query}", self.path, token.escaped())
    }
}

impl FromStr for ServerUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let https = match text.split_once("://") {
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("http") => false,
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("https") => true,
            _ => return Err(UrlError::Scheme { got: without_credentials(text) }),
        };
        let invalid = |why: &str| UrlError::Invalid { got: without_credentials(text), why: why.to_owned() };
        let uri: Uri = text.parse().map_err(|err: http::uri::InvalidUri| invalid(&err.to_string()))?;
        let authority = uri.authority().ok_or_else(|| invalid("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(UrlError::Credentials);
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(invalid("it has no host"));
        }
        // `port_u16` is also `None` for a port that is out of range or blank.
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => Some(if https { 443 } else { 80 }),
            _ => authority.port_u16().filter(|port| *port != 0),
        };
        Ok(Self {
            https,
            port: port.ok_or_else(|| invalid("its port is not a number from 1 to 65535"))?,
            host: host.to_owned(),
            authority: authority.as_str().to_owned(),
            path: uri.path().trim_end_matches('/').to_owned(),
            query: uri.query().map(str::to_owned),
        })
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority, self.path)
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerUrl({self})")
    }
}

/// The text as it may be shown: no password in it.
fn without_credentials(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((_, rest)) => format!("…@{rest}"),
        None => text.to_owned(),
    }
}

/// Why a text is no server URL.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UrlError {
    /// The URL is neither http nor https.
    Scheme {
        /// The text, less any credentials.
        got: String,
    },
    /// The URL is malformed.
    Invalid {
        /// The text, less any credentials.
        got: String,
        /// What is wrong with it.
        why: String,
    },
    /// The URL has a user name or password, which would not be sent.
    Credentials,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UrlError::Scheme { got } => write!(f, "expected http://... or https://..., got {got:?}"),
            UrlError::Invalid { got, why } => write!(f, "{got:?} is no URL of a server: {why}"),
            UrlError::Credentials => f.write_str(
                "user names in URLs are not supported: send a header, such as 'Authorization: ...'",
            ),
        }
    }
}

impl std::error::Error for UrlError {}
