//! TLS to the server: the configuration that most programs want. With the feature `tls` alone.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

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
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|err| ConfigError(err.to_string()))?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Why there is no [configuration](client_config). Its message says what to do.
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
