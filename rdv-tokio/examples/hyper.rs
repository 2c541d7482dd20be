//! The server in a bare hyper server: under /rdv, over TLS with a certificate of one's own.
//!
//! ```text
//! cargo run -p rdv-tokio --features http --example hyper -- 127.0.0.1:8443 CERT.pem KEY.pem
//!
//! curl -i --cacert CA.pem https://localhost:8443/          # refused: that is not where rdv is
//! curl -i --cacert CA.pem https://localhost:8443/rdv/tok   # refused: it is no upgrade
//! rdv accept --cacert CA.pem https://localhost:8443/rdv tok
//! rdv dial --cacert CA.pem https://localhost:8443/rdv tok
//! ```

use std::error::Error;
use std::path::Path;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rdv_tokio::http::RdvService;
use rdv_tokio::{Server, ServerConfig, tls};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [addr, cert, key] = &args[..] else {
        return Err("usage: hyper ADDR CERT.pem KEY.pem".into());
    };
    let acceptor = TlsAcceptor::from(tls::server_config(Path::new(cert), Path::new(key))?);
    let listener = TcpListener::bind(addr).await?;
    println!("listening on https://{}/rdv", listener.local_addr()?);

    let rdv = RdvService::new(Server::new(ServerConfig::default())).strip_prefix("/rdv");
    tokio::select! {
        result = serve(listener, acceptor, &rdv) => result?,
        result = tokio::signal::ctrl_c() => result?,
    }
    // Those who wait are told, and what is relayed is cut off.
    rdv.shutdown().await;
    Ok(())
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, rdv: &RdvService) -> std::io::Result<()> {
    loop {
        let (tcp, remote) = listener.accept().await?;
        // hyper knows no addresses, so each connection has a service that does.
        let rdv = rdv.clone().observed_by(move |_| Some(remote));
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let Ok(tls) = acceptor.accept(tcp).await else {
                return;
            };
            let conn = http1::Builder::new()
                .serve_connection(TokioIo::new(tls), TowerToHyperService::new(rdv))
                .with_upgrades();
            // An error is a client that left.
            _ = conn.await;
        });
    }
}
