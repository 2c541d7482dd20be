//! Names to addresses. The system's resolver blocks, so it gets a thread of its own, which is left behind if
//! it takes too long.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use mio::Waker;

/// Addresses that are there, or on their way.
pub(super) enum Resolving {
    Done(Vec<SocketAddr>),
    UnderWay(Receiver<io::Result<Vec<SocketAddr>>>),
}

impl Resolving {
    /// Begins. `waker` is woken at the end, if there is a wait at all.
    pub(super) fn begin(host: &str, port: u16, waker: Arc<Waker>) -> io::Result<Self> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(Resolving::Done(vec![SocketAddr::new(ip, port)]));
        }
        let (sender, receiver) = channel();
        let host = host.to_owned();
        std::thread::Builder::new().name("rdv-resolve".into()).spawn(move || {
            let addrs = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
            // Nobody listens any more if the attempt has ended meanwhile.
            if sender.send(addrs).is_ok()
                && let Err(err) = waker.wake()
            {
                log::warn!("cannot wake an attempt whose server is resolved: {err}");
            }
        })?;
        Ok(Resolving::UnderWay(receiver))
    }

    /// The result, once it is there.
    pub(super) fn poll(&mut self) -> Option<io::Result<Vec<SocketAddr>>> {
        match self {
            Resolving::Done(addrs) => Some(Ok(std::mem::take(addrs))),
            Resolving::UnderWay(receiver) => receiver.try_recv().ok(),
        }
    }
}
