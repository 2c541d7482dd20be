//! Everything but a 101 that a server answers (rdv/1 section 2, "Errors").

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use super::{Denial, HEADERS_MAX, PROTOCOL};

/// Why a client is refused; its `Display` is the answer's body.
///
/// Bodies are the reference's where it has them. The [`code`](Reject::code) is for machines, and travels in
/// `Rdv-Error`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reject {
    /// No HTTP/1 head.
    Malformed(String),
    /// HTTP/1.1 without exactly one `Host`.
    Host,
    /// HTTP/2 and up, by its first line.
    VersionNotSupported,
    /// `Connection` does not list `upgrade`.
    NotAnUpgrade,
    /// No `Upgrade` header.
    NoUpgrade,
    /// `Upgrade` does not list `rdv/1`.
    BadUpgrade(String),
    /// HTTP/1, but not HTTP/1.1.
    BadVersion(String),
    /// A body is announced, by `Content-Length` or `Transfer-Encoding`.
    HasBody,
    /// A path without a token.
    EmptyToken,
    /// A method that is no [`Role`](crate::Role).
    BadMethod(String),
    /// `Rdv-Self-Addrs` with something that is no address.
    BadSelfAddrs(String),
    /// More than 9 addresses.
    TooManySelfAddrs(String),
    /// The proxy in front did not say whom it speaks for: the named header is missing or malformed.
    NoObservedAddr(String),
    /// The HTTP stack in which the server is mounted did not say whom it speaks for.
    NoRemoteAddr,
    /// Not under the path (given) at which the server is mounted.
    NotMountedHere(String),
    /// The operator does not let it in, by [`LobbyConfig::admission`](crate::LobbyConfig::admission).
    Unauthorized(Denial),
    /// The client did not idle while it was waiting: a byte or a FIN came.
    NotIdle,
    /// The head did not come in time.
    HeadTimeout,
    /// No peer came in time.
    NoPeer,
    /// A newer connection has the same role and token.
    Replaced,
    /// A head of more than so many bytes.
    HeadTooLarge(usize),
    /// A head of more than 64 headers.
    TooManyHeaders,
    /// As many connections as the server is configured to hold.
    Full,
    /// As many connections as the server may have open, relayed ones included.
    Overloaded,
    /// As many connections as one address may have.
    FullForAddr,
    /// As many new connections in a short time as one address may make; the next one after this time.
    RateLimited(Duration),
    /// The server shuts down, the client was waiting.
    ShuttingDown,
    /// The server has shut down, the client came later.
    Closed,
    /// The application's own verdict, on a client or on a pair. A status that is neither 4xx nor 5xx becomes 500.
    Application(StatusCode, String),
}

