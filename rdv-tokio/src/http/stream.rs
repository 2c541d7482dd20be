//! One request as the lobby sees it: a connection of its own.

use std::fmt;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::upgrade::{OnUpgrade, Parts, Upgraded};
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use rdv_core::Answered;
use rdv_core::http::Response;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::driver::Stream;
use crate::handler::serve;
#[cfg(feature = "tls")]
use crate::tls::TlsStream;

/// A connection that an HTTP stack has: what is read first is the request's head, what is written first is the
/// answer, and if that is an upgrade, whatever follows goes over the upgraded connection.
///
/// Until then there is nothing to be read, and the end comes if the stack gives the request up.
pub(crate) struct HttpStream(State);

enum State {
    /// The head as far as it has not been read, and where the answer goes.
    Asking { head: Bytes, answer: oneshot::Sender<Response<Bytes>>, upgrade: OnUpgrade },
    /// The answer is the stack's to write.
    Upgrading(OnUpgrade),
    /// We know what is underneath. The stack has read `early` from it already.
    Unwrapped { early: Bytes, stream: Box<Stream> },
    /// We don't. Behind a mutex that is never locked, since it is not `Sync`.
    Wrapped(Mutex<TokioIo<Upgraded>>),
    /// Nothing comes and goes any more.
    Over,
}

impl HttpStream {
    pub(super) fn new(head: Bytes, answer: oneshot::Sender<Response<Bytes>>, upgrade: OnUpgrade) -> Self {
        Self(State::Asking { head, answer, upgrade })
    }

    /// Ready unless an upgrade is under way; an error if it has failed. A read and a write under way at once have one
    /// waker; the other of them is to look again.
    pub(crate) fn poll_upgraded(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let State::Upgrading(upgrade) = &mut self.0 {
            let upgraded = ready!(Pin::new(upgrade).poll(cx));
            self.0 = State::Over;
            cx.waker().wake_by_ref();
            self.0 = unwrap(upgraded.map_err(|err| io::Error::new(ErrorKind::ConnectionAborted, err))?);
        }
        Poll::Ready(Ok(()))
    }

    /// What is underneath, if we know.
    pub(crate) fn unwrapped(&self) -> Option<&Stream> {
        match &self.0 {
            State::Unwrapped { stream, .. } => Some(stream),
            State::Asking { .. } | State::Upgrading(_) | State::Wrapped(_) | State::Over => None,
        }
    }

    /// What is underneath, once it may be used directly.
    pub(crate) fn take_unwrapped(&mut self) -> Option<Stream> {
        if !matches!(&self.0, State::Unwrapped { early, .. } if early.is_empty()) {
            return None;
        }
        match std::mem::replace(&mut self.0, State::Over) {
            State::Unwrapped { stream, .. } => Some(*stream),
            State::Asking { .. } | State::Upgrading(_) | State::Wrapped(_) | State::Over => None,
        }
    }

    /// Has the stack answer. The whole answer is in one write, as the machines make it.
    fn answer(&mut self, data: &[u8]) -> io::Result<usize> {
        if let State::Asking { answer, upgrade, .. } = std::mem::replace(&mut self.0, State::Over) {
            let answered = Answered::parse(data).ok_or(ErrorKind::InvalidData)?;
            if answer.send(answered.response).is_err() {
                return Err(ErrorKind::ConnectionAborted.into());
            }
            if answered.switches {
                self.0 = State::Upgrading(upgrade);
            }
        }
        Ok(data.len())
    }
}

/// Takes the stack's wrapping off, as far as it is known.
fn unwrap(upgraded: Upgraded) -> State {
    let upgraded = match raw::<TcpStream>(upgraded) {
        Ok((tcp, early)) => {
            rdv_socket::try_stream_options(&tcp);
            return State::Unwrapped { early, stream: Box::new(Stream::Plain(tcp)) };
        }
        Err(upgraded) => upgraded,
    };
    #[cfg(feature = "tls")]
    let upgraded = match raw::<tokio_rustls::server::TlsStream<TcpStream>>(upgraded) {
        Ok((tls, early)) => {
            rdv_socket::try_stream_options(tls.get_ref().0);
            let stream = Box::new(Stream::Tls(Box::new(TlsStream::open_already(tls))));
            return State::Unwrapped { early, stream };
        }
        Err(upgraded) => upgraded,
    };
    State::Wrapped(Mutex::new(TokioIo::new(upgraded)))
}

/// The connection underneath, if it is a `T`, and what the stack has read from it already.
fn raw<T>(upgraded: Upgraded) -> Result<(T, Bytes), Upgraded>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // hyper's own connection, then hyper-util's, which is axum's too.
    match upgraded.downcast::<TokioIo<T>>() {
        Ok(Parts { io, read_buf, .. }) => Ok((io.into_inner(), read_buf)),
        Err(upgraded) => {
            let auto::upgrade::Parts { io, read_buf, .. } = auto::upgrade::downcast::<TokioIo<T>>(upgraded)?;
            Ok((io.into_inner(), read_buf))
        }
    }
}

impl AsyncRead for HttpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_upgraded(cx))?;
        match &mut self.0 {
            State::Asking { head, answer, .. } => {
                if serve(head, buf) {
                    return Poll::Ready(Ok(()));
                }
                answer.poll_closed(cx).map(|()| Err(ErrorKind::ConnectionAborted.into()))
            }
            State::Unwrapped { early, stream } => {
                if serve(early, buf) {
                    return Poll::Ready(Ok(()));
                }
                Pin::new(stream).poll_read(cx, buf)
            }
            State::Wrapped(io) => Pin::new(ours(io)).poll_read(cx, buf),
            State::Upgrading(_) | State::Over => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for HttpStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_upgraded(cx))?;
        match &mut self.0 {
            State::Asking { .. } => {
                // The read under way, if any, waits for the stack to give the request up.
                cx.waker().wake_by_ref();
                Poll::Ready(self.answer(data))
            }
            State::Unwrapped { stream, .. } => Pin::new(stream).poll_write(cx, data),
            State::Wrapped(io) => Pin::new(ours(io)).poll_write(cx, data),
            State::Upgrading(_) | State::Over => Poll::Ready(Err(ErrorKind::BrokenPipe.into())),
        }
    }

    /// An upgrade is written once it has come about.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_upgraded(cx))?;
        match &mut self.0 {
            State::Unwrapped { stream, .. } => Pin::new(stream).poll_flush(cx),
            State::Wrapped(io) => Pin::new(ours(io)).poll_flush(cx),
            State::Asking { .. } | State::Upgrading(_) | State::Over => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_upgraded(cx))?;
        match &mut self.0 {
            State::Unwrapped { stream, .. } => Pin::new(stream).poll_shutdown(cx),
            State::Wrapped(io) => Pin::new(ours(io)).poll_shutdown(cx),
            // After a refusal, the end of the connection is the stack's matter.
            State::Asking { .. } | State::Upgrading(_) | State::Over => Poll::Ready(Ok(())),
        }
    }
}

fn ours<T>(io: &mut Mutex<T>) -> &mut T {
    io.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl fmt::Debug for HttpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            State::Asking { .. } => "Asking",
            State::Upgrading(_) => "Upgrading",
            State::Unwrapped { stream, .. } => return stream.fmt(f),
            State::Wrapped(_) => "Wrapped",
            State::Over => "Over",
        })
    }
}

#[cfg(test)]
mod tests;
