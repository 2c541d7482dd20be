//! Where a client's address is taken from.

use rdv_core::http::HeaderName;
use rdv_core::{Cidr, LobbyConfig, Observed};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Behind a proxy")]
pub(super) struct ObservedFlags {
    /// Believe this proxy, or network of proxies, whom it speaks for; can be repeated
    ///
    /// It says so by the PROXY protocol (version 1 or 2, before TLS), by the header Forwarded, as in
    /// for="192.0.2.1:39841", or by X-Forwarded-For, with the client's port in X-Forwarded-Port. The port
    /// is needed, since peers are going to dial it. The proxy must not let through what clients say of
    /// themselves. What anybody else says is ignored, and a PROXY header from anybody else is refused.
    #[arg(long = "trusted-proxy", value_name = "CIDR", verbatim_doc_comment)]
    trusted_proxies: Vec<Cidr>,
    /// Take the client's address from this request header, set by the proxy in front
    ///
    /// Its value is an address with a port, such as 192.0.2.1:39841, which peers are going to dial. The
    /// proxy must overwrite the header if a client sends it. It counts from everywhere, or else from
    /// every --trusted-proxy.
    #[arg(long, value_name = "NAME", verbatim_doc_comment)]
    observed_header: Option<HeaderName>,
}

impl ObservedFlags {
    pub(super) fn apply(&self, config: &mut LobbyConfig) {
        config.trusted_proxies.clone_from(&self.trusted_proxies);
        if let Some(name) = &self.observed_header {
            config.observed = Observed::Header(name.clone());
        }
    }
}
