//! How many files this process may have open: each connection is one.

use std::io;

/// Raises this process's soft limit on open files to the hard one (RLIMIT_NOFILE), and says how many there may be then.
/// `None` where the system has no such limit, as on Windows.
///
/// To be called by a program at its start, not by a library: a process that uses `select` must keep the soft limit
/// of old.
///
/// # Errors
/// The system's. The limit is as it was.
pub fn raise_open_files() -> io::Result<Option<usize>> {
    #[cfg(unix)]
    {
        use nix::sys::resource::{Resource, getrlimit, setrlimit};

        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        // macOS may say that there is no limit, and grants this much.
        let grantable = if cfg!(target_vendor = "apple") { hard.min(10_240) } else { hard };
        if soft < grantable {
            setrlimit(Resource::RLIMIT_NOFILE, grantable, hard)?;
        }
        Ok(Some(usize::try_from(soft.max(grantable)).unwrap_or(usize::MAX)))
    }
    #[cfg(not(unix))]
    Ok(None)
}

/// How many connections a server may have open within a limit on open files: it keeps a quarter of them, up to 512, for listeners,
/// the pollers of two threads for each core, the relay's pipes, files that are read again, and refusals. Of few files it keeps 32,
/// or half.
///
/// ```
/// assert_eq!(rdv_socket::conns_within(1024), 768);
/// assert_eq!(rdv_socket::conns_within(1_048_576), 1_048_064);
/// ```
pub fn conns_within(open_files: usize) -> usize {
    open_files - (open_files / 4).clamp(32, 512).min(open_files / 2)
}

#[cfg(test)]
mod tests;
