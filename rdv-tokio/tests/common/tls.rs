//! TLS before a server: certificates of the moment, and a front that ends TLS and passes the bytes on.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rdv_core::ServerUrl;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// A certificate authority that nobody knows.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    cert: CertificateDer<'static>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let cert = params.self_signed(&key).unwrap().into();
        Self { issuer: Issuer::new(params, key), cert }
    }

    /// The configuration of a client that trusts it, and nobody else.
    pub(crate) fn trusted(&self) -> Arc<rustls::ClientConfig> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.cert.clone()).unwrap();
        let builder =
            rustls::ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let mut config = builder.unwrap().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(config)
    }

    /// The configuration of a server with a certificate for `name`.
    pub(crate) fn certify(&self, name: &str) -> Arc<rustls::ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap().into();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let builder =
            rustls::ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let mut config = builder.unwrap().with_no_client_auth().with_single_cert(vec![cert], key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Arc::new(config)
    }
}

/// Ends TLS, and passes on to a server in clear. Half-closes are passed on too.
pub(crate) struct Front {
    addr: SocketAddr,
    cut: watch::Sender<bool>,
    running: JoinHandle<()>,
}

impl Front {
    pub(crate) async fn start(config: Arc<rustls::ServerConfig>, server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (cut, is_cut) = watch::channel(false);
        let running = tokio::spawn(async move {
            let mut all = JoinSet::new();
            while let Ok((tcp, _)) = listener.accept().await {
                let (acceptor, mut is_cut) = (TlsAcceptor::from(config.clone()), is_cut.clone());
                all.spawn(async move {
                    let Ok(mut tls) = acceptor.accept(tcp).await else {
                        return;
                    };
                    let mut clear = TcpStream::connect(server).await.unwrap();
                    tokio::select! {
                        // Whether this ends well is for the test's ends to see.
                        _ = tokio::io::copy_bidirectional(&mut tls, &mut clear) => {}
                        // A FIN without a close_notify.
                        _ = is_cut.wait_for(|cut| *cut) => {}
                    }
                });
            }
        });
        Self { addr, cut, running }
    }

    pub(crate) fn url(&self, host: &str) -> ServerUrl {
        format!("https://{host}:{}/", self.addr.port()).parse().unwrap()
    }

    /// Ends all connections, without a word of TLS.
    pub(crate) fn cut(&self) {
        self.cut.send_replace(true);
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.running.abort();
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
