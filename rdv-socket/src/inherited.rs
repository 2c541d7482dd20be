//! Sockets that listen already when the process begins: systemd's socket activation, sd_listen_fds(3).

use std::io;
use std::net::TcpListener;

/// A listener that the process was given.
#[derive(Debug)]
pub struct Inherited {
    /// What the giver calls it: a unit's `FileDescriptorName=`, or else the unit's name. Perhaps nothing.
    pub name: String,
    /// The socket: non-blocking and close-on-exec. Others may have it too, and go on listening when it is closed here.
    pub listener: TcpListener,
}

/// The listeners that the process was given by `LISTEN_FDS`, if `LISTEN_PID` says that they are its own; at the first
/// call, and nothing from then on. Elsewhere than on Unix there are none.
///
/// # Errors
/// For a variable that makes no sense, and for a descriptor that is no listening TCP socket.
pub fn inherited() -> io::Result<Vec<Inherited>> {
    #[cfg(unix)]
    return unix::inherited();
    #[cfg(not(unix))]
    Ok(Vec::new())
}

#[cfg(unix)]
mod unix {
    use std::env;
    use std::io;
    use std::os::fd::{FromRawFd, OwnedFd, RawFd};
    use std::sync::atomic::{AtomicBool, Ordering};

    use nix::libc;
    use socket2::{Socket, Type};

    use super::Inherited;

    pub(super) fn inherited() -> io::Result<Vec<Inherited>> {
        let variable = |name| env::var(name).ok();
        if variable("LISTEN_PID").and_then(|pid| pid.parse().ok()) != Some(std::process::id()) {
            return Ok(Vec::new());
        }
        let Some(count) = variable("LISTEN_FDS") else {
            return Ok(Vec::new());
        };
        let count = count.parse::<RawFd>().ok().filter(|count| (0..=MAX).contains(count));
        let count = count.ok_or_else(|| invalid(format!("LISTEN_FDS is to be a number up to {MAX}")))?;
        if TAKEN.swap(true, Ordering::SeqCst) {
            return Ok(Vec::new());
        }
        let names = variable("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        (FIRST..FIRST + count).map(|fd| take(fd, names.next().unwrap_or_default())).collect()
    }

    fn take(fd: RawFd, name: &str) -> io::Result<Inherited> {
        let whose = |error: io::Error| {
            io::Error::new(error.kind(), format!("descriptor {fd}, given as a socket that listens: {error}"))
        };
        let socket = Socket::from(own(fd).map_err(whose)?);
        let is_tcp = socket.r#type()? == Type::STREAM && socket.local_addr()?.as_socket().is_some();
        if !is_tcp || !socket.is_listener()? {
            return Err(whose(invalid("it is no TCP socket that listens".to_owned())));
        }
        socket.set_nonblocking(true)?;
        socket.set_cloexec(true)?;
        Ok(Inherited { name: name.to_owned(), listener: socket.into() })
    }

    #[allow(unsafe_code)]
    fn own(fd: RawFd) -> io::Result<OwnedFd> {
        // SAFETY: F_GETFD takes any number, and only looks.
        if unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: it is open, as just seen. LISTEN_PID says that it was opened for this process by whoever started it,
        // so nothing in here has it, and `TAKEN` sees to it that it is taken once.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    fn invalid(what: String) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidInput, what)
    }

    static TAKEN: AtomicBool = AtomicBool::new(false);
    /// Behind stdin, stdout and stderr.
    const FIRST: RawFd = 3;
    const MAX: RawFd = 64;
}
