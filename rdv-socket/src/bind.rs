//! Sockets before they have a connection: made, bound, and told who may share their port.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use crate::errno;

/// Listeners for all of `addrs`, in this order and all on `port`, where 0 stands for a port that is
/// free for each. The ports within `addrs` don't count.
///
/// An address that this machine does not have is left out, as long as another one remains: a
/// machine without IPv6 listens on IPv4 alone. `bind` makes one listener.
pub(crate) fn bind_all(
    addrs: &[SocketAddr],
    port: u16,
    mut bind: impl FnMut(SocketAddr) -> io::Result<TcpListener>,
) -> io::Result<Vec<TcpListener>> {
    let mut attempts = if port == 0 { FREE_PORT_ATTEMPTS } else { 1 };
    loop {
        attempts -= 1;
        match bind_once(addrs, port, &mut bind) {
            // The first address has got a port that another one can't have.
            Err(error) if attempts > 0 && is_taken(&error) => log::trace!("choosing another port: {error}"),
            result => return result,
        }
    }
}

/// Binds the socket of a server's listener: nobody shares its port, and the connections that an
/// earlier run of the server left in TIME_WAIT are no obstacle.
pub(crate) fn bind_exclusive(socket: &Socket, addr: SocketAddr) -> io::Result<()> {
    // Windows has no such obstacle, and there the option would let any program take the port over.
    if cfg!(unix) {
        socket.set_reuse_address(true)?;
    }
    socket.bind(&addr.into())
}

/// Binds the socket of a server's listener, beside others that are bound like this.
#[cfg(all(unix, not(any(target_os = "illumos", target_os = "solaris"))))]
pub(crate) fn bind_beside(socket: &Socket, addr: SocketAddr) -> io::Result<()> {
    share(socket)?;
    socket.bind(&addr.into())
}

/// There is no such thing.
#[cfg(not(all(unix, not(any(target_os = "illumos", target_os = "solaris")))))]
pub(crate) fn bind_beside(_: &Socket, _: SocketAddr) -> io::Result<()> {
    Err(io::Error::new(ErrorKind::Unsupported, "this system does not share a port between servers"))
}

/// Binds the socket of a listener to a port where nobody else listens, and shares it from then on.
///
/// Two listeners of one user that both say SO_REUSEPORT before they bind get the same port without
/// an error, and the kernel deals incoming connections out between them. So the option comes
/// *after* bind: bind fails unless the port is ours alone, in one atomic step, and what asks for
/// the port later on is checked against the option that the socket has by then. This holds for a
/// port number that we chose for the other family just as well.
#[cfg(unix)]
pub(crate) fn bind_then_share(socket: &Socket, addr: SocketAddr, asked_for: bool) -> io::Result<()> {
    // Whoever asks for a certain port gets it in spite of connections of an earlier attempt. This
    // option alone joins no listener. A port of our own choice has no history: we choose another.
    if asked_for {
        socket.set_reuse_address(true)?;
    }
    socket.bind(&addr.into())?;
    share(socket)
}

/// As above, but on Windows the option counts at bind, and both sockets must have it. So a socket
/// without it looks first whether the port is free; whoever takes the port with the same option
/// just then is not noticed.
#[cfg(not(unix))]
pub(crate) fn bind_then_share(socket: &Socket, addr: SocketAddr, _asked_for: bool) -> io::Result<()> {
    if addr.port() != 0 {
        new_socket(addr)?.bind(&addr.into())?;
    }
    share(socket)?;
    socket.bind(&addr.into())
}

/// Binds the socket of an outgoing connection to a port on which we listen already.
pub(crate) fn bind_shared(socket: &Socket, addr: SocketAddr) -> io::Result<()> {
    share(socket)?;
    socket.bind(&addr.into())
}

/// A TCP socket of the address's family: non-blocking, close-on-exec, and IPv6 without mapped IPv4.
pub(crate) fn new_socket(addr: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

/// The wildcard addresses in the order in which we bind them.
pub(crate) fn wildcards() -> [SocketAddr; 2] {
    [(Ipv4Addr::UNSPECIFIED, 0).into(), (Ipv6Addr::UNSPECIFIED, 0).into()]
}

/// An IPv4-mapped IPv6 address as what it stands for: IPv4.
pub(crate) fn unmapped(addr: SocketAddr) -> SocketAddr {
    match addr.ip().to_canonical() {
        ip if ip == addr.ip() => addr, // keeps the scope of a link-local address
        ip => SocketAddr::new(ip, addr.port()),
    }
}

fn bind_once(
    addrs: &[SocketAddr],
    mut port: u16,
    bind: &mut impl FnMut(SocketAddr) -> io::Result<TcpListener>,
) -> io::Result<Vec<TcpListener>> {
    let mut listeners = Vec::with_capacity(addrs.len());
    let mut missing = None;
    for &(mut addr) in addrs {
        addr.set_port(port);
        match bind(addr) {
            Ok(listener) => {
                port = listener.local_addr()?.port();
                listeners.push(listener);
            }
            Err(error) if is_missing(&error) => {
                log::debug!("not listening on {addr}: {error}");
                missing = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    if listeners.is_empty() {
        let none = || io::Error::new(ErrorKind::AddrNotAvailable, "there is no address to listen on");
        return Err(missing.unwrap_or_else(none));
    }
    Ok(listeners)
}

/// Whether this machine lacks the address, or its whole family.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::AddrNotAvailable | ErrorKind::Unsupported)
        || errno::is_no_such_family(error)
}

/// Whether somebody else has the port. Windows says "permission denied" where they have it for
/// themselves alone.
fn is_taken(error: &io::Error) -> bool {
    error.kind() == ErrorKind::AddrInUse || cfg!(windows) && error.kind() == ErrorKind::PermissionDenied
}

fn share(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)?;
    #[cfg(all(unix, not(any(target_os = "illumos", target_os = "solaris"))))]
    socket.set_reuse_port(true)?;
    Ok(())
}

/// How many ports to try before giving up. On a machine where one port in ten is taken for one
/// family only, 16 in a row fail once in 10^16.
const FREE_PORT_ATTEMPTS: u32 = 16;

#[cfg(test)]
mod tests;
