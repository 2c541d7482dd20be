//! Names to addresses.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::Instant;

use async_io::Timer;
use futures_lite::FutureExt;
use rdv_core::ServerUrl;

use super::Error;

/// The server's addresses, if they are found before the deadline.
pub(super) async fn resolve(url: &ServerUrl, deadline: Option<Instant>) -> Result<Vec<SocketAddr>, Error> {
    if let Ok(ip) = url.host().parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, url.port())]);
    }
    let (host, port) = (url.host().to_owned(), url.port());
    let lookup = blocking::unblock(move || (host, port).to_socket_addrs().map(Iterator::collect));
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
    result.map_err(|source| Error::Resolve { host: url.host().to_owned(), source })
}
