//! A non-blocking stream: plain, or TLS to the server.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

use mio::event::Source;
use mio::net::TcpStream;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

/// Plain, or TLS whose handshake is part of connecting.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    pub(crate) fn plain(tcp: std::net::TcpStream) -> Self {
        Stream::Plain(TcpStream::from_std(tcp))
    }

    pub(crate) fn tls(
        tcp: std::net::TcpStream,
        config: Arc<ClientConfig>,
        server: ServerName<'static>,
    ) -> io::Result<Self> {
        let session = ClientConnection::new(config, server).map_err(io::Error::other)?;
        Ok(Stream::Tls(Box::new(StreamOwned::new(session, TcpStream::from_std(tcp)))))
    }

    /// Whether the connection stands; for TLS, whether its handshake is done too.
    pub(super) fn connect_finished(&mut self) -> io::Result<bool> {
        if !rdv_socket::connect_finished(self.tcp())? {
            return Ok(false);
        }
        let Stream::Tls(tls) = self else {
            return Ok(true);
        };
        while tls.conn.is_handshaking() {
            match tls.conn.complete_io(&mut tls.sock) {
                Ok(_) => {}
                Err(err) if err.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(err) => return Err(err),
            }
        }
        Ok(true)
    }

    pub(crate) fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(tcp) => tcp.read(buf),
            Stream::Tls(tls) => tls.read(buf),
        }
    }

    pub(crate) fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(tcp) => tcp.write(data),
            Stream::Tls(tls) => tls.write(data),
        }
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(_) => Ok(()),
            Stream::Tls(tls) => tls.flush(),
        }
    }

    pub(crate) fn shutdown_write(&mut self) -> io::Result<()> {
        if let Stream::Tls(tls) = self {
            tls.conn.send_close_notify();
            tls.flush()?;
        }
        self.tcp().shutdown(Shutdown::Write)
    }

    /// Closes with an RST.
    pub(crate) fn reset(self) {
        let tcp = match self {
            Stream::Plain(tcp) => tcp,
            Stream::Tls(tls) => tls.into_parts().1,
        };
        rdv_socket::reset(tcp.into());
    }

    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.tcp().take_error()
    }

    pub(super) fn source(&mut self) -> &mut impl Source {
        match self {
            Stream::Plain(tcp) => tcp,
            Stream::Tls(tls) => &mut tls.sock,
        }
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Stream::Plain(tcp) => tcp,
            Stream::Tls(tls) => &tls.sock,
        }
    }
}
