//! What the tests of this crate share.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::{SharedPort, accept, connect_finished};

/// The loopback addresses that this machine has. Says so when a test has to do without IPv6.
pub(crate) fn loopbacks() -> Vec<IpAddr> {
    let all: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let (have, lack): (Vec<_>, Vec<_>) = all.into_iter().partition(|&ip| TcpListener::bind((ip, 0)).is_ok());
    for ip in lack {
        eprintln!("skipped for {ip}: this machine does not have that address");
    }
    have
}

/// Whether IPv6 sockets can be made, with or without an IPv6 address on this machine.
pub(crate) fn have_ipv6() -> bool {
    let have = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).is_ok();
    if !have {
        eprintln!("skipped for IPv6: this machine does not have it");
    }
    have
}

/// Asks until the answer is there. Gives up after 10 s, which no condition on loopback takes.
pub(crate) fn wait_for<T>(what: &str, mut ask: impl FnMut() -> io::Result<Option<T>>) -> T {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match ask() {
            Ok(Some(answer)) => return answer,
            Ok(None) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("{what}: {error}"),
        }
        assert!(Instant::now() < deadline, "still waiting: {what}");
        thread::yield_now();
    }
}

pub(crate) fn wait_for_accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    wait_for("accept", || accept(listener).map(Some))
}

/// The outcome of a connect that was started.
pub(crate) fn wait_for_connect(stream: &TcpStream) -> io::Result<()> {
    wait_for("connect", || match connect_finished(stream) {
        Ok(finished) => Ok(finished.then_some(Ok(()))),
        Err(error) => Ok(Some(Err(error))),
    })
}

/// The listener of `port` that belongs to the family of `ip`.
pub(crate) fn listener_for(port: &SharedPort, ip: IpAddr) -> &TcpListener {
    let of_family = |l: &&TcpListener| l.local_addr().unwrap().is_ipv4() == ip.is_ipv4();
    port.listeners().find(of_family).expect("a listener of this family")
}

/// An ordinary connection on loopback, both ends non-blocking.
pub(crate) fn stream_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    ours.set_nonblocking(true).unwrap();
    let (theirs, _) = accept(&listener).unwrap();
    (ours, theirs)
}

/// An address that refuses connections for as long as the socket lives: its port is taken, but
/// nobody listens there.
pub(crate) fn refusing(ip: IpAddr) -> (Socket, SocketAddr) {
    let addr = SocketAddr::new(ip, 0);
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None).unwrap();
    socket.bind(&addr.into()).unwrap();
    let addr = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, addr)
}

/// Somebody else's listener, which shares its port with whoever asks. Port 0 is one of the system's
/// choice.
#[cfg(unix)]
pub(crate) fn foreign_shared_listener(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&addr.into())?;
    socket.listen(8)?;
    Ok(socket.into())
}

/// Whether a socket is non-blocking and close-on-exec, as the kernel says it.
#[cfg(target_os = "linux")]
pub(crate) fn is_nonblocking_and_cloexec(socket: &impl std::os::fd::AsRawFd) -> bool {
    const O_NONBLOCK: u32 = 0o4000;
    const O_CLOEXEC: u32 = 0o2000000;
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", socket.as_raw_fd())).unwrap();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).expect("flags");
    let flags = u32::from_str_radix(flags.trim(), 8).unwrap();
    flags & O_NONBLOCK != 0 && flags & O_CLOEXEC != 0
}
