//! TLS to the server: the configuration that most programs want.

use std::fmt;
use std::io::{self, ErrorKind, IoSlice};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_io::Async;
use futures_lite::io::{AsyncRead, AsyncWrite};
use futures_rustls::{Connect, TlsConnector, client};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

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
pub(crate) struct TlsStream {
    state: State,
    /// The socket underneath, which futures-rustls does not lend before the end of the handshake.
    tcp: Tcp,
}

enum State {
    Handshaking(Connect<Tcp>),
    Open(client::TlsStream<Tcp>),
}

impl TlsStream {
    pub(crate) fn new(tcp: Async<TcpStream>, config: Arc<ClientConfig>, server: ServerName<'static>) -> Self {
        let tcp = Tcp(Arc::new(tcp));
        Self { state: State::Handshaking(TlsConnector::from(config).connect(server, tcp.clone())), tcp }
    }

    /// To be called once the socket is connected.
    pub(crate) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let State::Handshaking(connect) = &mut self.state {
            self.state = State::Open(ready!(Pin::new(connect).poll(cx))?);
        }
        Poll::Ready(Ok(()))
    }

    pub(crate) fn tcp(&self) -> &Async<TcpStream> {
        &self.tcp.0
    }

    fn open(&mut self) -> io::Result<Pin<&mut client::TlsStream<Tcp>>> {
        match &mut self.state {
            State::Handshaking(_) => Err(ErrorKind::NotConnected.into()),
            State::Open(tls) => Ok(Pin::new(tls)),
        }
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
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
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.open()?.poll_close(cx)
    }
}

impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TlsStream").field(self.tcp()).finish()
    }
}

/// What is below TLS: a socket whose close is a FIN, where async-io's own only flushes.
#[derive(Clone)]
struct Tcp(Arc<Async<TcpStream>>);

impl AsyncRead for Tcp {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self.0).poll_write(cx, data)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self.0).poll_write_vectored(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self.0).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.get_ref().shutdown(Shutdown::Write))
    }
}
