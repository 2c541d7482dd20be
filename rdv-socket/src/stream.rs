//! Streams: how they begin, what is set on them, and how they end in error.

use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
#[cfg(unix)]
use std::os::fd::AsFd;
use std::time::Duration;

#[cfg(unix)]
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{SockRef, TcpKeepalive};

use crate::bind::unmapped;
use crate::errno;

/// Accepts a connection that is waiting in the listener's queue, and says who it is from.
///
/// The stream is non-blocking and has its [options](set_stream_options). The address is IPv4 where
/// an IPv6 listener says it as IPv4-mapped IPv6, so nobody else needs to know of mapped addresses.
///
/// # Errors
/// - [`WouldBlock`](ErrorKind::WouldBlock): nobody is waiting (the listeners of this crate are
///   non-blocking);
/// - one that [is about one connection](is_about_one): it is gone, go on with the next;
/// - file descriptors have run out: the listener stays readable, so pause before the next call.
pub fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, from) = listener.accept()?;
    stream.set_nonblocking(true)?;
    try_stream_options(&stream);
    Ok((stream, unmapped(from)))
}

/// Whether an error of accepting is one connection's, so that the next may be fine.
pub fn is_about_one(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::Interrupted
            | ErrorKind::TimedOut
    )
}

/// Whether a connection that was [started](crate::SharedPort::connect) stands: to be asked when its
/// socket has become writable, or sooner. `false` means not yet, wait until it is writable again.
///
/// Takes any type that lends its socket, so that a runtime's own streams can be asked too.
///
/// # Errors
/// Why the connection failed, [`ConnectionRefused`](ErrorKind::ConnectionRefused) for instance. The
/// system reports this once only: after an error, drop the stream and don't ask again.
pub fn connect_finished<'a, S>(stream: &'a S) -> io::Result<bool>
where
    SockRef<'a>: From<&'a S>,
{
    let socket = SockRef::from(stream);
    if !has_ended_handshake(&socket)? {
        return Ok(false);
    }
    // The address is asked first: where an ICMP error has come for the SYN, Linux tells of it as the socket's error even
    // though the peer's SYN has met it, and the connection stands.
    match socket.peer_addr() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotConnected || errno::is_in_progress(&error) => {
            socket.take_error()?.map_or(Ok(false), Err)
        }
        Err(error) => Err(socket.take_error()?.unwrap_or(error)),
    }
}

/// Whether a socket is past its handshake, for better or worse. Pollers may report one before. To ask such a socket for
/// its error is dangerous: an ICMP error is shown whose SYN is out all the same, to be answered or sent again.
#[cfg(unix)]
fn has_ended_handshake(socket: &socket2::Socket) -> io::Result<bool> {
    Ok(!readiness(socket)?.is_empty())
}

#[cfg(not(unix))]
fn has_ended_handshake(_: &socket2::Socket) -> io::Result<bool> {
    Ok(true)
}

/// Has a SYN stay out for which an ICMP error was back before connect(2) was, as within one machine.
///
/// By such an error Linux ends a dial only if no system call is using the socket at the time. Here one is: the SYN stays
/// out, to be met by the peer's or sent again; but the error is in the socket's queue, of which every poller tells.
///
/// # Errors
/// Why the dial has ended by now, if it has.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn keep_out(stream: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(stream);
    if readiness(&socket)? != PollFlags::POLLERR {
        return Ok(());
    }
    log::debug!("an ICMP error was back at once; the SYN stays out");
    if let Err(error) = socket.recv_with_flags(&mut [], MSG_ERRQUEUE) {
        log::debug!("its error stays in the queue: {error}");
    }
    // What has ended it meanwhile may be gone along with the queue, and nobody would tell of it again.
    if readiness(&socket)?.contains(PollFlags::POLLHUP) {
        return Err(socket.take_error()?.unwrap_or_else(|| ErrorKind::HostUnreachable.into()));
    }
    Ok(())
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn keep_out(_: &TcpStream) -> io::Result<()> {
    Ok(())
}

