//! The data path: stdin to the peer, the peer to stdout, each on a thread of its own.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use log::{debug, info};
use rdv_blocking::Conn;

/// Both directions, under way.
pub(crate) struct Pipe {
    tx: Arc<AtomicU64>,
    rx: Arc<AtomicU64>,
    ended: Receiver<Ended>,
    /// Somebody may be typing.
    is_interactive: bool,
}

/// A direction that is at its end.
enum Ended {
    Sending(Result<(), PipeError>),
    Receiving(Result<(), PipeError>),
}

/// Why a direction came to no good end.
#[derive(Debug)]
pub(crate) enum PipeError {
    /// The peer, or the way to it, is gone.
    Lost(io::Error),
    Stdin(io::Error),
    Stdout(io::Error),
}

impl Pipe {
    /// Connects stdin and stdout to the peer.
    pub(crate) fn start(conn: &Arc<Conn>) -> io::Result<Pipe> {
        let (stdin, stdout) = (raw::stdin()?, raw::stdout()?);
        let is_interactive = stdin.is_terminal();
        let (tx, rx) = (Arc::default(), Arc::default());
        let (sender, ended) = channel();
        spawn("rdv-send", &sender, conn, &tx, |conn, tx| Ended::Sending(send(stdin, conn, tx)))?;
        spawn("rdv-receive", &sender, conn, &rx, |conn, rx| Ended::Receiving(receive(conn, stdout, rx)))?;
        Ok(Pipe { tx, rx, ended, is_interactive })
    }

    /// Waits until both directions have ended, or one has failed: the other one may then be stuck for good, in
    /// stdin or in stdout, and is left behind.
    pub(crate) fn wait(&self) -> Result<(), PipeError> {
        match self.next()? {
            Ended::Receiving(result) => {
                result?;
                if self.is_interactive {
                    info!(target: "client", "peer has sent everything, end your input to disconnect");
                }
            }
            Ended::Sending(Err(error @ PipeError::Lost(_))) => {
                // A write has failed, but what the peer sent before it went may still be there to be read.
                return match self.ended.recv_timeout(LAST_WORDS) {
                    Ok(Ended::Receiving(Err(error))) => Err(error),
                    Ok(_) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Err(error),
                };
            }
            Ended::Sending(result) => result?,
        }
        match self.next()? {
            Ended::Sending(result) | Ended::Receiving(result) => result,
        }
    }

    /// Bytes sent to the peer, and received from it.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.tx.load(Ordering::Relaxed), self.rx.load(Ordering::Relaxed))
    }

    fn next(&self) -> Result<Ended, PipeError> {
        // A direction that ends without a word has panicked.
        self.ended.recv().map_err(|_| PipeError::Lost(ErrorKind::Other.into()))
    }
}

/// Ends a connection in such a way that the peer does not take what it has got so far for everything.
pub(crate) fn reset(conn: &Conn) {
    if let Err(error) = conn.reset() {
        debug!(target: "client", "the connection was gone already: {error}");
    }
}

fn spawn(
    name: &str,
    ended: &Sender<Ended>,
    conn: &Arc<Conn>,
    count: &Arc<AtomicU64>,
    direction: impl FnOnce(&Conn, &AtomicU64) -> Ended + Send + 'static,
) -> io::Result<()> {
    let (ended, conn, count) = (ended.clone(), conn.clone(), count.clone());
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        let result = direction(&conn, &count);
        // Nobody listens any more if the other direction has failed.
        let _ = ended.send(result);
    })?;
    Ok(())
}

fn send(mut stdin: File, mut conn: &Conn, count: &AtomicU64) -> Result<(), PipeError> {
    let mut buf = vec![0; BUF_LEN];
    while let Some(data) = read_some(&mut stdin, &mut buf).map_err(PipeError::Stdin)? {
        conn.write_all(data).map_err(PipeError::Lost)?;
        count.fetch_add(data.len() as u64, Ordering::Relaxed);
    }
    debug!(target: "client", "end of stdin, passing it on");
    conn.shutdown(Shutdown::Write).map_err(PipeError::Lost)
}

fn receive(mut conn: &Conn, mut stdout: File, count: &AtomicU64) -> Result<(), PipeError> {
    let mut buf = vec![0; BUF_LEN];
    while let Some(data) = read_some(&mut conn, &mut buf).map_err(PipeError::Lost)? {
        count.fetch_add(data.len() as u64, Ordering::Relaxed);
        stdout.write_all(data).map_err(PipeError::Stdout)?;
    }
    debug!(target: "client", "the peer has sent everything");
    drop(stdout);
    Ok(())
}

/// What one read brings, `None` at the end.
fn read_some<'a>(from: &mut impl Read, buf: &'a mut [u8]) -> io::Result<Option<&'a [u8]>> {
    loop {
        match from.read(buf) {
            Ok(0) => return Ok(None),
            Ok(len) => return Ok(Some(&buf[..len])),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl fmt::Display for PipeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PipeError::Lost(error) => write!(f, "lost the connection to the peer: {error}"),
            PipeError::Stdin(error) => write!(f, "cannot read stdin: {error}"),
            PipeError::Stdout(error) if error.kind() == ErrorKind::BrokenPipe => {
                f.write_str("cannot write to stdout: its reader is gone (broken pipe)")
            }
            PipeError::Stdout(error) => write!(f, "cannot write to stdout: {error}"),
        }
    }
}

/// stdin and stdout as they are: the standard library's are behind a lock and a buffer, and its stdout is
/// searched for line ends.
mod raw {
    use std::fs::File;
    use std::io;
    #[cfg(unix)]
    use std::os::fd::AsFd;
    #[cfg(windows)]
    use std::os::windows::io::AsHandle;

    #[cfg(unix)]
    pub(super) fn stdin() -> io::Result<File> {
        Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
    }

    /// The only handle: whoever reads our stdout sees its end once this is dropped, and need not wait until we
    /// exit. Where stdout was is /dev/null from here on.
    #[cfg(unix)]
    pub(super) fn stdout() -> io::Result<File> {
        let stdout = io::stdout().as_fd().try_clone_to_owned()?;
        nix::unistd::dup2_stdout(File::options().write(true).open("/dev/null")?)?;
        Ok(stdout.into())
    }

    #[cfg(windows)]
    pub(super) fn stdin() -> io::Result<File> {
        Ok(io::stdin().as_handle().try_clone_to_owned()?.into())
    }

    #[cfg(windows)]
    pub(super) fn stdout() -> io::Result<File> {
        Ok(io::stdout().as_handle().try_clone_to_owned()?.into())
    }
}

/// For every read and write; beyond this, system calls are no longer what costs.
const BUF_LEN: usize = 64 * 1024;
/// For what came before the connection broke to reach stdout.
const LAST_WORDS: Duration = Duration::from_secs(2);
