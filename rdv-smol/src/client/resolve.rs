//! Names to addresses.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::Instant;

use async_io::Timer;
use futures_lite::FutureExt;

use super::Error;

/// The addresses of a host, with this port, if they are found before the deadline.
pub(super) async fn resolve(
    (host, port): (&str, u16),
    deadline: Option<Instant>,
) -> Result<Vec<SocketAddr>, Error> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let name = host.to_owned();
    let lookup = blocking::unblock(move || (name, port).to_socket_addrs().map(Iterator::collect));
    let result = match deadline {
        None => lookup.await,
        Some(deadline) => {
            let late = async {
                Timer::at(deadline).await;
                Err(io::Error::new(ErrorKind::TimedOut, "not resolved in time"))
            };
            lookup.or(late).await
        }
    };
    result.map_err(|source| Error::Resolve { host: host.to_owned(), source })
}
