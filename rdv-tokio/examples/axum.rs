//! The server in an axum application: under /rdv, beside another route, behind a middleware that wants a cookie.
//!
//! ```text
//! cargo run -p rdv-tokio --features axum --example axum -- 127.0.0.1:8080 [CERT.pem KEY.pem]
//!
//! curl -i http://127.0.0.1:8080/                          # the other route
//! curl -i http://127.0.0.1:8080/rdv/tok                   # refused: by the middleware
//! curl -i -b session=7f3a http://127.0.0.1:8080/rdv/tok   # refused: by rdv, it is no upgrade
//! rdv accept -H 'Cookie: session=7f3a' http://127.0.0.1:8080/rdv tok
//! rdv dial -H 'Cookie: session=7f3a' http://127.0.0.1:8080/rdv tok
//! ```

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::http::header::COOKIE;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router, routing::get};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rdv_core::RelayReport;
use rdv_tokio::http::RdvService;
use rdv_tokio::{Handler, MatchedPair, Server, ServerConfig, tls};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (addr, tls) = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => ("127.0.0.1:8080", None),
        [addr] => (addr, None),
        [addr, cert, key] => (addr, Some(tls::server_config(Path::new(cert), Path::new(key))?)),
        _ => return Err("usage: axum [ADDR [CERT.pem KEY.pem]]".into()),
    };

    let rdv = RdvService::new(Server::new(ServerConfig::default()).with_handler(Watch));
    let app = Router::new()
        // Taken off the path, so that the token is what follows.
        .nest_service("/rdv", rdv.clone())
        .layer(middleware::from_fn(authorize))
        .route("/", get(async |ConnectInfo(addr): ConnectInfo<SocketAddr>| format!("hello, {addr}\n")));

    let listener = TcpListener::bind(addr).await?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    println!("listening on {scheme}://{}/rdv", listener.local_addr()?);
    let serving = async {
        match tls {
            // Clients' addresses come by ConnectInfo, where the service looks for them.
            None => axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await,
            Some(tls) => serve_tls(listener, app, TlsAcceptor::from(tls)).await,
        }
    };
    tokio::select! {
        result = serving => result?,
        result = tokio::signal::ctrl_c() => result?,
    }
    // Those who wait are told, and what is relayed is cut off.
    rdv.shutdown().await;
    Ok(())
}

/// An application has its own ways to know its users.
async fn authorize(request: Request, next: Next) -> Response {
    let mut cookies =
        request.headers().get_all(COOKIE).iter().flat_map(|value| value.as_bytes().split(|b| *b == b';'));
    if cookies.any(|cookie| cookie.trim_ascii() == b"session=7f3a") {
        next.run(request).await
    } else {
        (StatusCode::UNAUTHORIZED, "this needs the cookie session=7f3a\n").into_response()
    }
}

/// Sees every pair, and what became of it.
struct Watch;

impl Handler for Watch {
    fn finished(&self, pair: &Arc<MatchedPair>, report: &RelayReport) {
        println!("{} and {}: {report}", pair.dialer.observed, pair.accepter.observed);
    }
}

/// What `axum::serve` does, with TLS.
async fn serve_tls(listener: TcpListener, app: Router, acceptor: TlsAcceptor) -> std::io::Result<()> {
    loop {
        let (tcp, remote) = listener.accept().await?;
        let (acceptor, app) = (acceptor.clone(), app.clone().layer(Extension(ConnectInfo(remote))));
        tokio::spawn(async move {
            let Ok(tls) = acceptor.accept(tcp).await else {
                return;
            };
            let service = TowerToHyperService::new(app);
            let builder = auto::Builder::new(TokioExecutor::new()).http1_only();
            // An error is a client that left.
            _ = builder.serve_connection_with_upgrades(TokioIo::new(tls), service).await;
        });
    }
}
