//! The listeners of a server.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::Socket;

use crate::ListenAddr;
use crate::bind::{bind_all, bind_beside, bind_exclusive, new_socket};

/// Listens on an address: a listener for each IP address that it stands for, all on the same port.
///
/// `:8080` is two listeners, IPv4 first, since an IPv6 listener of ours never takes IPv4; a machine
/// that lacks one family gets the other one alone. A host name is looked up here, which blocks.
/// Port 0 is a port of the system's choice, free for all the addresses. `backlog` is how many
/// connections may wait to be accepted; the system limits it.
///
/// ```
/// use rdv_socket::{ListenAddr, listen};
///
/// let addr: ListenAddr = "127.0.0.1:0".parse()?;
/// let listeners = listen(&addr, 128)?;
/// println!("listening on {}", listeners[0].local_addr()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The port is the server's alone. On Unix SO_REUSEADDR lets a server restart while connections of
/// its last run are in TIME_WAIT, and lets nobody else listen. On Windows the first is so without
/// it, and with it any program could take the port over: so it is not set there.
///
/// # Errors
/// The kind is the system's ([`AddrInUse`](io::ErrorKind::AddrInUse),
/// [`PermissionDenied`](io::ErrorKind::PermissionDenied),
/// [`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable), or the resolver's), the text says which
/// address it is about.
pub fn listen(addr: &ListenAddr, backlog: i32) -> io::Result<Vec<TcpListener>> {
    listen_by(addr, backlog, bind_exclusive)
}

/// [Listens](listen) beside other processes of the same user that do so by this function: the system deals new
/// connections out among them (SO_REUSEPORT). It is for a server that is to be replaced by another one without a gap.
///
/// # Errors
/// As [`listen`]; and [`Unsupported`](io::ErrorKind::Unsupported) elsewhere than on Linux, Android, the BSDs and macOS.
pub fn listen_beside(addr: &ListenAddr, backlog: i32) -> io::Result<Vec<TcpListener>> {
    listen_by(addr, backlog, bind_beside)
}

fn listen_by(
    addr: &ListenAddr,
    backlog: i32,
    bind: impl Fn(&Socket, SocketAddr) -> io::Result<()>,
) -> io::Result<Vec<TcpListener>> {
    let listen_on = |addr| listen_on(addr, backlog, &bind);
    let listeners = addr.resolve().and_then(|addrs| bind_all(&addrs, addr.port(), listen_on));
    listeners.map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {addr}: {error}")))
}

fn listen_on(
    addr: SocketAddr,
    backlog: i32,
    bind: impl Fn(&Socket, SocketAddr) -> io::Result<()>,
) -> io::Result<TcpListener> {
    let socket = new_socket(addr)?;
    bind(&socket, addr)?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests;
