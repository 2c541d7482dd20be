//! Why there is no connection.

use std::fmt;
use std::io;

use rdv_core::{ConnectError, Failure, UnknownInterface};

/// Why there is no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The attempt failed, for a reason that the protocol knows of.
    Connect {
        /// The reason, and the course of the attempt.
        failure: Box<Failure>,
        /// What the system or TLS said of the last failure of a connection to the server, in full.
        cause: Option<io::Error>,
    },
    /// The server's name, or that of the proxy before it, has no address, or not in time ([`io::ErrorKind::TimedOut`]).
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// This machine could not provide sockets.
    Socket(io::Error),
    /// There is no network interface of a name that is [allowed](rdv_core::Interfaces::allow).
    Interface(UnknownInterface),
    /// TLS can't be used as configured.
    Tls(String),
}

impl Error {
    /// The protocol's reason, if it has one.
    pub fn connect_error(&self) -> Option<&ConnectError> {
        match self {
            Error::Connect { failure, .. } => Some(&failure.error),
            Error::Resolve { .. } | Error::Socket(_) | Error::Interface(_) | Error::Tls(_) => None,
        }
    }

    /// Whether the time configured for the attempt was over.
    pub fn is_timeout(&self) -> bool {
        match self {
            Error::Connect { failure, .. } => matches!(failure.error, ConnectError::TimedOut(_)),
            Error::Resolve { source, .. } => source.kind() == io::ErrorKind::TimedOut,
            Error::Socket(_) | Error::Interface(_) | Error::Tls(_) => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Connect { failure, cause: None } => failure.fmt(f),
            Error::Connect { failure, cause: Some(cause) } => write!(f, "{failure} ({cause})"),
            Error::Resolve { host, source } => write!(f, "cannot resolve {host:?}: {source}"),
            Error::Socket(err) => write!(f, "cannot open sockets: {err}"),
            Error::Interface(err) => err.fmt(f),
            Error::Tls(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Connect { failure, .. } => Some(&**failure),
            Error::Resolve { source, .. } | Error::Socket(source) => Some(source),
            Error::Interface(source) => Some(source),
            Error::Tls(_) => None,
        }
    }
}
