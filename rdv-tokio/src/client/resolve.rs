//! Names to addresses.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Instant;

use tokio::net::lookup_host;
use tokio::time::{Instant as Deadline, timeout_at};

use super::Error;

/// The addresses of a host, with this port, if they are found before the deadline.
pub(super) async fn resolve(
    (host, port): (&str, u16),
    deadline: Option<Instant>,
) -> Result<Vec<SocketAddr>, Error> {
    let lookup = lookup_host((host, port));
    let result = match deadline {
        None => lookup.await,
        Some(deadline) => match timeout_at(Deadline::from_std(deadline), lookup).await {
            Ok(result) => result,
            Err(_) => Err(io::Error::new(ErrorKind::TimedOut, "not resolved in time")),
        },
    };
    result.map(Iterator::collect).map_err(|source| Error::Resolve { host: host.to_owned(), source })
}
