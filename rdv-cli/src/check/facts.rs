//! What a check has seen, without a judgement.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Everything that was seen.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The server's URL.
    pub url: String,
    /// The proxy through which the server is reached, if there is one. The endpoints are its addresses then.
    pub proxy: Option<String>,
    /// The servers of `--also` that were left out, since one of the two is behind a proxy.
    pub left_out: Vec<String>,
    /// This machine's interfaces that are up, with their addresses.
    pub interfaces: Vec<(String, IpAddr)>,
    /// The addresses of the server, and behind them those of the servers of `--also`.
    pub endpoints: Vec<Endpoint>,
    /// The servers whose names have no address.
    pub unresolved: Vec<Unresolved>,
    /// How long the server takes to answer a request whose peer is there already.
    pub answers: Vec<Duration>,
    /// Whether data came through the relay unchanged, or what went wrong.
    pub relay: Option<Result<(), String>>,
    /// What became of a direct connection between two ports of ours.
    pub meeting: Option<Meeting>,
    /// Why the server does not work for us.
    pub failure: Option<String>,
}

/// One address of a server.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The URL that it belongs to.
    pub url: String,
    /// Whether that is one of `--also`.
    pub is_also: bool,
    /// The address.
    pub addr: SocketAddr,
    /// How long it took to connect by TCP, each time; or why that failed.
    pub connects: Result<Vec<Duration>, ErrorKind>,
    /// The address from which this machine reaches it.
    pub source: Option<IpAddr>,
    /// What the server saw of ports of ours.
    pub sightings: Vec<Sighting>,
    /// Why it has not served us, though it was reached.
    pub failure: Option<String>,
}

/// A server whose name has no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    /// Its URL.
    pub url: String,
    /// What kind of error that is.
    pub kind: ErrorKind,
    /// What the resolver said.
    pub why: String,
}

/// One connection to a server, from both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Ours.
    pub local: SocketAddr,
    /// As the server saw it, if it said so.
    pub observed: Option<SocketAddr>,
}

/// The race between two ports of ours.
#[derive(Clone, Debug, Default)]
pub struct Meeting {
    /// The addresses that the server has observed for the two ports.
    pub observed: Vec<SocketAddr>,
    /// Each address that was dialled, and whether a connection stood.
    pub candidates: Vec<(SocketAddr, bool)>,
}

impl Facts {
    /// Whether an address is one of this machine's.
    pub fn is_ours(&self, ip: IpAddr) -> bool {
        self.interfaces.iter().any(|(_, ours)| *ours == ip)
    }

    /// The middle one of the times that the server took to answer.
    pub fn answer(&self) -> Option<Duration> {
        median(&self.answers)
    }
}

impl Endpoint {
    /// The middle one of the times that it took to connect.
    pub fn connect(&self) -> Option<Duration> {
        median(self.connects.as_deref().unwrap_or_default())
    }
}

fn median(times: &[Duration]) -> Option<Duration> {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}
