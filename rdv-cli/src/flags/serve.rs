//! The flags of `serve`, in groups.

mod access;
mod limits;
mod observed;
mod operations;

use std::sync::Arc;
use std::time::Duration;

use log::error;
use rdv_access::Gate;
use rdv_core::LobbyConfig;
use rdv_socket::ListenAddr;

use self::access::AccessFlags;
use self::limits::Limits;
use self::observed::ObservedFlags;
use self::operations::Operations;
use crate::exit::Exit;

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
    access: AccessFlags,
    #[command(flatten)]
    operations: Operations,
}

impl ServeArgs {
    /// What a server needs: the lobby's configuration, and what decides who may use it, if that is not everybody. This
    /// reads files, and raises the process's limit on open files. Errors are printed; what is left then is the exit
    /// status.
    ///
    /// # Errors
    /// What to exit with at once.
    pub fn prepare(&self) -> Result<(LobbyConfig, Option<Arc<Gate>>), Exit> {
        let mut config = self.lobby();
        let gate = self.access.open().map_err(|error| {
            error!(target: "server", "{error}");
            Exit::Usage
        })?;
        if let Some(gate) = &gate {
            config.admission = gate.clone();
        }
        self.limits.apply_to_process(&mut config);
        Ok((config, gate))
    }

    /// The lobby's configuration, as far as flags say it.
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
