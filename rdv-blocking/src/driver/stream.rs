//! A non-blocking stream: plain, or TLS between client and server.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

use mio::event::Source;
use mio::net::TcpStream;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};

use super::tls::Tls;

/// Plain, or TLS whose handshake is part of connecting.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<Tls>),
}

impl Stream {
    pub(crate) fn plain(tcp: std::net::TcpStream) -> Self {
        Stream::Plain(TcpStream::from_std(tcp))
    }

    /// TLS to a server.
    pub(crate) fn tls(
        tcp: std::net::TcpStream,
        config: Arc<ClientConfig>,
        server: ServerName<'static>,
    ) -> io::Result<Self> {
        Self::plain(tcp).secured(config, server)
    }

    /// TLS to a server, on a connection that stands.
    pub(crate) fn secured(self, config: Arc<ClientConfig>, server: ServerName<'static>) -> io::Result<Self> {
        match self {
            Stream::Plain(tcp) => {
                let session = ClientConnection::new(config, server).map_err(io::Error::other)?.into();
                Ok(Stream::Tls(Box::new(Tls { session, tcp })))
            }
            Stream::Tls(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// TLS from a client, of which the first bytes have been read already.
    pub(crate) fn secured_for(self, config: Arc<ServerConfig>, mut early: &[u8]) -> io::Result<Self> {
        match self {
            Stream::Plain(tcp) => {
                let mut session = ServerConnection::new(config).map_err(io::Error::other)?;
                while !early.is_empty() {
                    session.read_tls(&mut early)?;
                }
                Ok(Stream::Tls(Box::new(Tls { session: session.into(), tcp })))
            }
            Stream::Tls(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Whether the connection stands; for TLS, whether its handshake is done too.
    pub(super) fn connect_finished(&mut self) -> io::Result<bool> {
        if !rdv_socket::connect_finished(self.tcp())? {
            return Ok(false);
        }
        match self {
            Stream::Plain(_) => Ok(true),
            Stream::Tls(tls) => tls.handshake(),
        }
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
            tls.close_notify()?;
        }
        self.tcp().shutdown(Shutdown::Write)
    }

    /// Closes with an RST.
    pub(crate) fn reset(self) {
        let tcp = match self {
            Stream::Plain(tcp) => tcp,
            Stream::Tls(tls) => tls.tcp,
        };
        rdv_socket::reset(tcp.into());
    }

    pub(super) fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.tcp().take_error()
    }

    pub(super) fn source(&mut self) -> &mut impl Source {
        match self {
            Stream::Plain(tcp) => tcp,
            Stream::Tls(tls) => &mut tls.tcp,
        }
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Stream::Plain(tcp) => tcp,
            Stream::Tls(tls) => &tls.tcp,
        }
    }
}
