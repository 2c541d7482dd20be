//! `rdv serve`.

use std::sync::Arc;

use log::{error, info, warn};
use rdv_access::Gate;
use rdv_blocking::{Error, Server, ServerConfig, ServerHandle, tls};
use rdv_cli::exit::Exit;
use rdv_cli::lines;
use rdv_cli::signals::{self, Signal, exit_now};

use crate::args::{ServerArgs, TlsFiles};

/// Serves until a signal ends it.
pub(crate) fn run(args: ServerArgs) -> Exit {
    let mut config = ServerConfig::default();
    let gate = match args.common.prepare() {
        Ok((lobby, gate)) => {
            config.lobby = lobby;
            gate
        }
        Err(exit) => return exit,
    };
    if let Some(files) = &args.tls {
        match files.read() {
            Ok(tls) => config.tls = Some(tls),
            Err(error) => {
                error!(target: "server", "--tls-cert, --tls-key: {error}");
                return Exit::Usage;
            }
        }
    }
    let server = match Server::bind(&args.common.listen, config) {
        Ok(server) => server,
        Err(error) => return lines::served(Err(error)),
    };
    obey_signals(server.handle(), args.tls, gate);
    lines::listening(server.local_addrs());
    lines::served(server.run())
}

/// The first signal asks clients to go, the second one ends it all. But where there are files to be read again, SIGHUP
/// does that.
fn obey_signals(server: ServerHandle, tls: Option<TlsFiles>, gate: Option<Arc<Gate>>) {
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
        Signal::End | Signal::HangUp if is_ending => exit_now(),
        Signal::End | Signal::HangUp => {
            is_ending = true;
            server.shutdown();
        }
    });
    if let Err(error) = watching {
        warn!(target: "server", "signals end this process at once: {error}");
    }
}

impl TlsFiles {
    fn read(&self) -> Result<Arc<rustls::ServerConfig>, Error> {
        tls::server_config(&self.cert, &self.key)
    }

    /// Connections that are there already keep their session.
    fn renew(&self, server: &ServerHandle) {
        match self.read() {
            Ok(tls) => {
                server.set_tls(tls);
                info!(target: "server", "certificate reloaded file={}", self.cert.display());
            }
            Err(error) => error!(target: "server", "certificate not reloaded, the old one stays: {error}"),
        }
    }
}
