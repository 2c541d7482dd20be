//! What is logged in so many words, which people and scripts rely on.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use log::{debug, error, info, warn};
use rdv_access::FileError;
use rdv_core::{AddrSpace, Meta, Report};

use crate::duration::Pretty;
use crate::exit::{Exit, Reason, explain};
use crate::report;
use crate::stdio::PipeError;

/// The attempt has failed. What is left is the exit status.
pub fn not_connected<'a>(reason: impl Into<Reason<'a>>) -> Exit {
    let reason = reason.into();
    let exit = Exit::of(reason);
    if let Reason::Connect { failure, .. } = reason {
        report::log(&failure.report);
    }
    error!(target: "client", "{}", explain(reason));
    exit
}

/// A signal has ended the attempt.
pub fn interrupted() -> Exit {
    info!(target: "client", "interrupted before the peer was connected");
    Exit::Interrupted
}

/// There is a connection to the peer. How it came about is for those who want every step.
pub fn connected(meta: &Meta, course: &Report, is_relay: bool, addr: SocketAddr, took: Duration) {
    report::log(course);
    // Hole punching through IPv4 NATs depends on what the server observed. Through a proxy it never is our address.
    let mut observed = [meta.observed, meta.also_observed].into_iter().flatten();
    let is_public = observed.any(|observed| AddrSpace::of(observed.ip()) == Some(AddrSpace::Public4));
    if !is_public && course.proxy.is_none() {
        warn!(target: "client", "expected observed to be public ipv4 (check server config)");
    }
    info!(target: "client", "peer connected is_relay={is_relay} addr={addr} dur={}", Pretty(took));
}

/// stdin and stdout are closed, say.
pub fn no_stdio(error: &io::Error) -> Exit {
    error!(target: "client", "cannot use stdin and stdout: {error}");
    Exit::Failed
}

/// The peer has sent everything, and somebody may be typing.
pub fn only_sending() {
    info!(target: "client", "peer has sent everything, end your input to disconnect");
}

/// A signal has ended the connection.
pub fn reset() -> Exit {
    info!(target: "client", "interrupted: connection reset");
    Exit::Interrupted
}

/// A connection that is to be reset can't be.
pub fn was_gone(error: &io::Error) {
    debug!(target: "client", "the connection was gone already: {error}");
}

/// The connection has ended after so many bytes: both directions have, or one has come to no good end.
pub fn disconnected(result: &Result<(), PipeError>, tx: u64, rx: u64, took: Duration) -> Exit {
    if let Err(error) = result {
        error!(target: "client", "{error}");
    }
    info!(target: "client", "peer disconnected tx={tx} rx={rx} dur={}", Pretty(took));
    if result.is_ok() { Exit::Done } else { Exit::Failed }
}

/// The server listens, once for each family. Scripts take it as a sign that everything is set up.
pub fn listening(addrs: impl IntoIterator<Item = SocketAddr>) {
    for addr in addrs {
        info!(target: "server", addr:%; "listening addr={addr}");
    }
}

/// Bearer tokens and keys have been read again, or can't be.
pub fn reloaded(result: &Result<(), FileError>) {
    match result {
        Ok(()) => info!(target: "server", "credentials reloaded"),
        Err(error) => error!(target: "server", "credentials not reloaded, the old ones stay: {error}"),
    }
}

/// The server can't serve, or has served until it was to end.
pub fn served(result: io::Result<()>) -> Exit {
    match result {
        Ok(()) => Exit::Done,
        Err(error) => {
            error!(target: "server", "{error}");
            Exit::Failed
        }
    }
}
