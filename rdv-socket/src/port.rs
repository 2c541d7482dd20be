//! The one port that a client listens on and dials from.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};

use crate::addrs::{LocalAddr, lasting_source, local_addrs};
use crate::bind::{bind_all, bind_shared, bind_then_share, new_socket, unmapped, wildcards};
use crate::errno;
use crate::stream::{keep_out, try_stream_options};

/// The one TCP port that a client's attempt listens on and dials from.
///
/// It has a listener per address family, bound to the wildcard address, and makes any number of
/// outgoing connections whose source port is this one. Take it for one attempt, and drop it
/// afterwards: connections outlive it. The port is free again once this value, its clones, and all
/// connections are closed.
///
/// A runtime that wants to own a listener gets a [`try_clone`](TcpListener::try_clone) of it.
///
/// # Who shares the port
///
/// Listeners and connections say SO_REUSEADDR and SO_REUSEPORT (Windows: SO_REUSEADDR, which does
/// both there). So a later program of the same user can join the port if it means to, by saying the
/// same and naming this port. The other way round never happens: binding fails, or goes on to
/// another port, where somebody listens already.
#[derive(Debug)]
pub struct SharedPort {
    port: u16,
    ipv4: Option<TcpListener>,
    ipv6: Option<TcpListener>,
}

impl SharedPort {
    /// Listens on a port of the system's choice that nobody uses in either address family.
    ///
    /// A machine that lacks IPv4 or IPv6 gets the other one alone.
    ///
    /// # Errors
    /// [`AddrInUse`](ErrorKind::AddrInUse) if 16 ports in a row were free for one family only, or
    /// there are none left; the system's error if there is neither IPv4 nor IPv6, or sockets
    /// have run out.
    pub fn bind() -> io::Result<SharedPort> {
        Self::bind_to(0)
    }

    /// Listens on a certain port, for those who have opened it in their firewall. 0 is the same as
    /// [`bind`](Self::bind).
    ///
    /// # Errors
    /// [`AddrInUse`](ErrorKind::AddrInUse) if somebody listens there in either family, whether they
    /// would share the port or not; [`PermissionDenied`](ErrorKind::PermissionDenied) for a
    /// port that needs privileges.
    pub fn bind_to(port: u16) -> io::Result<SharedPort> {
        let listeners = bind_all(&wildcards(), port, |addr| listen_shared(addr, port != 0))?;
        let mut shared = SharedPort { port, ipv4: None, ipv6: None };
        for listener in listeners {
            let addr = listener.local_addr()?;
            shared.port = addr.port();
            match addr {
                SocketAddr::V4(_) => shared.ipv4 = Some(listener),
                SocketAddr::V6(_) => shared.ipv6 = Some(listener),
            }
        }
        log::debug!(
            "sharing port {} (IPv4: {}, IPv6: {})",
            shared.port,
            shared.has_ipv4(),
            shared.has_ipv6()
        );
        Ok(shared)
    }

