//! TLS between client and server: the configurations that most programs want.

use std::fmt;
use std::io::{self, ErrorKind, IoSlice};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::{Accept, Connect, TlsAcceptor, TlsConnector};

use crate::Error;

/// Trusts the platform's certificate authorities, and those of a PEM file beside them.
///
/// It speaks ALPN `http/1.1` alone, as rdv/1 needs. So should a configuration of your own. The authorities are
/// read from files, which blocks for some milliseconds: keep the configuration for more than one attempt.
///
/// # Errors
/// [`Error::Tls`] if the file can't be read or has no certificate, or if there is no authority at all.
pub fn client_config(extra_ca_pem: Option<&Path>) -> Result<Arc<ClientConfig>, Error> {
    rdv_socket::tls::client_config(extra_ca_pem).map_err(|err| Error::Tls(err.to_string()))
}

/// A server's certificate with its chain, and its private key, each from a PEM file.
///
/// # Errors
/// [`Error::Tls`] if a file can't be read or has nothing of the kind, or if the two don't belong together.
pub fn server_config(cert_pem: &Path, key_pem: &Path) -> Result<Arc<ServerConfig>, Error> {
    rdv_socket::tls::server_config(cert_pem, key_pem).map_err(|err| Error::Tls(err.to_string()))
}

/// A stream between client and server, from before its handshake on.
pub(crate) enum TlsStream {
    Connecting(Connect<TcpStream>),
    Accepting(Accept<TcpStream>),
    Open(tokio_rustls::TlsStream<TcpStream>),
}

impl TlsStream {
    /// To a server.
    pub(crate) fn new(tcp: TcpStream, config: Arc<ClientConfig>, server: ServerName<'static>) -> Self {
        TlsStream::Connecting(TlsConnector::from(config).connect(server, tcp))
    }

    /// From a client, of which the first bytes have been read already.
    pub(crate) fn accepted(tcp: TcpStream, config: Arc<ServerConfig>, mut early: &[u8]) -> Self {
        let accept = TlsAcceptor::from(config).accept_with(tcp, |session| {
            // From memory, a few of them: there is no error to be had.
            while !early.is_empty() && session.read_tls(&mut early).is_ok() {}
        });
        TlsStream::Accepting(accept)
    }

    /// From a client, by an HTTP stack that has shaken hands already.
    #[cfg(feature = "http")]
    pub(crate) fn open_already(tls: impl Into<tokio_rustls::TlsStream<TcpStream>>) -> Self {
        TlsStream::Open(tls.into())
    }

    /// To be called once the socket is connected.
    pub(crate) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let open = match self {
            TlsStream::Connecting(connect) => ready!(Pin::new(connect).poll(cx))?.into(),
            TlsStream::Accepting(accept) => ready!(Pin::new(accept).poll(cx))?.into(),
            TlsStream::Open(_) => return Poll::Ready(Ok(())),
        };
        *self = TlsStream::Open(open);
        Poll::Ready(Ok(()))
    }

    pub(crate) fn tcp(&self) -> io::Result<&TcpStream> {
        // There is none after a handshake that has failed.
        let tcp = match self {
            TlsStream::Connecting(connect) => connect.get_ref(),
            TlsStream::Accepting(accept) => accept.get_ref(),
            TlsStream::Open(tls) => Some(tls.get_ref().0),
        };
        tcp.ok_or_else(|| ErrorKind::NotConnected.into())
    }

    fn open(&mut self) -> io::Result<Pin<&mut tokio_rustls::TlsStream<TcpStream>>> {
        match self {
            TlsStream::Connecting(_) | TlsStream::Accepting(_) => Err(ErrorKind::NotConnected.into()),
            TlsStream::Open(tls) => Ok(Pin::new(tls)),
        }
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.open()?.poll_read(cx, buf)
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.open()?.poll_write(cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.open()?.poll_write_vectored(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.open()?.poll_flush(cx)
    }

    /// A close_notify, then a FIN.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.open()?.poll_shutdown(cx)
    }
}

impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TlsStream").field(&self.tcp()).finish()
    }
}
