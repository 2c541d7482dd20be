//! What an application may do about the pairs of its server: look at each, turn it away, watch it, or relay it.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use rdv_core::http::StatusCode;
use rdv_core::{Early, Relay, RelayReport, Request, Role, Token};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::driver::Stream;

/// The application's word on the pairs of a server: see [`Server::with_handler`](crate::Server::with_handler).
///
/// All methods are called on a task of the pair's own, where they must not block.
pub trait Handler: Send + Sync + 'static {
    /// Two clients have found each other, and have not been answered yet.
    fn matched(&self, pair: &Arc<MatchedPair>) -> Verdict {
        let _ = pair;
        Verdict::Relay
    }

    /// A pair is history: the report has the bytes relayed or the address by which the peers met directly, and how
    /// long it took.
    fn finished(&self, pair: &Arc<MatchedPair>, report: &RelayReport) {
        let _ = (pair, report);
    }
}

/// What becomes of a pair.
#[derive(Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// The server introduces the two, and relays their bytes if they need it to.
    Relay,
    /// Neither hears of the other.
    Reject {
        /// The answer's status, 4xx or 5xx; any other becomes 500.
        status: StatusCode,
        /// The answer's body.
        reason: String,
    },
    /// The server introduces the two, and if they need a relay, the application is it: see [`Verdict::take`].
    Take(Relayer),
}

impl Verdict {
    /// Relays by a future of the application's. It gets the dialer's stream, then the accepter's, once the dialer
    /// has chosen the relay; for peers that connect directly it is never called.
    ///
    /// The future runs on the pair's task, and the relay ends with it. It is dropped when the idle timeout has come
    /// or the server shuts down, so it should keep the streams: what is cut short like that ends in an RST. How
    /// idle a pair is, and how much it has relayed, is told by what is written to the streams.
    pub fn take<F>(relay: impl FnOnce(RelayStream, RelayStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Verdict::Take(Relayer(Box::new(move |dialer, accepter| Box::pin(relay(dialer, accepter)))))
    }
}

/// An application's own relay for one pair, made by [`Verdict::take`].
pub struct Relayer(Box<dyn FnOnce(RelayStream, RelayStream) -> Relaying + Send>);

/// A relay at work.
pub(crate) type Relaying = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Relayer {
    pub(crate) fn start(self, dialer: RelayStream, accepter: RelayStream) -> Relaying {
        self.0(dialer, accepter)
    }
}

impl fmt::Debug for Relayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Relayer")
    }
}

/// Two clients that came with the same token.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MatchedPair {
    /// The one that picks the connection.
    pub dialer: Peer,
    /// The other.
    pub accepter: Peer,
}

/// One of them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Peer {
    /// What it asked, with all its headers.
    pub request: Request,
    /// The address that the server saw.
    pub observed: SocketAddr,
}

impl MatchedPair {
    /// Of a relay whose bytes are not copied yet.
    pub(crate) fn of(relay: &Relay) -> Option<Self> {
        let peer = |role| Some(Peer { request: relay.request(role)?, observed: relay.observed(role) });
        Some(Self { dialer: peer(Role::Dial)?, accepter: peer(Role::Accept)? })
    }

    /// What they were matched by.
    pub fn token(&self) -> &Token {
        &self.dialer.request.token
    }
}

/// A client's connection in the hands of the application, by [`Verdict::take`]: it stands at the first byte behind
/// the protocol's own.
///
/// `shutdown` ends the stream to that client alone. Dropping it closes the connection.
#[derive(Debug)]
pub struct RelayStream {
    stream: Stream,
    early: Early,
    meter: Arc<Meter>,
}

/// What a pair's task and the application's streams share.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    written: AtomicU64,
    cut: AtomicBool,
}

impl Meter {
    /// Bytes that the client was sent.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Has the stream closed with an RST once it is dropped.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }
}

impl RelayStream {
    pub(crate) fn new(stream: Stream, early: Early) -> (Self, Arc<Meter>) {
        let meter = Arc::<Meter>::default();
        (Self { stream, early, meter: meter.clone() }, meter)
    }

    /// Has the connection closed with an RST once it is dropped, so that a stream cut short does not look complete.
    pub fn reset(&self) {
        self.meter.cut();
    }

    fn count(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(len)) = &written {
            self.meter.written.fetch_add(*len as u64, Ordering::Relaxed);
        }
        written
    }
}

impl Drop for RelayStream {
    fn drop(&mut self) {
        if self.meter.cut.load(Ordering::Relaxed)
            && let Err(err) = self.stream.reset_on_drop()
        {
            log::debug!("closing without a reset: {err}");
        }
    }
}

impl AsyncRead for RelayStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Early { data, eof } = &mut self.early;
        if serve(data, buf) || *eof {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for RelayStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, data);
        self.count(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, data);
        self.count(written)
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

/// Reads from bytes that are there already. Whether there were any.
pub(crate) fn serve(bytes: &mut Bytes, buf: &mut ReadBuf<'_>) -> bool {
    let len = bytes.len().min(buf.remaining());
    buf.put_slice(&bytes[..len]);
    bytes.advance(len);
    len > 0
}

/// A server's handler, if it has one.
#[derive(Clone, Default)]
pub(crate) struct Hook(pub(crate) Option<Arc<dyn Handler>>);

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Hook(Handler)" } else { "Hook" })
    }
}
