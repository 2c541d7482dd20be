//! TLS to the server: the configuration that most programs want.

use std::fmt;
use std::io::{self, ErrorKind, IoSlice};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::{Connect, TlsConnector, client};

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

/// A stream to the server, from before its handshake on.
pub(crate) enum TlsStream {
    Handshaking(Connect<TcpStream>),
    Open(client::TlsStream<TcpStream>),
}

impl TlsStream {
    pub(crate) fn new(tcp: TcpStream, config: Arc<ClientConfig>, server: ServerName<'static>) -> Self {
        TlsStream::Handshaking(TlsConnector::from(config).connect(server, tcp))
    }

    /// To be called once the socket is connected.
    pub(crate) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let TlsStream::Handshaking(connect) = self {
            *self = TlsStream::Open(ready!(Pin::new(connect).poll(cx))?);
        }
        Poll::Ready(Ok(()))
    }

    pub(crate) fn tcp(&self) -> io::Result<&TcpStream> {
        match self {
            // There is none after a handshake that has failed.
            TlsStream::Handshaking(connect) => {
                connect.get_ref().ok_or_else(|| ErrorKind::NotConnected.into())
            }
            TlsStream::Open(tls) => Ok(tls.get_ref().0),
        }
    }

    fn open(&mut self) -> io::Result<Pin<&mut client::TlsStream<TcpStream>>> {
        match self {
            TlsStream::Handshaking(_) => Err(ErrorKind::NotConnected.into()),
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
