//! https to the server, and what of it the command line decides: trust, and headers.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::{env, fs, process};

use crate::common::{PATIENCE, TOKEN, run};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Answers one request with a 403, under a certificate for localhost that only `ca` vouches for.
struct Forbidding {
    url: String,
    ca: PathBuf,
    /// The lines of the request, once there is one.
    request: Receiver<Vec<String>>,
}

impl Forbidding {
    fn start(name: &str) -> Forbidding {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let ca = env::temp_dir().join(format!("rdv-cli-test-{}-{name}.pem", process::id()));
        fs::write(&ca, cert.pem()).unwrap();
        let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key.into())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://localhost:{}/rdv", listener.local_addr().unwrap().port());
        let (requests, request) = channel();
        thread::spawn(move || {
            let (tcp, _) = listener.accept().unwrap();
            let tls = StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), tcp);
            let mut tls = BufReader::new(tls);
            let mut lines = Vec::new();
            // A client that does not trust us sends no request.
            for line in (&mut tls).lines().map_while(Result::ok).take_while(|line| !line.is_empty()) {
                lines.push(line);
            }
            let _ = tls.get_mut().write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
            let _ = requests.send(lines);
        });
        Forbidding { url, ca, request }
    }
}

impl Drop for Forbidding {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.ca);
    }
}

#[test]
fn a_certificate_is_trusted_with_cacert() {
    let server = Forbidding::start("trusted");
    let ca = server.ca.to_str().unwrap();
    let end = run(&[
        "dial",
        "--cacert",
        ca,
        "-H",
        "Authorization: Bearer e41d",
        "-H",
        "X-A: b",
        &server.url,
        TOKEN,
    ]);
    assert_eq!(end.status, Some(3), "{:#?}", end.log);
    let start = "ERROR client: refused by the server status=403 reason=\"Forbidden\": does the server ask for a header";
    assert!(end.line("ERROR").starts_with(start), "{:#?}", end.log);

    let request = server.request.recv_timeout(PATIENCE).unwrap();
    assert_eq!(request[0], "DIAL /rdv/pantry%2Fe41d08-spoon HTTP/1.1");
    for header in ["authorization: Bearer e41d", "x-a: b"] {
        assert!(request.iter().any(|line| line.eq_ignore_ascii_case(header)), "{request:#?}");
    }
}

#[test]
fn a_certificate_is_not_trusted_without_cacert() {
    let server = Forbidding::start("untrusted");
    let end = run(&["dial", &server.url, TOKEN]);
    assert_eq!(end.status, Some(1), "{:#?}", end.log);
    assert!(end.line("ERROR").contains("--cacert"), "{:#?}", end.log);
    assert!(end.stdout.is_empty());
}
