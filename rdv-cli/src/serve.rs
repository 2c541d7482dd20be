//! `rdv serve`.

use std::sync::Arc;

use log::{error, info, warn};
use rdv_blocking::{Error, Server, ServerConfig, ServerHandle, tls};
use rdv_cli::exit::Exit;
use rdv_cli::lines;
use rdv_cli::signals::{self, Signal, exit_now};

use crate::args::{ServerArgs, TlsFiles};

/// Serves until a signal ends it.
pub(crate) fn run(args: ServerArgs) -> Exit {
    let mut config = ServerConfig::default();
    config.lobby = args.common.prepare();
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
    obey_signals(server.handle(), args.tls);
    lines::listening(server.local_addrs());
    lines::served(server.run())
}

/// The first signal asks clients to go, the second one ends it all. But with a certificate, SIGHUP renews it.
fn obey_signals(server: ServerHandle, tls: Option<TlsFiles>) {
    let mut is_ending = false;
    let watching = signals::watch(move |signal| match (signal, &tls) {
        (Signal::HangUp, Some(files)) => files.renew(&server),
        (Signal::End | Signal::HangUp, _) if is_ending => exit_now(),
        (Signal::End | Signal::HangUp, _) => {
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
