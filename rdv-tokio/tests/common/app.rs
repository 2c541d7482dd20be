//! The server mounted in applications of several kinds, each of them under a path.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::get};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rdv_core::ServerUrl;
use rdv_tokio::http::RdvService;
use rdv_tokio::{Client, Conn, Server, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufStream, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::{client, pair, soon};

/// What the server is mounted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stack {
    Axum,
    Hyper,
    /// With a stream whose type the service can't know, and which has to be flushed.
    Odd,
    #[cfg(feature = "tls")]
    AxumTls,
    #[cfg(feature = "tls")]
    HyperTls,
}

impl Stack {
    pub(crate) const ALL: &[Stack] = &[
        Stack::Axum,
        Stack::Hyper,
        Stack::Odd,
        #[cfg(feature = "tls")]
        Stack::AxumTls,
        #[cfg(feature = "tls")]
        Stack::HyperTls,
    ];

    pub(crate) const CLEAR: &[Stack] = &[Stack::Axum, Stack::Hyper, Stack::Odd];
}

/// An application, until it is dropped.
pub(crate) struct App {
    pub(crate) addr: SocketAddr,
    pub(crate) url: ServerUrl,
    pub(crate) rdv: RdvService,
    #[cfg(feature = "tls")]
    authority: Option<super::tls::Authority>,
    serving: JoinHandle<()>,
}

/// What the middleware of axum wants to see.
pub(crate) const PASS: (&str, &str) = ("X-Pass", "sesame");

impl App {
    pub(crate) async fn start(stack: Stack) -> Self {
        Self::start_server(stack, Server::new(ServerConfig::default())).await
    }

    pub(crate) async fn start_server(stack: Stack, server: Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let rdv = RdvService::new(server);
        let service = rdv.clone();
        #[cfg(feature = "tls")]
        let (authority, acceptor) = match stack {
            Stack::AxumTls | Stack::HyperTls => {
                let authority = super::tls::Authority::new();
                let acceptor = tokio_rustls::TlsAcceptor::from(authority.certify("localhost"));
                (Some(authority), Some(acceptor))
            }
            Stack::Axum | Stack::Hyper | Stack::Odd => (None, None),
        };
        let serving = match stack {
            Stack::Axum => tokio::spawn(serve_axum(listener, service)),
            Stack::Hyper => tokio::spawn(serve_hyper(listener, service, async |tcp| Some(tcp))),
            Stack::Odd => {
                tokio::spawn(serve_hyper(listener, service, async |tcp| Some(Odd(BufStream::new(tcp)))))
            }
            #[cfg(feature = "tls")]
            Stack::AxumTls => {
                tokio::spawn(serve_axum(TlsListener { listener, acceptor: acceptor.unwrap() }, service))
            }
            #[cfg(feature = "tls")]
            Stack::HyperTls => {
                let acceptor = acceptor.unwrap();
                let accept = move |tcp| {
                    let acceptor = acceptor.clone();
                    async move { acceptor.accept(tcp).await.ok() }
                };
                tokio::spawn(serve_hyper(listener, service, accept))
            }
        };
        let url = match stack {
            Stack::Axum | Stack::Hyper | Stack::Odd => format!("http://{addr}/apps/rdv"),
            #[cfg(feature = "tls")]
            Stack::AxumTls | Stack::HyperTls => format!("https://localhost:{}/apps/rdv/", addr.port()),
        };
        Self {
            addr,
            url: url.parse().unwrap(),
            rdv,
            #[cfg(feature = "tls")]
            authority,
            serving,
        }
    }

    /// One that passes the middleware.
    pub(crate) fn client(&self, spaces: &str) -> Client {
        let mut client = client(spaces);
        client.config.headers.add(PASS.0, PASS.1).unwrap();
        #[cfg(feature = "tls")]
        {
            client.tls = self.authority.as_ref().map(super::tls::Authority::trusted);
        }
        client
    }

    /// Both ends of a connection: the accepter's, then the dialer's.
    pub(crate) async fn pair(&self, spaces: &str) -> (Conn, Conn) {
        pair(&self.client(spaces), &self.url).await
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// What is answered to a head, with its body.
pub(crate) async fn ask(addr: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon("an answer", stream.read_to_string(&mut answer)).await.unwrap();
    answer
}

async fn serve_axum<L>(listener: L, rdv: RdvService)
where
    L: axum::serve::Listener<Addr = SocketAddr>,
{
    use axum::serve::ListenerExt;
    // With the feature `axum`, the service looks there by itself.
    #[cfg(not(feature = "axum"))]
    let rdv = rdv.observed_by(|parts| parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0));
    let app = Router::new()
        .nest_service("/apps/rdv", rdv)
        .layer(middleware::from_fn(authorize))
        .route("/", get(async |ConnectInfo(addr): ConnectInfo<SocketAddr>| format!("hello, {addr}")));
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    // Whatever the listener is, the adapter has its address for a ConnectInfo.
    axum::serve(listener.tap_io(|_| {}), app).await.unwrap();
}

async fn authorize(request: Request, next: Next) -> Response {
    match request.headers().get(PASS.0) {
        Some(value) if value == PASS.1 => next.run(request).await,
        _ => (StatusCode::UNAUTHORIZED, "not without a pass").into_response(),
    }
}

async fn serve_hyper<F, T>(listener: TcpListener, rdv: RdvService, accept: impl Fn(TcpStream) -> F)
where
    F: Future<Output = Option<T>> + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut conns = JoinSet::new();
    while let Ok((tcp, remote)) = listener.accept().await {
        let rdv = rdv.clone().strip_prefix("/apps/rdv/").observed_by(move |_| Some(remote));
        let accepted = accept(tcp);
        conns.spawn(async move {
            if let Some(io) = accepted.await {
                let conn = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(io), TowerToHyperService::new(rdv))
                    .with_upgrades();
                // Clients that leave are an error here.
                _ = conn.await;
            }
        });
    }
}

/// A stream of the application's own type.
struct Odd(BufStream<TcpStream>);

impl AsyncRead for Odd {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Odd {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(feature = "tls")]
struct TlsListener {
    listener: TcpListener,
    acceptor: tokio_rustls::TlsAcceptor,
}

#[cfg(feature = "tls")]
impl axum::serve::Listener for TlsListener {
    type Io = tokio_rustls::server::TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (tcp, remote) = self.listener.accept().await.unwrap();
            // One after the other will do for a test.
            if let Ok(tls) = self.acceptor.accept(tcp).await {
                return (tls, remote);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
