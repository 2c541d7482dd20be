//! Telling systemd how far the server is: sd_notify(3), by a datagram to `NOTIFY_SOCKET`.

/// Whether somebody looks after this process who wants to be told.
pub(super) fn is_supervised() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

/// It serves.
pub(super) fn ready() {
    tell("READY=1\nSTATUS=Serving");
}

/// It has been asked to end.
pub(super) fn stopping() {
    tell("STOPPING=1\nSTATUS=Draining");
}

#[cfg(unix)]
fn tell(state: &str) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    if let Err(error) = unix::send(&socket, state) {
        log::warn!(target: "server", "cannot tell systemd by NOTIFY_SOCKET: {error}");
    }
}

#[cfg(not(unix))]
fn tell(_: &str) {}

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::io;
    use std::os::unix::net::UnixDatagram;

    pub(super) fn send(to: &OsStr, state: &str) -> io::Result<()> {
        let socket = UnixDatagram::unbound()?;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            use std::os::unix::ffi::OsStrExt;
            use std::os::unix::net::SocketAddr;

            #[cfg(target_os = "android")]
            use std::os::android::net::SocketAddrExt;
            #[cfg(target_os = "linux")]
            use std::os::linux::net::SocketAddrExt;

            // A name without a file.
            if let Some(name) = to.as_bytes().strip_prefix(b"@") {
                let addr = SocketAddr::from_abstract_name(name)?;
                return socket.send_to_addr(state.as_bytes(), &addr).map(drop);
            }
        }
        socket.send_to(state.as_bytes(), to).map(drop)
    }
}
