//! `rdv dial` and `rdv accept`.

use std::sync::Arc;
use std::time::Instant;

use log::{error, info, warn};
use rdv_blocking::{Client, Conn, tls};
use rdv_core::{AddrSpace, Meta, Role};

use crate::args::ClientArgs;
use crate::duration::Pretty;
use crate::exit::{Exit, explain};
use crate::interrupt::Interrupt;
use crate::pipe::{self, Pipe};
use crate::usage;

/// Connects to the peer, and passes bytes on until both directions have ended.
pub(crate) fn run(role: Role, args: ClientArgs) -> Exit {
    let config = match args.config() {
        Ok(config) => config,
        Err(error) => return usage::bad_header(role, &error),
    };
    let mut client = Client::new(config);
    if let Some(path) = &args.cacert {
        match tls::client_config(Some(path)) {
            Ok(config) => client.tls = Some(config),
            Err(error) => {
                error!(target: "client", "--cacert: {error}");
                return Exit::Usage;
            }
        }
    }
    let interrupt = Interrupt::install();
    let started = Instant::now();
    let conn = match client.connect_until(role, &args.url, &args.token, interrupt.canceller()) {
        Ok(conn) => Arc::new(conn),
        Err(_) if interrupt.has_come() => return interrupted(),
        Err(error) => {
            error!(target: "client", "{}", explain(&error));
            return Exit::of(&error);
        }
    };
    warn_unless_public(conn.meta());
    let (is_relay, addr) = (conn.is_relay(), conn.peer_addr());
    info!(target: "client", "peer connected is_relay={is_relay} addr={addr} dur={}", Pretty(started.elapsed()));
    if interrupt.connected(&conn) {
        pass(&conn, &interrupt)
    } else {
        pipe::reset(&conn);
        interrupted()
    }
}

fn pass(conn: &Arc<Conn>, interrupt: &Interrupt) -> Exit {
    let started = Instant::now();
    let pipe = match Pipe::start(conn) {
        Ok(pipe) => pipe,
        Err(error) => {
            error!(target: "client", "cannot use stdin and stdout: {error}");
            pipe::reset(conn);
            return Exit::Failed;
        }
    };
    let result = pipe.wait();
    if result.is_err() && interrupt.has_come() {
        // Logged where the signal is handled.
        return Exit::Interrupted;
    }
    if let Err(error) = &result {
        error!(target: "client", "{error}");
        pipe::reset(conn);
    }
    let (tx, rx) = pipe.counts();
    info!(target: "client", "peer disconnected tx={tx} rx={rx} dur={}", Pretty(started.elapsed()));
    if result.is_ok() { Exit::Done } else { Exit::Failed }
}

/// Hole punching through IPv4 NATs depends on what the server observed.
fn warn_unless_public(meta: &Meta) {
    let space = meta.observed.and_then(|observed| AddrSpace::of(observed.ip()));
    if space != Some(AddrSpace::Public4) {
        warn!(target: "client", "expected observed to be public ipv4 (check server config)");
    }
}

fn interrupted() -> Exit {
    info!(target: "client", "interrupted before the peer was connected");
    Exit::Interrupted
}
