//! TLS before a server: certificates of the moment, and a front that ends TLS and passes the bytes on.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection};
use socket2::SockRef;

/// A certificate authority that exists as long as this value, and its certificate as a PEM file.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    cert: CertificateDer<'static>,
    file: PathBuf,
}

impl Authority {
    /// A new one.
    ///
    /// # Panics
    /// If its file can't be written.
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let cert = params.self_signed(&key).unwrap();
        let name = format!("rdv-ca-{}-{}.pem", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let file = std::env::temp_dir().join(name);
        std::fs::write(&file, cert.pem()).unwrap();
        Self { issuer: Issuer::new(params, key), cert: cert.into(), file }
    }

    /// The file with its certificate.
    pub fn file(&self) -> &PathBuf {
        &self.file
    }

    /// The configuration of a client that trusts this authority, and no other.
    ///
    /// # Panics
    /// Never, but for a fault in this file.
    pub fn trusted(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.cert.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let mut config = builder.unwrap().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(config)
    }

    /// A server's configuration with a certificate for `name`.
    ///
    /// # Panics
    /// Never, but for a fault in this file.
    pub fn certify(&self, name: &str) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let cert: CertificateDer<'static> = params.signed_by(&key, &self.issuer).unwrap().into();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let mut config = builder.unwrap().with_no_client_auth().with_single_cert(vec![cert], key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        // It is in the temporary directory: left over is not worth a failure.
        let _ = std::fs::remove_file(&self.file);
    }
}

/// What a proxy in front of a server does: TLS to the client, plain TCP to the server.
#[derive(Debug)]
pub struct TlsFront {
    addr: SocketAddr,
    stop: Arc<AtomicBool>,
    running: Option<JoinHandle<()>>,
}

impl TlsFront {
    /// In front of `server`, on a free port of `listen`.
    ///
    /// # Panics
    /// If it can't be bound.
    pub fn start(listen: &str, config: impl Into<Arc<ServerConfig>>, server: SocketAddr) -> Self {
        let listener = TcpListener::bind(listen).unwrap();
        let addr = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let (stop, config) = (Arc::new(AtomicBool::new(false)), config.into());
        let stopped = stop.clone();
        let running = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                if let Ok((tcp, _)) = listener.accept() {
                    let (config, stopped) = (config.clone(), stopped.clone());
                    thread::spawn(move || {
                        match pass_on(tcp, config, server, &stopped) {
                            // Ordinary: whoever does not pick the relay just drops it.
                            Err(err) if CUT.contains(&err.kind()) => {}
                            Err(err) => eprintln!("TLS front: {err}"),
                            Ok(()) => {}
                        }
                    });
                }
                thread::sleep(PACE);
            }
        });
        Self { addr, stop, running: Some(running) }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(running) = self.running.take() {
            // A panic of its thread shows in the test's own result.
            let _ = running.join();
        }
    }
}

/// What does not end in order on the client's side does not on the server's.
fn pass_on(
    client: TcpStream,
    config: Arc<ServerConfig>,
    server: SocketAddr,
    stop: &AtomicBool,
) -> io::Result<()> {
    let tls = ServerConnection::new(config).map_err(io::Error::other)?;
    let upstream = TcpStream::connect(server)?;
    for tcp in [&client, &upstream] {
        tcp.set_nonblocking(true)?;
        tcp.set_nodelay(true)?;
    }
    let copied = copy(tls, &client, &upstream, stop);
    if copied.is_err() {
        SockRef::from(&upstream).set_linger(Some(Duration::ZERO))?;
    }
    copied
}

/// Copies until both directions have ended. Busy, but simple.
fn copy(
    mut tls: ServerConnection,
    mut client: &TcpStream,
    mut upstream: &TcpStream,
    stop: &AtomicBool,
) -> io::Result<()> {
    let (mut client_open, mut server_open) = (true, true);
    let mut to_server: Vec<u8> = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    while (client_open || server_open || !to_server.is_empty() || tls.wants_write())
        && !stop.load(Ordering::Relaxed)
    {
        let mut idle = true;
        if client_open
            && to_server.is_empty()
            && tls.wants_read()
            && if_ready(tls.read_tls(&mut client))?.is_some()
        {
            idle = false;
            if let Err(err) = tls.process_new_packets() {
                // The client is to read the alert.
                let _ = tls.write_tls(&mut client);
                return Err(io::Error::other(err));
            }
        }
        // A FIN without a close_notify is an error here.
        if client_open && let Some(len) = if_ready(tls.reader().read(&mut buffer))? {
            idle = false;
            to_server.extend_from_slice(&buffer[..len]);
            client_open = len > 0;
        }
        if !to_server.is_empty()
            && let Some(len) = if_ready(upstream.write(&to_server))?
        {
            idle = false;
            to_server.drain(..len);
        }
        if !client_open && to_server.is_empty() {
            // Once is enough, and again does no harm.
            let _ = upstream.shutdown(Shutdown::Write);
        }
        if server_open
            && !tls.is_handshaking()
            && !tls.wants_write()
            && let Some(len) = if_ready(upstream.read(&mut buffer[..16 * 1024]))?
        {
            idle = false;
            tls.writer().write_all(&buffer[..len])?;
            if len == 0 {
                server_open = false;
                tls.send_close_notify();
            }
        }
        if tls.wants_write() && if_ready(tls.write_tls(&mut client))?.is_some() {
            idle = false;
        }
        if idle {
            thread::sleep(PACE);
        }
    }
    client.shutdown(Shutdown::Write)
}

fn if_ready(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(len) => Ok(Some(len)),
        Err(err) if err.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(err) => Err(err),
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

const CUT: [ErrorKind; 3] = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe, ErrorKind::UnexpectedEof];

/// How long an idle loop rests.
const PACE: Duration = Duration::from_millis(1);
