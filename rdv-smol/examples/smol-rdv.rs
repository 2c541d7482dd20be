//! The `rdv` command on smol: serve, dial and accept, with the same stdin, stdout, stderr and exit status, so that
//! a script can use either. What a script sees is decided in `rdv_cli`; here is what smol makes of it.
//!
//! ```sh
//! cargo run -p rdv-smol --example smol-rdv -- serve -l 127.0.0.1:8080
//! cargo run -p rdv-smol --example smol-rdv -- accept -s all http://127.0.0.1:8080 7f3a9c
//! echo hello | cargo run -p rdv-smol --example smol-rdv -- dial -s all http://127.0.0.1:8080 7f3a9c
//! ```

use std::cell::Cell;
use std::fs::File;
use std::io::IsTerminal;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use rdv_cli::exit::{Exit, Reason, settle};
use rdv_cli::flags::{ClientArgs, Gate, PeerArgs, PeerCommand, ServeArgs};
use rdv_cli::stdio::{self, BUF_LEN, LAST_WORDS, PipeError};
use rdv_cli::{lines, signals};
use rdv_core::Role;
use rdv_smol::{Client, Conn, Error, Server, ServerConfig};
use smol::channel::bounded;
use smol::future::or;
use smol::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use smol::{Timer, Unblock};

fn main() -> ExitCode {
    let exit = PeerArgs::from_env().map(|command| {
        smol::block_on(async {
            match command {
                PeerCommand::Serve(args) => serve(args).await,
                PeerCommand::Dial(args) => connect(Role::Dial, args).await,
                PeerCommand::Accept(args) => connect(Role::Accept, args).await,
            }
        })
    });
    settle();
    exit.unwrap_or_else(|exit| exit).into()
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
    lines::listening(listeners.iter().filter_map(|listener| listener.get_ref().local_addr().ok()));
    lines::served(Server::new(config).serve_all(listeners, signal).await)
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
    let mut signal = pin!(first_signal("client", None));
    let started = Instant::now();
    let interrupted = async {
        signal.as_mut().await;
        None
    };
    let mut conn =
        match or(interrupted, async { Some(client.connect(role, &args.url, &args.token).await) }).await {
            Some(Ok(conn)) => conn,
            Some(Err(error)) => return lines::not_connected(reason(&error)),
            None => return lines::interrupted(),
        };
    lines::connected(conn.meta(), conn.report(), conn.is_relay(), conn.peer_addr(), started.elapsed());
    let interrupted = async {
        signal.await;
        None
    };
    if let Some(exit) = or(interrupted, async { Some(pass(&mut conn).await) }).await {
        return exit;
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
        let mut sending = pin!(send(unblocked(stdin), to_peer, &tx));
        let mut receiving = pin!(receive(from_peer, unblocked(stdout), &rx));
        let first = or(async { Ended::Receiving(receiving.as_mut().await) }, async {
            Ended::Sending(sending.as_mut().await)
        });
        match first.await {
            Ended::Receiving(Ok(())) => {
                if is_interactive {
                    lines::only_sending();
                }
                sending.await
            }
            Ended::Sending(Ok(())) => receiving.await,
            // What the peer sent before it went may still be there to be read.
            Ended::Sending(Err(PipeError::Lost(error))) => {
                let patience = async {
                    Timer::after(LAST_WORDS).await;
                    Ok(())
                };
                or(receiving, patience).await.and(Err(PipeError::Lost(error)))
            }
            Ended::Receiving(Err(error)) | Ended::Sending(Err(error)) => Err(error),
        }
    };
    if result.is_err() {
        reset(conn);
    }
    lines::disconnected(&result, tx.get(), rx.get(), started.elapsed())
}

/// A direction that is at its end.
enum Ended {
    Sending(Result<(), PipeError>),
    Receiving(Result<(), PipeError>),
}

async fn send(
    mut stdin: Unblock<File>,
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
    peer.close().await.map_err(PipeError::Lost)
}

async fn receive(
    mut peer: impl AsyncRead + Unpin,
    mut stdout: Unblock<File>,
    count: &Cell<u64>,
) -> Result<(), PipeError> {
    let mut buf = vec![0; BUF_LEN];
    loop {
        let len = peer.read(&mut buf).await.map_err(PipeError::Lost)?;
        if len == 0 {
            // Ends it for whoever reads it.
            return stdout.close().await.map_err(PipeError::Stdout);
        }
        count.set(count.get() + len as u64);
        let written = stdout.write_all(&buf[..len]).await;
        // The bytes are on their way to another thread. Where it fails it takes no more, but says why only here.
        stdout.flush().await.and(written).map_err(PipeError::Stdout)?;
    }
}

/// A file that is read or written on a thread of its own.
fn unblocked(file: File) -> Unblock<File> {
    Unblock::with_capacity(BUF_LEN, file)
}

/// Resolves at the first signal. The second one ends the process at once.
fn first_signal(target: &str, gate: Option<Arc<Gate>>) -> impl Future<Output = ()> + use<> {
    let (sender, receiver) = bounded(1);
    let keep_open = sender.clone();
    signals::on_first_but_reload(target, gate, move || {
        // There is room for the one message.
        let _ = sender.try_send(());
    });
    async move {
        let _ = receiver.recv().await;
        drop(keep_open);
    }
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
