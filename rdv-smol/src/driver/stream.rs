//! A stream: plain, or TLS to the server.

use std::io::{self, IoSlice};
use std::net::{Shutdown, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_io::Async;
use futures_lite::io::{AsyncRead, AsyncWrite};

#[cfg(feature = "tls")]
use crate::tls::TlsStream;

/// Plain, or TLS whose handshake is part of connecting.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(Async<TcpStream>),
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream>),
}

impl Stream {
    /// Whether the connection stands; for TLS, whether its handshake is done too.
    pub(super) fn poll_connect(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !rdv_socket::connect_finished(self.tcp().get_ref())? {
            ready!(self.tcp().poll_writable(cx))?;
        }
        match self {
            Stream::Plain(_) => Poll::Ready(Ok(())),
            #[cfg(feature = "tls")]
            Stream::Tls(tls) => tls.poll_handshake(cx),
        }
    }

    /// Closes with an RST.
    pub(crate) fn reset(self) {
        if let Err(err) = self.reset_on_drop() {
            log::debug!("closing without a reset: {err}");
        }
    }

    /// Has it closed with an RST once it is dropped.
    pub(crate) fn reset_on_drop(&self) -> io::Result<()> {
        rdv_socket::reset_on_drop(self.tcp().get_ref())
    }

    /// The socket underneath.
    fn tcp(&self) -> &Async<TcpStream> {
        match self {
            Stream::Plain(tcp) => tcp,
            #[cfg(feature = "tls")]
            Stream::Tls(tls) => tls.tcp(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            #[cfg(feature = "tls")]
            Stream::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write(cx, data),
            #[cfg(feature = "tls")]
            Stream::Tls(tls) => Pin::new(tls).poll_write(cx, data),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, data),
            #[cfg(feature = "tls")]
            Stream::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, data),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            #[cfg(feature = "tls")]
            Stream::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => {
                // Which only flushes.
                ready!(Pin::new(&mut *tcp).poll_close(cx))?;
                Poll::Ready(tcp.get_ref().shutdown(Shutdown::Write))
            }
            #[cfg(feature = "tls")]
            Stream::Tls(tls) => Pin::new(tls).poll_close(cx),
        }
    }
}
