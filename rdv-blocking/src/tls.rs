//! TLS between client and server: the configurations that most programs want.

use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, ServerConfig};

use crate::Error;

/// Trusts the platform's certificate authorities, and those of a PEM file beside them.
///
/// It speaks ALPN `http/1.1` alone, as rdv/1 needs. So should a configuration of your own.
///
/// # Errors
/// [`Error::Tls`] if the file can't be read or has no certificate, or if there is no authority at all.
pub fn client_config(extra_ca_pem: Option<&Path>) -> Result<Arc<ClientConfig>, Error> {
    rdv_socket::tls::client_config(extra_ca_pem).map_err(|err| Error::Tls(err.to_string()))
}

/// A server's certificate with its chain, and its private key, each from a PEM file.
///
/// # Errors
/// [`Error::Tls`] if a file can't be read or has nothing of the kind, or if the two don't belong together.
pub fn server_config(cert_pem: &Path, key_pem: &Path) -> Result<Arc<ServerConfig>, Error> {
    rdv_socket::tls::server_config(cert_pem, key_pem).map_err(|err| Error::Tls(err.to_string()))
}
