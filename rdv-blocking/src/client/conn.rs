//! The connection to the peer, as the application gets it.

mod tls;

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use rdv_core::{Meta, Report, Route, Selected};

use self::tls::TlsStream;
use crate::driver::Stream;

/// A blocking connection to the peer, direct or relayed.
///
/// Read and write through `&Conn` from two threads to use both directions at once, over TLS as well. Secure it
/// before you trust it: rdv vouches for nobody, and neither TLS to the server nor the token protects a direct
/// connection.
#[derive(Debug)]
pub struct Conn {
    io: Io,
    route: Route,
    peer_addr: SocketAddr,
    meta: Meta,
    report: Report,
}

#[derive(Debug)]
enum Io {
    Plain(TcpStream),
    /// A relayed connection through an https server.
    Tls(Box<TlsStream>),
}

impl Conn {
    pub(super) fn new(selected: Selected, stream: Stream) -> io::Result<Self> {
        let io = match stream {
            Stream::Plain(tcp) => Io::Plain(tcp.into()),
            Stream::Tls(tls) => Io::Tls(Box::new(TlsStream::new(tls.session, tls.tcp.into()))),
        };
        let conn = Self {
            io,
            route: selected.route,
            peer_addr: selected.remote,
            meta: selected.meta,
            report: selected.report,
        };
        conn.tcp().set_nonblocking(false)?;
        Ok(conn)
    }

    /// Whether the bytes go through the server.
    pub fn is_relay(&self) -> bool {
        self.route == Route::Relay
    }

    /// The remote address of the connection: the peer's, or the server's if it is relayed.
    pub fn peer_addr(&self) -> SocketAddr {
        self.peer_addr
    }

    /// What was said in the handshake, the observed address for one.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// How the attempt went: each step, and each candidate's fate.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The plain stream, which stands at the peer's first byte. Over TLS there is none, and `self` comes back.
    ///
    /// # Errors
    /// `self`, boxed, if it is relayed by an https server.
    pub fn into_tcp(self) -> Result<TcpStream, Box<Conn>> {
        match self.io {
            Io::Plain(tcp) => Ok(tcp),
            Io::Tls(_) => Err(Box::new(self)),
        }
    }

    /// Ends one direction or both. `Write` sends an end of stream (over TLS a close_notify before it), after
    /// which the peer's bytes can still be read.
    ///
    /// # Errors
    /// The system's, if the connection is gone already.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match &self.io {
            Io::Plain(tcp) => tcp.shutdown(how),
            Io::Tls(tls) => tls.shutdown(how),
        }
    }

    /// Has the connection closed with an RST once it is dropped, so that a stream cut short does not look
    /// complete to the peer. A read under way on another thread returns, as at an end of stream; a write goes on
    /// until the peer takes it.
    ///
    /// # Errors
    /// The system's, if the connection is gone already.
    pub fn reset(&self) -> io::Result<()> {
        rdv_socket::reset_on_drop(self.tcp())?;
        // The other direction as well would send an orderly end.
        self.tcp().shutdown(Shutdown::Read)
    }

    fn tcp(&self) -> &TcpStream {
        match &self.io {
            Io::Plain(tcp) => tcp,
            Io::Tls(tls) => tls.tcp(),
        }
    }
}

impl Read for &Conn {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match &self.io {
            Io::Plain(tcp) => (&mut &*tcp).read(buf),
            Io::Tls(tls) => tls.read(buf),
        }
    }
}

impl Write for &Conn {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match &self.io {
            Io::Plain(tcp) => (&mut &*tcp).write(data),
            Io::Tls(tls) => tls.write(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Conn {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&mut &*self).read(buf)
    }
}

impl Write for Conn {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        (&mut &*self).write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&mut &*self).flush()
    }
}