/// What a poller would say at this instant to who waits for a connection.
#[cfg(unix)]
fn readiness(socket: &socket2::Socket) -> io::Result<PollFlags> {
    let mut sockets = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
    poll(&mut sockets, PollTimeout::ZERO)?;
    Ok(sockets[0].revents().unwrap_or(PollFlags::POLLERR))
}

/// Reads what has come by now, past what a runtime remembers of the socket's readiness: that may be older
/// than the bytes. The stream must be non-blocking.
///
/// # Errors
/// [`WouldBlock`](ErrorKind::WouldBlock) if nothing has come; else the system's.
pub fn read_now<'a, S>(stream: &'a S, buf: &mut [u8]) -> io::Result<usize>
where
    SockRef<'a>: From<&'a S>,
{
    (&*SockRef::from(stream)).read(buf)
}

/// Sets what every stream of rdv has: TCP_NODELAY, and keepalive with its first probe after 30 s,
/// one every 10 s from then on, and the end after 3 without an answer. Where a system has no such
/// intervals, its own apply.
///
/// So a peer that has vanished without a word is noticed after a minute, and a NAT's mapping for an
/// idle connection stays.
///
/// # Errors
/// The system's. macOS reports [`InvalidInput`](ErrorKind::InvalidInput) for a stream that the peer
/// has reset already.
pub fn set_stream_options<'a, S>(stream: &'a S) -> io::Result<()>
where
    SockRef<'a>: From<&'a S>,
{
    let socket = SockRef::from(stream);
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&KEEPALIVE)
}

/// Sets on a listener what all of its streams are to have, where they come with it. Whether they do: if not,
/// [they have to be told](try_stream_options) one by one, at five system calls each.
pub fn set_options_of_accepted<'a, S>(listener: &'a S) -> bool
where
    SockRef<'a>: From<&'a S>,
{
    cfg!(any(target_os = "linux", target_os = "android")) && set_stream_options(listener).is_ok()
}

/// Closes a stream with a reset (RST) instead of an orderly end (FIN), so that what the peer has
/// got so far does not look complete to it. What was written and is not acknowledged yet may be
/// lost.
///
/// The reset goes out with the last handle: clones of the stream keep it open.
pub fn reset(stream: TcpStream) {
    if let Err(error) = reset_on_drop(&stream) {
        log::debug!("closing without a reset: {error}");
    }
}

/// Has a stream closed with a [reset](reset) however it comes to be dropped: SO_LINGER of 0 s.
///
/// # Errors
/// The system's.
pub fn reset_on_drop<'a, S>(stream: &'a S) -> io::Result<()>
where
    SockRef<'a>: From<&'a S>,
{
    SockRef::from(stream).set_linger(Some(Duration::ZERO))
}

/// [Sets the options](set_stream_options) as far as possible: a stream without them is better than none, and
/// one that has failed by now reports that when it is read. For those whose runtime accepts connections itself.
pub fn try_stream_options<'a, S>(stream: &'a S)
where
    SockRef<'a>: From<&'a S>,
{
    if let Err(error) = set_stream_options(stream) {
        log::debug!("stream options not set: {error}");
    }
}

const KEEPALIVE: TcpKeepalive = keepalive();
/// As in Linux's `socket.h`: what is received is the socket's error queue.
#[cfg(any(target_os = "linux", target_os = "android"))]
const MSG_ERRQUEUE: i32 = 0x2000;

const fn keepalive() -> TcpKeepalive {
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(30));
    #[cfg(any(
        target_os = "android",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "illumos",
        target_os = "ios",
        target_os = "linux",
        target_os = "macos",
        target_os = "netbsd",
        target_os = "windows",
    ))]
    let keepalive = keepalive.with_interval(Duration::from_secs(10)).with_retries(3);
    keepalive
}

#[cfg(test)]
mod tests;
