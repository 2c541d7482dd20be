//! What signals do to a server.

use std::sync::Arc;
use std::time::Duration;

use log::{error, info, warn};
use rdv_access::Gate;
use rdv_blocking::{Error, ServerHandle, tls};
use rdv_cli::lines;
use rdv_cli::signals::{self, Signal, exit_now};

use super::notify;
use crate::args::TlsFiles;

/// Obeys signals from now on: SIGTERM lets relays go on for a while, the others do not, and the second one ends it all.
/// But where there are files to be read again, SIGHUP does that; and where there are none, it is of no interest to a
/// server that systemd looks after.
pub(super) fn obey(server: ServerHandle, drain: Duration, tls: Option<TlsFiles>, gate: Option<Arc<Gate>>) {
    let mut is_ending = false;
    let has_files = tls.is_some() || gate.is_some();
    let watching = signals::watch(move |signal| match signal {
        Signal::HangUp if has_files => {
            if let Some(files) = &tls {
                files.renew(&server);
            }
            if let Some(gate) = &gate {
                lines::reloaded(&gate.reload());
            }
        }
        // No terminal has gone: somebody's `reload` finds nothing to do.
        Signal::HangUp if notify::is_supervised() => {
            info!(target: "server", "there is nothing to reload");
        }
        Signal::End | Signal::Terminate | Signal::HangUp if is_ending => exit_now(),
        Signal::End | Signal::Terminate | Signal::HangUp => {
            is_ending = true;
            notify::stopping();
            match signal {
                Signal::Terminate if !drain.is_zero() => server.drain(drain),
                Signal::Terminate | Signal::End | Signal::HangUp => server.shutdown(),
            }
        }
    });
    if let Err(error) = watching {
        warn!(target: "server", "signals end this process at once: {error}");
    }
}

impl TlsFiles {
    pub(super) fn read(&self) -> Result<Arc<rustls::ServerConfig>, Error> {
        tls::server_config(&self.cert, &self.key)
    }

    /// Connections that are there already keep their session.
    fn renew(&self, server: &ServerHandle) {
        match self.read() {
            Ok(tls) => {
                server.set_tls(tls);
                let file = self.cert.display();
                info!(target: "server", file:%; "certificate reloaded file={file}");
            }
            Err(error) => error!(target: "server", "certificate not reloaded, the old one stays: {error}"),
        }
    }
}
