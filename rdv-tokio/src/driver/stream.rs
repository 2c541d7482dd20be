//! A stream: plain, or TLS between client and server.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

#[cfg(feature = "tls")]
use crate::tls::TlsStream;

/// Plain, or TLS whose handshake is part of connecting.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream>),
}

impl Stream {
    /// Whether the connection stands; for TLS, whether its handshake is done too.
    pub(super) fn poll_connect(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let tcp = self.tcp()?;
        while !rdv_socket::connect_finished(tcp)? {
            ready!(tcp.poll_write_ready(cx))?;
            if !rdv_socket::connect_finished(tcp)? {
                // Not yet, whatever the poller says: wait for it to say so again.
                let _ = tcp.try_io(Interest::WRITABLE, || Err::<(), _>(ErrorKind::WouldBlock.into()));
            }
        }
        match self {
            Stream::Plain(_) => Poll::Ready(Ok(())),
            #[cfg(feature = "tls")]
            Stream::Tls(tls) => tls.poll_handshake(cx),
        }
    }

    /// Reads what the system has by now, even if the runtime has not looked yet.
    pub(super) fn read_now(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut read = ReadBuf::new(buf);
        if let Poll::Ready(result) = Pin::new(&mut *self).poll_read(cx, &mut read) {
            return Poll::Ready(result.map(|()| read.filled().len()));
        }
        match self {
            Stream::Plain(tcp) => match rdv_socket::read_now(tcp, buf) {
                Err(err) if err.kind() == ErrorKind::WouldBlock => Poll::Pending,
                result => Poll::Ready(result),
            },
            #[cfg(feature = "tls")]
            Stream::Tls(_) => Poll::Pending,
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
        rdv_socket::reset_on_drop(self.tcp()?)
    }

    /// The socket underneath. An error if there is none left, as after a failed TLS handshake.
    fn tcp(&self) -> io::Result<&TcpStream> {
        match self {
            Stream::Plain(tcp) => Ok(tcp),
            #[cfg(feature = "tls")]
            Stream::Tls(tls) => tls.tcp(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
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

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            #[cfg(feature = "tls")]
            Stream::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            #[cfg(feature = "tls")]
            Stream::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
