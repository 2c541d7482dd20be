//! The server as a tower service, to be mounted in an application's own HTTP stack: with its TLS, its middleware,
//! its cookies, beside its other routes.
//!
//! [`RdvService`] is a `tower_service::Service<http::Request<B>>` for any body `B`, infallible and cheap to clone.
//!
//! # In axum
//!
//! ```
//! use std::net::SocketAddr;
//!
//! use axum::extract::ConnectInfo;
//! use axum::middleware::{self, Next};
//! use axum::response::{IntoResponse, Response};
//! use axum::{Router, extract::Request, http::StatusCode, routing::get};
//! use rdv_tokio::{Server, ServerConfig, http::RdvService};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let rdv = RdvService::new(Server::new(ServerConfig::default()))
//!     // With the feature `axum` this is what it does by itself.
//!     .observed_by(|parts| parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0));
//!
//! let app = Router::new()
//!     .nest_service("/rdv", rdv.clone())
//!     .layer(middleware::from_fn(authorize))
//!     .route("/", get(|| async { "hello" }));
//!
//! async fn authorize(request: Request, next: Next) -> Response {
//!     match request.headers().get("authorization") {
//!         Some(value) if value == "Bearer 7f3a" => next.run(request).await,
//!         _ => (StatusCode::UNAUTHORIZED, "who are you?").into_response(),
//!     }
//! }
//!
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let url: rdv_core::ServerUrl = format!("http://{}/rdv", listener.local_addr()?).parse()?;
//! tokio::spawn(async move {
//!     axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await
//! });
//!
//! // Clients are none the wiser, but for the path and whatever the middleware wants.
//! let mut client = rdv_tokio::Client::default();
//! client.config.spaces = rdv_core::AddrSpaces::ALL;
//! let token = "d8f1a2".parse()?;
//! let err = client.dial(&url, &token).await.unwrap_err();
//! assert!(err.to_string().contains("who are you?"));
//!
//! client.config.headers.add("Authorization", "Bearer 7f3a")?;
//! let (accepted, dialed) = tokio::join!(client.accept(&url, &token), client.dial(&url, &token));
//! assert!(!accepted?.is_relay() && !dialed?.is_relay());
//!
//! rdv.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # In hyper
//!
//! `hyper_util::service::TowerToHyperService::new(rdv)` is a service for hyper, and must be served with upgrades:
//! `http1::Builder::serve_connection(..).with_upgrades()`, or hyper-util's `serve_connection_with_upgrades`. Give
//! each connection a service of its own, with `rdv.clone().observed_by(move |_| Some(remote))`. The example
//! `hyper.rs` has it all, TLS included.
//!
//! # The path
//!
//! The token is the whole path that the service gets to see, less its first slash. A query is ignored. axum's
//! `nest_service("/rdv", ..)` takes `/rdv` off, so a client's URL is `https://example.com/rdv`, and a request is for
//! `/rdv/<token>`. Where nobody does that, [`strip_prefix`](RdvService::strip_prefix) will. `route_service` takes
//! nothing off.
//!
//! # The observed address
//!
//! It is what the client's peer will dial, so it has to be the address that the client's NAT uses. An HTTP stack does
//! not know it unless it is told. The service looks for a `SocketAddr` in the request's extensions, and with the
//! feature `axum` for `ConnectInfo<SocketAddr>`, which is there thanks to
//! `into_make_service_with_connect_info::<SocketAddr>()`. A function of yours takes their place:
//! [`observed_by`](RdvService::observed_by). Without an address a request is refused, with a word about it.
//! Behind a proxy, [`LobbyConfig::observed`](rdv_core::LobbyConfig::observed) names the header that has it.
//!
//! # What to mind
//!
//! - HTTP/1.1 only: HTTP/2 has no upgrades. Over TLS, offer ALPN `http/1.1` to rdv's clients, who ask for no more.
//! - A request is answered when its peer has come, or after [`lobby_timeout`](rdv_core::LobbyConfig::lobby_timeout).
//!   A middleware that is less patient, or that holds back or changes answers with status 101, ends that.
//! - hyper tells that a waiting client has gone away, but nothing of a byte out of turn, which is taken for the first
//!   behind the answer. After such a byte it does not notice the client's going either. It must not be told to
//!   allow half-closed connections (`half_close`), since then it never does.
//! - A connection whose type is known, `TcpStream` or (with the feature `tls`) tokio-rustls' stream on top of it,
//!   is taken out of hyper's wrapping, and relayed as by a [`Server`] of its own. Any other is used as it
//!   is: then a relay that is cut off is closed by dropping it, which need not be an RST.
//! - The limits are those of the [`ServerConfig`](crate::ServerConfig): of its TLS nothing is used, that is the
//!   application's. The time a client takes to send its request is the stack's to limit, too.

mod body;
mod stream;

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use rdv_core::http::{Request, Response, Uri, request};
use rdv_core::{Metrics, Reject};
use tokio::sync::{mpsc, oneshot, watch};
use tower_service::Service;

use crate::Server;
pub use body::Body;
pub(crate) use stream::HttpStream;

/// Requests on their way to the lobby.
pub(crate) type Arrivals = mpsc::UnboundedReceiver<Arrival>;
type Arrival = (Box<HttpStream>, SocketAddr);
type ObservedBy = dyn Fn(&request::Parts) -> Option<SocketAddr> + Send + Sync;

