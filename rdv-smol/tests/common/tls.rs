//! TLS before a server: certificates of the moment, and a front that ends TLS and passes the bytes on.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use futures_rustls::TlsAcceptor;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rdv_core::ServerUrl;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use smol::future::FutureExt;
use smol::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use smol::{Async, Executor, Task, channel};

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
    uncut: channel::Sender<()>,
    _running: Task<()>,
}

impl Front {
    pub(crate) async fn start(config: Arc<rustls::ServerConfig>, server: SocketAddr) -> Self {
        let listener = Async::<TcpListener>::bind(([127, 0, 0, 1], 0)).unwrap();
        let addr = listener.get_ref().local_addr().unwrap();
        let (uncut, cut) = channel::bounded::<()>(1);
        let running = smol::spawn(async move {
            let all = Executor::new();
            let accepting = async {
                while let Ok((tcp, _)) = listener.accept().await {
                    let (acceptor, cut) = (TlsAcceptor::from(config.clone()), cut.clone());
                    let passing_on = async move {
                        let Ok(tls) = acceptor.accept(Tcp::from(tcp)).await else {
                            return;
                        };
                        let clear = Tcp::from(Async::<std::net::TcpStream>::connect(server).await.unwrap());
                        // Whether this ends well is for the test's ends to see. If it is cut, by a FIN without a
                        // close_notify.
                        pass_on(tls, clear).or(async { _ = cut.recv().await }).await;
                    };
                    all.spawn(passing_on).detach();
                }
            };
            all.run(accepting).await;
        });
        Self { addr, uncut, _running: running }
    }

    pub(crate) fn url(&self, host: &str) -> ServerUrl {
        format!("https://{host}:{}/", self.addr.port()).parse().unwrap()
    }

    /// Ends all connections, without a word of TLS.
    pub(crate) fn cut(&self) {
        self.uncut.close();
    }
}

async fn pass_on(one: impl AsyncRead + AsyncWrite + Unpin, two: impl AsyncRead + AsyncWrite + Unpin) {
    let ((read1, mut write1), (read2, mut write2)) = (smol::io::split(one), smol::io::split(two));
    let there = async {
        smol::io::copy(read1, &mut write2).await?;
        write2.close().await
    };
    let back = async {
        smol::io::copy(read2, &mut write1).await?;
        write1.close().await
    };
    _ = smol::future::try_zip(there, back).await;
}

/// smol's own stream, whose close is a FIN.
type Tcp = smol::net::TcpStream;

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
