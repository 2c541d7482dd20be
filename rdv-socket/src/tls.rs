//! TLS between client and server: the configurations that most programs want. With the feature `tls` alone.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// Trusts the platform's certificate authorities, and those of a PEM file beside them.
///
/// It speaks ALPN `http/1.1` alone, as rdv/1 needs. So should a configuration of your own. The authorities are
/// read from files, which takes some milliseconds: keep the configuration for more than one attempt.
///
/// # Errors
/// If the file can't be read or has no certificate, or if there is no authority at all.
pub fn client_config(extra_ca_pem: Option<&Path>) -> Result<Arc<ClientConfig>, ConfigError> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(native.certs);
    if let Some(path) = extra_ca_pem {
        let unusable = |why: String| ConfigError(format!("cannot use the CA file {}: {why}", path.display()));
        let certs = CertificateDer::pem_file_iter(path).map_err(|err| unusable(err.to_string()))?;
        let before = roots.len();
        for cert in certs {
            let cert = cert.map_err(|err| unusable(err.to_string()))?;
            roots.add(cert).map_err(|err| unusable(err.to_string()))?;
        }
        if roots.len() == before {
            return Err(unusable("it has no certificate in PEM form".to_owned()));
        }
    }
    if roots.is_empty() {
        let why = native.errors.first().map(|err| format!(" ({err})")).unwrap_or_default();
        return Err(ConfigError(format!(
            "this machine has no certificate authorities{why}: install them, or give a CA file"
        )));
    }
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|err| ConfigError(err.to_string()))?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = http1();
    Ok(Arc::new(config))
}

/// A server's certificate, with the chain that leads to it, and its private key, each from a PEM file.
///
/// # Errors
/// If a file can't be read or has nothing of the kind, or if key and certificate don't belong together.
pub fn server_config(cert_pem: &Path, key_pem: &Path) -> Result<Arc<ServerConfig>, ConfigError> {
    let unusable = |path: &Path, why: String| ConfigError(format!("cannot use {}: {why}", path.display()));
    let certs = CertificateDer::pem_file_iter(cert_pem)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|err| unusable(cert_pem, err.to_string()))?;
    if certs.is_empty() {
        return Err(unusable(cert_pem, "it has no certificate in PEM form".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_file(key_pem).map_err(|err| {
        let is_missing = matches!(err, pem::Error::NoItemsFound);
        unusable(
            key_pem,
            if is_missing { "it has no private key in PEM form".into() } else { err.to_string() },
        )
    })?;
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|err| ConfigError(err.to_string()))?;
    let config = config.with_no_client_auth().with_single_cert(certs, key);
    let mut config = config.map_err(|err| {
        let is_mismatch = matches!(err, rustls::Error::InconsistentKeys(_));
        let mismatch = || format!("the key in {} does not belong to it", key_pem.display());
        unusable(cert_pem, if is_mismatch { mismatch() } else { err.to_string() })
    })?;
    config.alpn_protocols = http1();
    Ok(Arc::new(config))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn http1() -> Vec<Vec<u8>> {
    vec![b"http/1.1".to_vec()]
}

/// Why there is no configuration. Its message says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for ConfigError {}

#[cfg(test)]
mod tests;
