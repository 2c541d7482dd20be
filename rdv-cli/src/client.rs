//! `rdv dial` and `rdv accept`.

use std::sync::Arc;
use std::time::Instant;

use rdv_blocking::{Client, Conn};
use rdv_cli::exit::Exit;
use rdv_cli::flags::ClientArgs;
use rdv_cli::lines;
use rdv_core::Role;

use crate::args::Args;
use crate::interrupt::Interrupt;
use crate::pipe::{self, Pipe};

/// Connects to the peer, and passes bytes on until both directions have ended.
pub(crate) fn run(role: Role, args: ClientArgs) -> Exit {
    let (config, tls) = match args.prepare::<Args>(role) {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    let mut client = Client::new(config);
    client.tls = tls;
    #[cfg(feature = "port-map")]
    {
        client.port_map = args.port_map();
    }
    let interrupt = Interrupt::install();
    let started = Instant::now();
    let conn = match client.connect_until(role, &args.url, &args.token, interrupt.canceller()) {
        Ok(conn) => Arc::new(conn),
        Err(_) if interrupt.has_come() => return lines::interrupted(),
        Err(error) => return lines::not_connected(&error),
    };
    // Before the line that scripts may answer with a signal.
    if !interrupt.connected(&conn) {
        pipe::reset(&conn);
        return lines::interrupted();
    }
    lines::connected(conn.meta(), conn.report(), conn.is_relay(), conn.peer_addr(), started.elapsed());
    pass(&conn, &interrupt)
}

fn pass(conn: &Arc<Conn>, interrupt: &Interrupt) -> Exit {
    let started = Instant::now();
    let pipe = match Pipe::start(conn) {
        Ok(pipe) => pipe,
        Err(error) => {
            pipe::reset(conn);
            return lines::no_stdio(&error);
        }
    };
    let result = pipe.wait();
    if result.is_err() && interrupt.has_come() {
        // Logged where the signal is handled.
        return Exit::Interrupted;
    }
    if result.is_err() {
        pipe::reset(conn);
    }
    let (tx, rx) = pipe.counts();
    lines::disconnected(&result, tx, rx, started.elapsed())
}