    /// Starts a connection to `remote` from this port, and does not wait for it.
    ///
    /// The stream is non-blocking and has its [options](crate::set_stream_options). Once it is
    /// writable, ask [`connect_finished`](crate::connect_finished). Dropping it gives the
    /// attempt up.
    ///
    /// The source port is this one or there is no connection: a redial from another port would be
    /// of no use to a NAT. The source address is the one that the system's routes have for `remote`, on
    /// whichever interface; but where it is a temporary IPv6 address, and the system tells, it is the
    /// lasting one beside it, which is the one to offer to a peer. A port that dials one of its own addresses gets connected to itself.
    ///
    /// # Errors
    /// What the system says at once; all of it is ordinary for a candidate:
    /// - [`AddrNotAvailable`](ErrorKind::AddrNotAvailable): there is a connection between these two
    ///   endpoints already, accepted or dialled; or no address of ours can reach the remote one, as
    ///   where IPv6 is switched off;
    /// - [`AddrInUse`](ErrorKind::AddrInUse): another user's program listens on the port as well;
    /// - [`NetworkUnreachable`](ErrorKind::NetworkUnreachable),
    ///   [`HostUnreachable`](ErrorKind::HostUnreachable): no route;
    /// - [`InvalidInput`](ErrorKind::InvalidInput): a link-local IPv6 address without its scope;
    /// - [`Unsupported`](ErrorKind::Unsupported): the remote address is of a family that this port
    ///   does not have.
    pub fn connect(&self, remote: SocketAddr) -> io::Result<TcpStream> {
        let remote = unmapped(remote);
        let local: SocketAddr = match remote {
            SocketAddr::V4(_) if self.has_ipv4() => (Ipv4Addr::UNSPECIFIED, self.port).into(),
            SocketAddr::V6(_) if self.has_ipv6() => {
                (lasting_source(remote).unwrap_or(Ipv6Addr::UNSPECIFIED), self.port).into()
            }
            SocketAddr::V4(_) => return Err(io::Error::new(ErrorKind::Unsupported, "this port has no IPv4")),
            SocketAddr::V6(_) => return Err(io::Error::new(ErrorKind::Unsupported, "this port has no IPv6")),
        };
        let socket = new_socket(local)?;
        bind_shared(&socket, local)?;
        let result = socket.connect(&remote.into());
        let stream = TcpStream::from(socket);
        match result {
            Ok(()) => {}
            Err(error) if errno::is_in_progress(&error) => {}
            Err(error) => return Err(error),
        }
        try_stream_options(&stream);
        Ok(stream)
    }

    /// The same as [`SharedPort::connect`], to a peer who may be dialling this port as well.
    ///
    /// What an ICMP error says of such an address counts less than that our SYN is out, and may be met. Where Linux leaves
    /// it out in spite of one, since the error was back before the system call was, this does too.
    ///
    /// # Errors
    /// As of `connect`.
    pub fn connect_to_peer(&self, remote: SocketAddr) -> io::Result<TcpStream> {
        let stream = self.connect(remote)?;
        keep_out(&stream)?;
        Ok(stream)
    }

    /// The same port again: its listeners accept from the same queues, and the port is in use until
    /// both are dropped.
    ///
    /// # Errors
    /// The system's, when file descriptors have run out.
    pub fn try_clone(&self) -> io::Result<SharedPort> {
        let clone =
            |listener: &Option<TcpListener>| listener.as_ref().map(TcpListener::try_clone).transpose();
        Ok(SharedPort { port: self.port, ipv4: clone(&self.ipv4)?, ipv6: clone(&self.ipv6)? })
    }

    /// The [addresses of this machine](crate::local_addrs) at which the port can be reached: those of its
    /// families.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addrs(&self) -> io::Result<Vec<LocalAddr>> {
        let mut addrs = local_addrs()?;
        addrs.retain(|addr| if addr.ip.is_ipv4() { self.has_ipv4() } else { self.has_ipv6() });
        Ok(addrs)
    }

    /// The number of the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The listeners, IPv4 before IPv6: one of each family that this machine has. For
    /// [`accept`](crate::accept).
    pub fn listeners(&self) -> impl Iterator<Item = &TcpListener> {
        self.ipv4.iter().chain(&self.ipv6)
    }

    /// Whether the port listens on, and dials, IPv4.
    pub fn has_ipv4(&self) -> bool {
        self.ipv4.is_some()
    }

    /// Whether the port listens on, and dials, IPv6.
    pub fn has_ipv6(&self) -> bool {
        self.ipv6.is_some()
    }
}

fn listen_shared(addr: SocketAddr, asked_for: bool) -> io::Result<TcpListener> {
    let socket = new_socket(addr)?;
    bind_then_share(&socket, addr, asked_for)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A peer dials from a handful of addresses, and may have to wait for us in the queue until the
/// server's answer is here.
const BACKLOG: i32 = 64;

#[cfg(test)]
mod tests;
