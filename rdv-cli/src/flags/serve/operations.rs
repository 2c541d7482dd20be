//! How a server is run.

use std::time::Duration;

use rdv_core::LobbyConfig;

use crate::duration::Span;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Operations")]
pub(super) struct Operations {
    /// How long relays may go on after SIGTERM, at the most (default: 30s; 0: not at all)
    ///
    /// Meanwhile clients that wait, and those that come, are told to try again. A second signal ends it at once.
    #[arg(long, value_name = "DURATION", verbatim_doc_comment)]
    drain: Option<Span>,
    /// Refuse browsers that GET /, instead of telling them what this is
    #[arg(long)]
    no_page: bool,
}

impl Operations {
    pub(super) fn apply(&self, config: &mut LobbyConfig) {
        config.page = !self.no_page;
    }

    pub(super) fn drain(&self) -> Duration {
        self.drain.map_or(DRAIN, |Span(drain)| drain)
    }
}

const DRAIN: Duration = Duration::from_secs(30);
