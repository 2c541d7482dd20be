//! `rdv serve`.

mod endpoint;
mod notify;
mod process;
mod signals;

use std::io;
use std::net::TcpListener;

use log::error;
use rdv_blocking::{Server, ServerConfig, WhileDraining};
use rdv_cli::exit::Exit;
use rdv_cli::lines;

use self::endpoint::Endpoint;
use self::process::Process;
use crate::args::ServerArgs;

/// Serves until a signal ends it.
pub(crate) fn run(args: ServerArgs) -> Exit {
    let process = Process::start();
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
    let (server, watched) = match bind(&args, config) {
        Ok(bound) => bound,
        Err(error) => return lines::served(Err(error)),
    };
    if let Err(error) = Endpoint::start(watched, server.handle(), process) {
        return lines::served(Err(error));
    }
    signals::obey(server.handle(), args.common.drain(), args.tls, gate);
    lines::listening(server.local_addrs());
    notify::ready();
    lines::served(server.run())
}

/// Listens, unless the process was given its sockets: those by the name of `metrics` are for whoever watches it.
fn bind(args: &ServerArgs, mut config: ServerConfig) -> io::Result<(Server, Vec<TcpListener>)> {
    let inherited = rdv_socket::inherited()?;
    let (watched, given): (Vec<_>, Vec<_>) = inherited.into_iter().partition(|it| it.name == METRICS);
    let sockets =
        |them: Vec<rdv_socket::Inherited>| them.into_iter().map(|it| it.listener).collect::<Vec<_>>();
    let (mut watched, given) = (sockets(watched), sockets(given));
    if let Some(addr) = &args.watch.metrics {
        watched.extend(rdv_socket::listen(addr, BACKLOG)?);
    }
    let server = if !given.is_empty() {
        config.while_draining = WhileDraining::Leave;
        Server::with_listeners(given, config)
    } else if args.watch.reuse_port {
        config.while_draining = WhileDraining::Close;
        Server::bind_beside(&args.common.listen, config)
    } else {
        Server::bind(&args.common.listen, config)
    }?;
    Ok((server, watched))
}

/// `FileDescriptorName=` of a socket unit.
const METRICS: &str = "metrics";
/// Few watch, and seldom.
const BACKLOG: i32 = 16;
