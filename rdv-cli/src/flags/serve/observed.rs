//! Where a client's address is taken from.

use rdv_core::http::HeaderName;
use rdv_core::{LobbyConfig, Observed};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Behind a proxy")]
pub(super) struct ObservedFlags {
    /// Take the client's address from this request header, set by the proxy in front
    ///
    /// Its value is an address with a port, such as 192.0.2.1:39841, which peers are going to dial. The
    /// proxy must overwrite the header if a client sends it.
    #[arg(long, value_name = "NAME", verbatim_doc_comment)]
    observed_header: Option<HeaderName>,
}

impl ObservedFlags {
    pub(super) fn apply(&self, config: &mut LobbyConfig) {
        if let Some(name) = &self.observed_header {
            config.observed = Observed::Header(name.clone());
        }
    }
}
