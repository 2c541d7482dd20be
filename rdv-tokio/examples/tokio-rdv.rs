//! The `rdv` command on tokio: serve, dial and accept, with the same stdin, stdout, stderr and exit status, so that
//! a script can use either. What a script sees is decided in `rdv_cli`; here is what tokio makes of it.
//!
//! ```sh
//! cargo run -p rdv-tokio --example tokio-rdv -- serve -l 127.0.0.1:8080
//! cargo run -p rdv-tokio --example tokio-rdv -- accept -s all http://127.0.0.1:8080 7f3a9c
//! echo hello | cargo run -p rdv-tokio --example tokio-rdv -- dial -s all http://127.0.0.1:8080 7f3a9c
//! ```

use std::cell::Cell;
use std::io::IsTerminal;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use log::error;
use rdv_cli::exit::{Exit, Reason, settle};
use rdv_cli::flags::{ClientArgs, Gate, PeerArgs, PeerCommand, ServeArgs};
use rdv_cli::stdio::{self, BUF_LEN, LAST_WORDS, PipeError};
use rdv_cli::{lines, signals};
use rdv_core::Role;
use rdv_tokio::{Client, Conn, Error, Server, ServerConfig};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::runtime::Runtime;
use tokio::sync::Notify;

fn main() -> ExitCode {
    let command = match PeerArgs::from_env() {
        Ok(command) => command,
        Err(exit) => return exit.into(),
    };
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            error!("cannot start tokio: {error}");
            return Exit::Failed.into();
        }
    };
    let exit = runtime.block_on(async {
        match command {
            PeerCommand::Serve(args) => serve(args).await,
            PeerCommand::Dial(args) => connect(Role::Dial, args).await,
            PeerCommand::Accept(args) => connect(Role::Accept, args).await,
        }
    });
    // A thread of tokio's may be reading stdin, for good: don't wait for it.
    runtime.shutdown_background();
    settle();
    exit.into()
}

/// Serves until a signal ends it.
async fn serve(args: ServeArgs) -> Exit {
    let mut config = ServerConfig::default();
    config.drain = args.drain();
    let gate = match args.prepare() {
        Ok((lobby, gate)) => {
            config.lobby = lobby;
            gate
        }
        Err(exit) => return exit,
    };
    let listeners = match Server::bind(&args.listen).await {
        Ok(listeners) => listeners,
        Err(error) => return lines::served(Err(error)),
    };
    let signal = first_signal("server", gate);
    lines::listening(listeners.iter().filter_map(|listener| listener.local_addr().ok()));
    lines::served(Server::new(config).serve_all(listeners, signal.notified()).await)
}

/// Connects to the peer, and passes bytes on until both directions have ended.
async fn connect(role: Role, args: ClientArgs) -> Exit {
    let (config, tls) = match args.prepare::<PeerArgs>(role) {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    let mut client = Client::new(config);
    client.tls = tls;
    client.port_map = args.port_map();
    let signal = first_signal("client", None);
    let started = Instant::now();
    let result = tokio::select! {
        biased;
        () = signal.notified() => return lines::interrupted(),
        result = client.connect(role, &args.url, &args.token) => result,
    };
    let mut conn = match result {
        Ok(conn) => conn,
        Err(error) => return lines::not_connected(reason(&error)),
    };
    lines::connected(conn.meta(), conn.report(), conn.is_relay(), conn.peer_addr(), started.elapsed());
    tokio::select! {
        biased;
        () = signal.notified() => {}
        exit = pass(&mut conn) => return exit,
    }
    reset(&conn);
    lines::reset()
}

/// Passes bytes on until both directions have ended, or one has failed. The other may then be stuck for good, in
/// stdin or in stdout, and is left behind.
async fn pass(conn: &mut Conn) -> Exit {
    let started = Instant::now();
    let (stdin, stdout) = match stdio::both() {
        Ok(stdio) => stdio,
        Err(error) => {
            reset(conn);
            return lines::no_stdio(&error);
        }
    };
    let is_interactive = stdin.is_terminal();
    let (tx, rx) = (Cell::new(0), Cell::new(0));
    let (from_peer, to_peer) = split(&mut *conn);
    let result = {
        let mut sending = pin!(send(File::from_std(stdin), to_peer, &tx));
        let mut receiving = pin!(receive(from_peer, File::from_std(stdout), &rx));
        tokio::select! {
            received = &mut receiving => match received {
                Ok(()) => {
                    if is_interactive {
                        lines::only_sending();
                    }
                    sending.await
                }
                Err(error) => Err(error),
            },
            sent = &mut sending => match sent {
                Ok(()) => receiving.await,
                // What the peer sent before it went may still be there to be read.
                Err(PipeError::Lost(error)) => match tokio::time::timeout(LAST_WORDS, receiving).await {
                    Ok(Err(error)) => Err(error),
                    Ok(Ok(())) | Err(_) => Err(PipeError::Lost(error)),
                },
                Err(error) => Err(error),
            },
        }
    };
    if result.is_err() {
        reset(conn);
    }
    lines::disconnected(&result, tx.get(), rx.get(), started.elapsed())
}

async fn send(
    mut stdin: File,
    mut peer: impl AsyncWrite + Unpin,
    count: &Cell<u64>,
) -> Result<(), PipeError> {
    let mut buf = vec![0; BUF_LEN];
    loop {
        let len = stdin.read(&mut buf).await.map_err(PipeError::Stdin)?;
        if len == 0 {
            break;
        }
        peer.write_all(&buf[..len]).await.map_err(PipeError::Lost)?;
        // TLS may keep bytes back, and the next ones may be long in coming.
        peer.flush().await.map_err(PipeError::Lost)?;
        count.set(count.get() + len as u64);
    }
    peer.shutdown().await.map_err(PipeError::Lost)
}

async fn receive(
    mut peer: impl AsyncRead + Unpin,
    mut stdout: File,
    count: &Cell<u64>,
) -> Result<(), PipeError> {
    let mut buf = vec![0; BUF_LEN];
    loop {
        let len = peer.read(&mut buf).await.map_err(PipeError::Lost)?;
        if len == 0 {
            // Dropping stdout ends it for whoever reads it.
            return Ok(());
        }
        count.set(count.get() + len as u64);
        stdout.write_all(&buf[..len]).await.map_err(PipeError::Stdout)?;
        // A file of tokio's tells of errors only then.
        stdout.flush().await.map_err(PipeError::Stdout)?;
    }
}

/// What is notified of the first signal. The second one ends the process at once.
fn first_signal(target: &str, gate: Option<Arc<Gate>>) -> Arc<Notify> {
    let signal = Arc::new(Notify::new());
    let notified = signal.clone();
    signals::on_first_but_reload(target, gate, move || notified.notify_one());
    signal
}

/// What the peer has got so far must not look complete to it.
fn reset(conn: &Conn) {
    if let Err(error) = conn.reset() {
        lines::was_gone(&error);
    }
}

fn reason(error: &Error) -> Reason<'_> {
    match error {
        Error::Connect { failure, cause } => Reason::Connect { failure, cause: cause.as_ref() },
        Error::Resolve { host, source } => Reason::Resolve { host, source },
        Error::Interface(_) => Reason::Usage(error),
        Error::Socket(_) | Error::Tls(_) | _ => Reason::Other(error),
    }
}