/// A server in an application's HTTP stack: see [the module](self).
///
/// All clones are one server, but [`observed_by`](Self::observed_by) and [`strip_prefix`](Self::strip_prefix) are
/// a clone's own.
#[derive(Clone)]
pub struct RdvService {
    running: Arc<Running>,
    observed_by: Arc<ObservedBy>,
    prefix: Option<Arc<str>>,
}

/// The task that runs the lobby. It ends when this is dropped.
struct Running {
    metrics: Arc<Metrics>,
    arrivals: mpsc::UnboundedSender<Arrival>,
    stop: watch::Sender<bool>,
}

impl RdvService {
    /// Starts a server, as a task of the current runtime. It runs until [`shutdown`](Self::shutdown), or until the
    /// last clone is dropped.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn new(server: Server) -> Self {
        let (arrivals, arriving) = mpsc::unbounded_channel();
        let (stop, mut stopped) = watch::channel(false);
        let metrics = server.metrics().clone();
        let front = server.into_front(Vec::new()).with_arrivals(arriving);
        tokio::spawn(async move {
            // `stopped` outlives the front: that is how its end is known.
            front.run(async { _ = stopped.wait_for(|stop| *stop).await }).await;
        });
        Self {
            running: Arc::new(Running { metrics, arrivals, stop }),
            observed_by: Arc::new(observed_by_extensions),
            prefix: None,
        }
    }

    /// How a client's address is known. `None` refuses the request.
    pub fn observed_by(
        mut self,
        observed: impl Fn(&request::Parts) -> Option<SocketAddr> + Send + Sync + 'static,
    ) -> Self {
        self.observed_by = Arc::new(observed);
        self
    }

    /// Takes `prefix`, such as `/rdv`, off the path of each request; one without it is refused. Not needed in axum's
    /// `nest_service`, which has done so already.
    pub fn strip_prefix(mut self, prefix: &str) -> Self {
        let prefix = prefix.trim_end_matches('/');
        self.prefix = (!prefix.is_empty()).then(|| prefix.into());
        self
    }

    /// What the server counts, as in [`Server::metrics`].
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.running.metrics
    }

    /// Shuts down, like [`Server::serve`]: clients that wait are answered 503, relays are cut off with an RST.
    /// Resolves when all that is done, and requests that come later are refused. Cancelling it changes nothing.
    ///
    /// A graceful shutdown of the HTTP stack waits for all answers, so this is to be called first or beside it.
    pub async fn shutdown(&self) {
        self.running.stop.send_replace(true);
        self.running.stop.closed().await;
    }

    fn admit<B>(&self, mut request: Request<B>) -> Result<oneshot::Receiver<Response<Bytes>>, Reject> {
        let upgrade = hyper::upgrade::on(&mut request);
        let (mut parts, _) = request.into_parts();
        let remote = (self.observed_by)(&parts).ok_or(Reject::NoRemoteAddr)?;
        if let Some(prefix) = &self.prefix {
            parts.uri =
                stripped(&parts.uri, prefix).ok_or_else(|| Reject::NotMountedHere(prefix.to_string()))?;
        }
        let (answer, answered) = oneshot::channel();
        let stream = HttpStream::new(rdv_core::Request::head(&parts), answer, upgrade);
        self.running.arrivals.send((Box::new(stream), remote)).map_err(|_| Reject::Closed)?;
        Ok(answered)
    }
}

impl<B> Service<Request<B>> for RdvService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        let state = match self.admit(request) {
            Ok(answered) => State::Waiting(answered, self.running.arrivals.clone()),
            Err(reject) => {
                self.running.metrics.refused(&reject);
                State::Refused(reject)
            }
        };
        ResponseFuture(state)
    }
}

impl fmt::Debug for RdvService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RdvService").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// A client that waits for its answer. If it is dropped, the client has left.
pub struct ResponseFuture(State);

enum State {
    /// For the answer. The sender tells whether the server is still there.
    Waiting(oneshot::Receiver<Response<Bytes>>, mpsc::UnboundedSender<Arrival>),
    Refused(Reject),
}

impl Future for ResponseFuture {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = match &mut self.0 {
            State::Refused(reject) => reject.to_response(),
            State::Waiting(answered, server) => match std::task::ready!(Pin::new(answered).poll(cx)) {
                Ok(response) => response,
                // Not even refused.
                Err(_) if server.is_closed() => Reject::Closed.to_response(),
                Err(_) => Reject::Full.to_response(),
            },
        };
        Poll::Ready(Ok(response.map(Body::new)))
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture")
    }
}

fn observed_by_extensions(parts: &request::Parts) -> Option<SocketAddr> {
    #[cfg(feature = "axum")]
    if let Some(info) = parts.extensions.get::<axum::extract::ConnectInfo<SocketAddr>>() {
        return Some(info.0);
    }
    parts.extensions.get::<SocketAddr>().copied()
}

/// The same without `prefix`, if it is under that.
fn stripped(uri: &Uri, prefix: &str) -> Option<Uri> {
    let rest = uri.path().strip_prefix(prefix)?;
    if !rest.is_empty() && !rest.starts_with('/') {
        return None;
    }
    let path = if rest.is_empty() { "/" } else { rest };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(match uri.query() {
        Some(query) => format!("{path}?{query}").parse().ok()?,
        None => path.parse().ok()?,
    });
    Uri::from_parts(parts).ok()
}
