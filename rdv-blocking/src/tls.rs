//! TLS to the server: the configuration that most programs want.

use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;

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
