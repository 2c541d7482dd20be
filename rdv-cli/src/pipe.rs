//! The data path: stdin to the peer, the peer to stdout, each on a thread of its own.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;

use log::debug;
use rdv_blocking::Conn;
use rdv_cli::lines;
use rdv_cli::stdio::{self, BUF_LEN, LAST_WORDS, PipeError};

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

impl Pipe {
    /// Connects stdin and stdout to the peer.
    pub(crate) fn start(conn: &Arc<Conn>) -> io::Result<Pipe> {
        let (stdin, stdout) = stdio::both()?;
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
                    lines::only_sending();
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
        lines::was_gone(&error);
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
