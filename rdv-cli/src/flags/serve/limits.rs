//! How much of the server a client may have.

use rdv_core::LobbyConfig;

use crate::duration::Limit;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct Limits {
    /// How long a client may wait for its peer (default: 10m; none: no limit)
    #[arg(long, value_name = "DURATION")]
    lobby_timeout: Option<Limit>,
    /// How long a relayed pair may go without a byte (default: 1h; none: no limit)
    #[arg(long, value_name = "DURATION")]
    idle_timeout: Option<Limit>,
}

impl Limits {
    pub(super) fn apply(&self, config: &mut LobbyConfig) {
        if let Some(Limit(timeout)) = self.lobby_timeout {
            config.lobby_timeout = timeout;
        }
        if let Some(Limit(timeout)) = self.idle_timeout {
            config.idle_timeout = timeout;
        }
    }
}
