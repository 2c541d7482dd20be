//! stdin and stdout as they are: the standard library's are behind a lock and a buffer, and its stdout is searched
//! for line ends. And what can go wrong between them and the peer.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind};
#[cfg(unix)]
use std::os::fd::AsFd;
#[cfg(windows)]
use std::os::windows::io::AsHandle;
use std::time::Duration;

/// Why a direction came to no good end.
#[derive(Debug)]
pub enum PipeError {
    /// The peer, or the way to it, is gone.
    Lost(io::Error),
    /// stdin can't be read.
    Stdin(io::Error),
    /// stdout can't be written: its reader is gone, for one.
    Stdout(io::Error),
}

/// [`stdin`] and [`stdout`].
///
/// # Errors
/// The system's, of either.
pub fn both() -> io::Result<(File, File)> {
    Ok((stdin()?, stdout()?))
}

/// A handle of stdin.
///
/// # Errors
/// The system's: stdin is closed, for one.
#[cfg(unix)]
pub fn stdin() -> io::Result<File> {
    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}

/// The only handle of stdout: whoever reads our stdout sees its end once this is dropped, and need not wait until we
/// exit. Where stdout was is /dev/null from here on.
///
/// # Errors
/// The system's: stdout is closed, for one.
#[cfg(unix)]
pub fn stdout() -> io::Result<File> {
    let stdout = io::stdout().as_fd().try_clone_to_owned()?;
    nix::unistd::dup2_stdout(File::options().write(true).open("/dev/null")?)?;
    Ok(stdout.into())
}

/// A handle of stdin.
///
/// # Errors
/// The system's.
#[cfg(windows)]
pub fn stdin() -> io::Result<File> {
    Ok(io::stdin().as_handle().try_clone_to_owned()?.into())
}

/// A handle of stdout.
///
/// # Errors
/// The system's.
#[cfg(windows)]
pub fn stdout() -> io::Result<File> {
    Ok(io::stdout().as_handle().try_clone_to_owned()?.into())
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

impl std::error::Error for PipeError {}

/// For every read and write; beyond this, system calls are no longer what costs.
pub const BUF_LEN: usize = 64 * 1024;
/// For what came before the connection broke to reach stdout.
pub const LAST_WORDS: Duration = Duration::from_secs(2);
