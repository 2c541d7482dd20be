//! Names to addresses.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Instant;

use rdv_core::ServerUrl;
use tokio::net::lookup_host;
use tokio::time::{Instant as Deadline, timeout_at};

use super::Error;

/// The server's addresses, if they are found before the deadline.
pub(super) async fn resolve(url: &ServerUrl, deadline: Option<Instant>) -> Result<Vec<SocketAddr>, Error> {
    let lookup = lookup_host((url.host(), url.port()));
    let result = match deadline {
        None => lookup.await,
        Some(deadline) => match timeout_at(Deadline::from_std(deadline), lookup).await {
            Ok(result) => result,
            Err(_) => Err(io::Error::new(ErrorKind::TimedOut, "not resolved in time")),
        },
    };
    result.map(Iterator::collect).map_err(|source| Error::Resolve { host: url.host().to_owned(), source })
}
