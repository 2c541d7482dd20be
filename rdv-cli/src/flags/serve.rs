//! The flags of `serve`, in groups.

mod limits;
mod observed;

use rdv_core::LobbyConfig;
use rdv_socket::ListenAddr;

use self::limits::Limits;
use self::observed::ObservedFlags;

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
}

impl ServeArgs {
    /// The lobby's configuration, in a process that makes use of all it may have: this raises its limit on open files.
    pub fn prepare(&self) -> LobbyConfig {
        let mut config = self.lobby();
        self.limits.apply_to_process(&mut config);
        config
    }

    /// The lobby's configuration, as far as flags say it.
    pub fn lobby(&self) -> LobbyConfig {
        let mut config = LobbyConfig::default();
        self.observed.apply(&mut config);
        self.limits.apply(&mut config);
        config
    }
}
