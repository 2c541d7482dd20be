//! A stream: plain, TLS between client and server, or what an HTTP stack has in their place.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

#[cfg(feature = "http")]
use crate::http::HttpStream;
#[cfg(feature = "tls")]
use crate::tls::TlsStream;

/// Plain, or TLS whose handshake is part of connecting. An HTTP stack's becomes one of them where it can.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream>),
    #[cfg(feature = "http")]
    Http(Box<HttpStream>),
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
            #[cfg(feature = "http")]
            Stream::Http(_) => Poll::Ready(Ok(())),
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
            #[cfg(feature = "http")]
            Stream::Http(_) => Poll::Pending,
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
            #[cfg(feature = "http")]
            Stream::Http(http) => http.unwrapped().ok_or(ErrorKind::NotConnected)?.tcp(),
        }
    }

    /// An HTTP stack's connection becomes what is underneath it, as soon as that is ours.
    #[cfg(feature = "http")]
    fn poll_unwrap(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Stream::Http(http) = self {
            ready!(http.poll_upgraded(cx))?;
            if let Some(stream) = http.take_unwrapped() {
                *self = stream;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        #[cfg(feature = "http")]
        ready!(this.poll_unwrap(cx))?;
        match this {
            Stream::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            #[cfg(feature = "tls")]
            Stream::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
            #[cfg(feature = "http")]
            Stream::Http(http) => Pin::new(http).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write(cx, data),
            #[cfg(feature = "tls")]
            Stream::Tls(tls) => Pin::new(tls).poll_write(cx, data),
            #[cfg(feature = "http")]
            Stream::Http(http) => Pin::new(http).poll_write(cx, data),
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
            #[cfg(feature = "http")]
            Stream::Http(http) => Pin::new(http).poll_write_vectored(cx, data),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        #[cfg(feature = "http")]
        ready!(this.poll_unwrap(cx))?;
        match this {
            Stream::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            #[cfg(feature = "tls")]
            Stream::Tls(tls) => Pin::new(tls).poll_flush(cx),
            #[cfg(feature = "http")]
            Stream::Http(http) => Pin::new(http).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            #[cfg(feature = "tls")]
            Stream::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
            #[cfg(feature = "http")]
            Stream::Http(http) => Pin::new(http).poll_shutdown(cx),
        }
    }
}
