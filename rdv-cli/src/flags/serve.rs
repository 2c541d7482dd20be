//! The flags of `serve`, in groups.

mod limits;
mod observed;
mod operations;

use std::time::Duration;

use rdv_core::LobbyConfig;
use rdv_socket::ListenAddr;

use self::limits::Limits;
use self::observed::ObservedFlags;
use self::operations::Operations;

/// What an operator decides.
#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    /// Where to listen: without a host on all addresses, IPv4 and IPv6; port 0 is a free one
    #[arg(short, long, value_name = "[HOST]:PORT", default_value = ":8080")]
    pub listen: ListenAddr,
    #[command(flatten)]
    observed: ObservedFlags,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    operations: Operations,
}

impl ServeArgs {
    /// The lobby's configuration.
    pub fn lobby(&self) -> LobbyConfig {
        let mut config = LobbyConfig::default();
        self.observed.apply(&mut config);
        self.limits.apply(&mut config);
        self.operations.apply(&mut config);
        config
    }

    /// How long relays may go on once the server has been asked to end.
    pub fn drain(&self) -> Duration {
        self.operations.drain()
    }
}
