//! `rdv serve`.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

use log::{error, info, warn};
use rdv_blocking::{Server, ServerConfig, ServerHandle};

use crate::args::ServeArgs;
use crate::exit::Exit;

/// Serves until SIGINT or SIGTERM.
pub(crate) fn run(args: ServeArgs) -> Exit {
    let mut config = ServerConfig::default();
    config.lobby = args.lobby();
    let server = match Server::bind(&args.listen, config) {
        Ok(server) => server,
        Err(error) => {
            error!(target: "server", "{error}");
            return Exit::Failed;
        }
    };
    // Before the lines below, which scripts take as a sign that everything is set up.
    stop_on_signal(server.handle());
    for addr in server.local_addrs() {
        info!(target: "server", "listening addr={addr}");
    }
    match server.run() {
        Ok(()) => Exit::Done,
        Err(error) => {
            error!(target: "server", "{error}");
            Exit::Failed
        }
    }
}

/// The first signal asks clients to go, the second one ends it all.
fn stop_on_signal(server: ServerHandle) {
    let signalled = AtomicBool::new(false);
    let handler = move || {
        if signalled.swap(true, Ordering::Relaxed) {
            process::exit(Exit::Interrupted.status().into());
        }
        server.shutdown();
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        warn!(target: "server", "signals end this process at once: {error}");
    }
}
