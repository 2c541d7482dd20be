//! The connection to the peer, as the application gets it.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use rdv_core::{Meta, Report, Route, Selected};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::driver::Stream;

/// A connection to the peer, direct or relayed.
///
/// `tokio::io::split` makes two of it, to use both directions at once. `shutdown` ends the stream to the peer,
/// whose own bytes can still be read. Flush what must not wait, since TLS keeps bytes back otherwise.
///
/// Secure it before you trust it: rdv vouches for nobody, and neither TLS to the server nor the token protects a
/// direct connection.
#[derive(Debug)]
pub struct Conn {
    stream: Stream,
    route: Route,
    peer_addr: SocketAddr,
    meta: Meta,
    report: Report,
}

impl Conn {
    pub(super) fn new(selected: Selected, stream: Stream) -> Self {
        Self {
            stream,
            route: selected.route,
            peer_addr: selected.remote,
            meta: selected.meta,
            report: selected.report,
        }
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
        match self.stream {
            Stream::Plain(tcp) => Ok(tcp),
            #[cfg(feature = "tls")]
            Stream::Tls(_) => Err(Box::new(self)),
            #[cfg(feature = "http")]
            Stream::Http(_) => Err(Box::new(self)),
        }
    }

    /// Has the connection closed with an RST once it is dropped, so that a stream cut short does not look
    /// complete to the peer.
    ///
    /// # Errors
    /// The system's, if the connection is gone already.
    pub fn reset(&self) -> io::Result<()> {
        self.stream.reset_on_drop()
    }
}

impl AsyncRead for Conn {
    /// Over TLS, an end of stream without a close_notify is an error
    /// ([`UnexpectedEof`](io::ErrorKind::UnexpectedEof)): somebody may have cut it short.
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Conn {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
