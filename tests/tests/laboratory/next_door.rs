//! Where there is no wire between two peers, what becomes of a SYN before the program that has sent it goes on.
//!
//! On the wires of one machine the kernel delivers a packet, and its answer, within the system call that has sent it. So
//! an RST is there when connect(2) returns, and has closed the way that the SYN had opened: no program can leave a SYN
//! out for the peer's to meet, and two cross only if two processors are in connect(2) within the same microseconds. That
//! is why such topologies are [`Ideal::Open`]. An ICMP error leaves the SYN out, so there it takes one dial each.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};

use rdv_socket::{SharedPort, connect_finished};
use rdv_tests::lab::{self, Network};
use rdv_tests::{soon, until};

use crate::topologies::{Ideal, Topology, topologies};

#[test]
fn an_rst_is_there_when_the_dial_returns() {
    for topology in next_door(|ideal| ideal == Ideal::Open) {
        let pair = Pair::new(&topology);
        let refused =
            (0..DIALS).filter(|_| pair.dial(0).is_err_and(|err| err.kind() == ErrorKind::ConnectionRefused));
        let refused = refused.count();
        eprintln!("{}: {refused} of {DIALS} dials are refused at once", topology.name);
        // On a busy machine the kernel may leave packets to a thread of its own, for once.
        assert!(refused > DIALS / 2, "{}: {refused} of {DIALS}", topology.name);
    }
}

#[test]
fn a_wire_leaves_the_syn_out() {
    let is_wired =
        |topology: &Topology| topology.name.starts_with("0.4 ms apart") && topology.name.contains("reset");
    for topology in all().into_iter().filter(is_wired) {
        let pair = Pair::new(&topology);
        let out = (0..DIALS).filter(|_| pair.dial(0).is_ok_and(|(_, connected)| !connected)).count();
        eprintln!("{}: after {out} of {DIALS} dials the SYN is out", topology.name);
        assert!(out > 0, "{}", topology.name);
    }
}

/// The error is there when the dial returns, but the SYN is out all the same, and the peer's meets it.
#[test]
fn where_icmp_errors_are_at_once_it_takes_one_dial_each() {
    for topology in next_door(|ideal| ideal == Ideal::Direct) {
        // Once is enough, unless the machine is busy; and Linux sends no more than six errors in a row.
        let meets = (0..3).any(|_| Pair::new(&topology).meets());
        assert!(meets, "{}", topology.name);
    }
}

fn next_door(is_wanted: impl Fn(Ideal) -> bool) -> impl Iterator<Item = Topology> {
    let there = move |it: &Topology| it.name.starts_with("next door") && is_wanted(it.ideal);
    all().into_iter().filter(there)
}

/// None if there can be no laboratory.
fn all() -> Vec<Topology> {
    lab::missing().map_or_else(topologies, |missing| {
        eprintln!("skipped: {missing}");
        Vec::new()
    })
}

/// Two peers who know of each other what the server would tell them.
struct Pair {
    network: Network,
    ports: [SharedPort; 2],
    addrs: [SocketAddr; 2],
}

impl Pair {
    fn new(topology: &Topology) -> Self {
        let network = Network::new(&topology.sides, topology.shared);
        let ports =
            [0, 1].map(|i| network.peers[i].namespace.enter(SharedPort::bind).expect("a port to share"));
        let addrs = [0, 1].map(|i| {
            let seen = observed(&network, i, &network.server_addr(topology.sides[i].families), &ports[i]);
            let host = network.peers[i].namespace.enter(|| ports[i].local_addrs()).expect("addresses");
            let local = host.iter().find(|addr| addr.ip.is_ipv4() && !addr.ip.is_loopback());
            // In one LAN it is the address there that counts.
            let local = local.filter(|_| topology.shared > 0);
            local.map_or(seen, |local| SocketAddr::new(local.ip, ports[i].port()))
        });
        Self { network, ports, addrs }
    }

    /// Dials the other peer, and asks at once whether that is connected.
    fn dial(&self, peer: usize) -> io::Result<(TcpStream, bool)> {
        self.network.peers[peer].namespace.enter(|| {
            let stream = self.ports[peer].connect_to_peer(self.addrs[1 - peer])?;
            let connected = connect_finished(&stream)?;
            Ok((stream, connected))
        })
    }

    /// Whether one dial of each comes to a connection.
    fn meets(self) -> bool {
        let Ok((first, false)) = self.dial(0) else {
            return false;
        };
        let Ok((second, _)) = self.dial(1) else {
            return false;
        };
        let both = [first, second];
        let mut finished = [const { Ok(false) }; 2];
        until("two dials come to an end", || {
            finished = both.each_ref().map(connect_finished);
            finished.iter().all(|it| matches!(it, Ok(true))) || finished.iter().any(Result::is_err)
        });
        finished.iter().all(Result::is_ok)
    }
}

/// Where a peer's connection to the server comes from.
fn observed(network: &Network, peer: usize, server: &str, port: &SharedPort) -> SocketAddr {
    let ip = server.parse().expect("an address");
    let bind = || TcpListener::bind(SocketAddr::new(ip, 0)).expect("a port of the server");
    let listener = network.server.namespace.enter(bind);
    let target = listener.local_addr().expect("it is bound");
    let _stream = network.peers[peer].namespace.enter(|| port.connect(target)).expect("a connection begins");
    soon("a connection to the server", move || listener.accept()).expect("it comes in").1
}

/// How many are looked at.
const DIALS: usize = 30;
