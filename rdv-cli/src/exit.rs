//! How the command ends: its exit status, and the words that go with it.

use std::io::{self, ErrorKind};
use std::process::ExitCode;

use rdv_blocking::Error;
use rdv_core::{ConnectError, Failure, Phase, ProxyFault, Refusal};

use crate::duration::Pretty;

/// The exit status. Scripts rely on the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything was done.
    Done,
    /// The connection failed or was lost.
    Failed,
    /// The command line can't be followed.
    Usage,
    /// The server refused.
    Refused,
    /// The time was over.
    TimedOut,
    /// SIGINT or SIGTERM, or on a client SIGHUP.
    Interrupted,
}

/// Why an attempt failed, whichever adapter made it.
#[derive(Clone, Copy, Debug)]
pub enum Reason<'a> {
    /// The protocol knows why.
    Connect {
        /// The reason, and the course of the attempt.
        failure: &'a Failure,
        /// What the system or TLS said, in full.
        cause: Option<&'a io::Error>,
    },
    /// The server's name, or the proxy's, has no address.
    Resolve {
        /// The name.
        host: &'a str,
        /// What the resolver said.
        source: &'a io::Error,
    },
    /// What was asked for can't be had on this machine.
    Usage(&'a dyn std::error::Error),
    /// The attempt was cancelled.
    Cancelled,
    /// Something else, which says so itself.
    Other(&'a dyn std::error::Error),
}

impl<'a> From<&'a Error> for Reason<'a> {
    fn from(error: &'a Error) -> Reason<'a> {
        match error {
            Error::Connect { failure, cause } => Reason::Connect { failure, cause: cause.as_ref() },
            Error::Resolve { host, source } => Reason::Resolve { host, source },
            Error::Cancelled => Reason::Cancelled,
            Error::Interface(_) => Reason::Usage(error),
            Error::Socket(_) | Error::Tls(_) | _ => Reason::Other(error),
        }
    }
}

impl Exit {
    /// What to exit with when an attempt has failed.
    pub fn of<'a>(reason: impl Into<Reason<'a>>) -> Exit {
        match reason.into() {
            Reason::Connect { failure, .. } => match &failure.error {
                ConnectError::Refused(_) => Exit::Refused,
                ConnectError::TimedOut(_) => Exit::TimedOut,
                ConnectError::Unreachable { .. }
                | ConnectError::Proxy { .. }
                | ConnectError::NotSecured(_)
                | ConnectError::ServerLost(_)
                | ConnectError::NoAnswer
                | ConnectError::BadAnswer(_)
                | ConnectError::PeerGone
                | ConnectError::ChosenLost(_)
                | _ => Exit::Failed,
            },
            Reason::Resolve { source, .. } if source.kind() == ErrorKind::TimedOut => Exit::TimedOut,
            Reason::Usage(_) => Exit::Usage,
            Reason::Cancelled => Exit::Interrupted,
            Reason::Resolve { .. } | Reason::Other(_) => Exit::Failed,
        }
    }

    /// The number.
    pub fn status(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Refused => 3,
            Exit::TimedOut => 124,
            Exit::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        exit.status().into()
    }
}

/// Gives the gateway the time to take back what it has mapped: call it before the process ends.
pub fn settle() {
    #[cfg(feature = "port-map")]
    if !rdv_portmap::settle(std::time::Duration::from_millis(500)) {
        log::debug!(target: "client", "the gateway has not said that the port is given back");
    }
}

/// Why an attempt failed and, where that is known, what to do about it.
pub fn explain<'a>(reason: impl Into<Reason<'a>>) -> String {
    match reason.into() {
        Reason::Connect { failure, cause } => explain_failure(failure, cause),
        Reason::Resolve { host, source } => {
            format!("cannot find the address of {host:?}: {source}: is the URL right, and DNS working?")
        }
        Reason::Cancelled => "interrupted".to_owned(),
        Reason::Usage(error) | Reason::Other(error) => error.to_string(),
    }
}

fn explain_failure(failure: &Failure, cause: Option<&io::Error>) -> String {
    let error = &failure.error;
    let details = cause.map(|cause| format!(" ({cause})")).unwrap_or_default();
    match error {
        ConnectError::Refused(refusal) => explain_refusal(refusal),
        ConnectError::TimedOut(phase) => {
            let took = failure.report.ended.map(|ended| ended - failure.report.started).unwrap_or_default();
            format!("{error} after {}{details}{}", Pretty(took), advice_on_timeout(*phase))
        }
        // That is how TLS fails.
        ConnectError::Unreachable { .. } if cause.is_some_and(|it| it.kind() == ErrorKind::InvalidData) => {
            format!("{error}{details}: does it speak https, with a certificate trusted here or by --cacert?")
        }
        ConnectError::NotSecured(_) if cause.is_some_and(|it| it.kind() == ErrorKind::InvalidData) => {
            format!("{error}{details}: does it speak https, with a certificate trusted here or by --cacert?")
        }
        ConnectError::Proxy { fault: ProxyFault::Unreachable { .. }, .. } => {
            format!("{error}{details}: is the proxy's URL right? (to do without it, say --proxy '')")
        }
        ConnectError::NoAnswer | ConnectError::ServerLost(_) if failure.report.proxy.is_some() => {
            format!(
                "{error}{details}: the proxy may have ended it, as many do when nothing happens for minutes"
            )
        }
        ConnectError::Unreachable { .. } => format!("{error}{details}: is it running, and is the URL right?"),
        ConnectError::NoAnswer => format!("{error}{details}: is the URL right?"),
        ConnectError::Proxy { .. }
        | ConnectError::NotSecured(_)
        | ConnectError::ServerLost(_)
        | ConnectError::BadAnswer(_)
        | ConnectError::PeerGone
        | ConnectError::ChosenLost(_)
        | _ => format!("{error}{details}"),
    }
}

fn advice_on_timeout(phase: Phase) -> &'static str {
    match phase {
        Phase::Connecting => ": is the URL right, and the network up?",
        Phase::Waiting => ": has it started, with the same URL and token, and the other of dial and accept?",
        Phase::Racing | _ => "",
    }
}

fn explain_refusal(refusal: &Refusal) -> String {
    let status = refusal.status.as_str();
    // The body says more than the status line; a bare proxy may have neither.
    let reason = match refusal.text() {
        text if text.is_empty() => refusal.status.canonical_reason().unwrap_or_default().to_owned(),
        text => text,
    };
    let advice = match refusal.code() {
        Some("replaced") => ": somebody else uses this token in the same role",
        Some("no-peer") => ": start the peer with the same URL and token, and the other of dial and accept",
        Some("full" | "full-for-addr" | "overloaded" | "rate-limited" | "shutting-down" | "closed") => {
            ": try again later"
        }
        Some("credentials-missing") => {
            ": add -H 'Authorization: Bearer ...', with what its operator has given you"
        }
        Some("credentials-expired") => ": ask for new ones, and see that the clocks are right",
        Some("no-observed-addr") => {
            ": --observed-header of the server names a header that its proxy does not set"
        }
        _ => match refusal.status.as_u16() {
            401 | 403 => ": does the server ask for a header, such as -H 'Authorization: ...'?",
            404 | 405 => ": is the URL's path right?",
            _ => "",
        },
    };
    format!("refused by the server status={status} reason=\"{reason}\"{advice}")
}

#[cfg(test)]
mod tests;