impl Reject {
    /// All that [`code`](Reject::code) can be.
    pub const CODES: &[&str] = &[
        "malformed",
        "host",
        "version",
        "not-an-upgrade",
        "no-upgrade",
        "bad-upgrade",
        "bad-version",
        "has-body",
        "empty-token",
        "bad-method",
        "bad-self-addrs",
        "too-many-self-addrs",
        "no-observed-addr",
        "no-remote-addr",
        "not-mounted-here",
        "credentials-missing",
        "credentials-malformed",
        "credentials-wrong",
        "credentials-expired",
        "credentials-too-long",
        "not-idle",
        "head-timeout",
        "no-peer",
        "replaced",
        "head-too-large",
        "too-many-headers",
        "full",
        "overloaded",
        "rate-limited",
        "full-for-addr",
        "shutting-down",
        "closed",
        "application",
    ];

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.parts().0
    }

    /// One word for machines, stable across versions.
    pub fn code(&self) -> &'static str {
        self.parts().1
    }

    /// When to try again, where that is known or can be guessed. It travels in `Retry-After`, in whole seconds.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            // Behind a balancer another server is there already, and otherwise a new one is soon.
            Reject::ShuttingDown | Reject::Closed => Some(SOON),
            Reject::RateLimited(wait) => Some(*wait),
            Reject::Full | Reject::Overloaded => Some(LATER),
            Reject::Malformed(_)
            | Reject::Host
            | Reject::VersionNotSupported
            | Reject::NotAnUpgrade
            | Reject::NoUpgrade
            | Reject::BadUpgrade(_)
            | Reject::BadVersion(_)
            | Reject::HasBody
            | Reject::EmptyToken
            | Reject::BadMethod(_)
            | Reject::BadSelfAddrs(_)
            | Reject::TooManySelfAddrs(_)
            | Reject::NoObservedAddr(_)
            | Reject::NoRemoteAddr
            | Reject::NotMountedHere(_)
            | Reject::Unauthorized(_)
            | Reject::NotIdle
            | Reject::HeadTimeout
            | Reject::NoPeer
            | Reject::Replaced
            | Reject::HeadTooLarge(_)
            | Reject::TooManyHeaders
            | Reject::FullForAddr
            | Reject::Application(..) => None,
        }
    }

    /// The whole answer. The connection is closed behind it.
    pub(crate) fn encode(&self) -> Bytes {
        let status = self.status();
        let body = self.to_string();
        // RFC 9110 sections 7.8 and 15.5.22: a 426 names the protocol that is asked for.
        let (also, upgrade) = match status {
            StatusCode::UPGRADE_REQUIRED => (", upgrade", format!("Upgrade: {PROTOCOL}\r\n")),
            _ => ("", String::new()),
        };
        let retry = match self.retry_after() {
            Some(time) => format!("Retry-After: {}\r\n", time.as_millis().div_ceil(1000).max(1)),
            None => String::new(),
        };
        let mut challenge = String::new();
        if let Reject::Unauthorized(denial) = self {
            challenge = format!("WWW-Authenticate: {}\r\n", denial.challenge());
        }
        format!(
            "HTTP/1.1 {} {}\r\nConnection: close{also}\r\nContent-Length: {}\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Rdv-Error: {}\r\n{retry}{upgrade}{challenge}X-Content-Type-Options: nosniff\r\n\r\n{body}",
            status.as_str(),
            status.canonical_reason().unwrap_or_default(),
            body.len(),
            self.code(),
        )
        .into()
    }

    fn parts(&self) -> (StatusCode, &'static str) {
        match self {
            Reject::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed"),
            Reject::Host => (StatusCode::BAD_REQUEST, "host"),
            Reject::VersionNotSupported => (StatusCode::HTTP_VERSION_NOT_SUPPORTED, "version"),
            Reject::NotAnUpgrade => (StatusCode::UPGRADE_REQUIRED, "not-an-upgrade"),
            Reject::NoUpgrade => (StatusCode::UPGRADE_REQUIRED, "no-upgrade"),
            Reject::BadUpgrade(_) => (StatusCode::UPGRADE_REQUIRED, "bad-upgrade"),
            Reject::BadVersion(_) => (StatusCode::UPGRADE_REQUIRED, "bad-version"),
            Reject::HasBody => (StatusCode::BAD_REQUEST, "has-body"),
            Reject::EmptyToken => (StatusCode::BAD_REQUEST, "empty-token"),
            Reject::BadMethod(_) => (StatusCode::BAD_REQUEST, "bad-method"),
            Reject::BadSelfAddrs(_) => (StatusCode::BAD_REQUEST, "bad-self-addrs"),
            Reject::TooManySelfAddrs(_) => (StatusCode::BAD_REQUEST, "too-many-self-addrs"),
            Reject::NoObservedAddr(_) => (StatusCode::BAD_REQUEST, "no-observed-addr"),
            Reject::NoRemoteAddr => (StatusCode::INTERNAL_SERVER_ERROR, "no-remote-addr"),
            Reject::NotMountedHere(_) => (StatusCode::NOT_FOUND, "not-mounted-here"),
            Reject::Unauthorized(denial @ Denial::Malformed) => (StatusCode::BAD_REQUEST, denial.code()),
            Reject::Unauthorized(denial) => (StatusCode::UNAUTHORIZED, denial.code()),
            Reject::NotIdle => (StatusCode::BAD_REQUEST, "not-idle"),
            Reject::HeadTimeout => (StatusCode::REQUEST_TIMEOUT, "head-timeout"),
            Reject::NoPeer => (StatusCode::REQUEST_TIMEOUT, "no-peer"),
            Reject::Replaced => (StatusCode::CONFLICT, "replaced"),
            Reject::HeadTooLarge(_) => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "head-too-large"),
            Reject::TooManyHeaders => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "too-many-headers"),
            Reject::Full => (StatusCode::SERVICE_UNAVAILABLE, "full"),
            Reject::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
            Reject::RateLimited(_) => (StatusCode::TOO_MANY_REQUESTS, "rate-limited"),
            Reject::FullForAddr => (StatusCode::TOO_MANY_REQUESTS, "full-for-addr"),
            Reject::ShuttingDown => (StatusCode::SERVICE_UNAVAILABLE, "shutting-down"),
            Reject::Closed => (StatusCode::SERVICE_UNAVAILABLE, "closed"),
            Reject::Application(status, _) => {
                // Anything else would not be a refusal; least of all a 101.
                let refuses = status.is_client_error() || status.is_server_error();
                (if refuses { *status } else { StatusCode::INTERNAL_SERVER_ERROR }, "application")
            }
        }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reject::Malformed(why) => write!(f, "malformed request: {why}"),
            Reject::Host => f.write_str("exactly one Host header is required"),
            Reject::VersionNotSupported => f.write_str("unsupported protocol version: expected HTTP/1.1"),
            Reject::NotAnUpgrade => f.write_str("invalid rdv upgrade: requires connection upgrade"),
            Reject::NoUpgrade => f.write_str("invalid rdv upgrade: missing upgrade header"),
            Reject::BadUpgrade(got) => write!(f, "invalid rdv upgrade: bad upgrade {got}"),
            Reject::BadVersion(got) => write!(f, "invalid rdv upgrade: bad http version for upgrade {got}"),
            Reject::HasBody => f.write_str("a request must not have a body"),
            Reject::EmptyToken => f.write_str("missing rdv token"),
            Reject::BadMethod(got) => write!(f, "unknown rdv method [{got}]"),
            Reject::BadSelfAddrs(got) => write!(f, "invalid self addrs [{got}]"),
            Reject::TooManySelfAddrs(got) => write!(f, "too many self addrs [{got}]"),
            Reject::NoObservedAddr(header) => {
                write!(f, "no ip:port in header {header}, which this server expects from the proxy before it")
            }
            Reject::NoRemoteAddr => f.write_str("this server is not told its clients' addresses"),
            Reject::NotMountedHere(prefix) => write!(f, "rdv is under {prefix} on this server"),
            Reject::Unauthorized(denial) => write!(f, "{denial}"),
            Reject::NotIdle => f.write_str("conn must idle while waiting for response header"),
            Reject::HeadTimeout => f.write_str("the request did not come in time"),
            Reject::NoPeer => f.write_str("no matching peer found"),
            Reject::Replaced => f.write_str("replaced by another conn"),
            Reject::HeadTooLarge(max) if max % 1024 == 0 => {
                write!(f, "request head too large: {} KiB are allowed", max / 1024)
            }
            Reject::HeadTooLarge(max) => write!(f, "request head too large: {max} bytes are allowed"),
            Reject::TooManyHeaders => write!(f, "request head too large: {HEADERS_MAX} headers are allowed"),
            Reject::Full => f.write_str("rdv server is full, try again later"),
            Reject::Overloaded => f.write_str("rdv server has no connections to spare, try again later"),
            Reject::RateLimited(_) => f.write_str("too many new conns from this address, try again later"),
            Reject::FullForAddr => f.write_str("too many conns from this address"),
            Reject::ShuttingDown => f.write_str("rdv server shutting down, try again"),
            Reject::Closed => f.write_str("rdv is closed"),
            Reject::Application(_, reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for Reject {}

const SOON: Duration = Duration::from_secs(1);
/// Nobody knows when others leave; this is when it is worth asking again.
const LATER: Duration = Duration::from_secs(10);
