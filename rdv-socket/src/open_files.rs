//! How many files this process may have open: each connection is one.

use std::io;

/// Raises this process's soft limit on open files to the hard one (RLIMIT_NOFILE), and says how many there may be then.
/// `None` where the system has no such limit, as on Windows.
///
/// To be called by a program at its start, not by a library: a process that uses `select` must keep the soft limit
/// of old.
///
/// Where the system does not grant it, in a sandbox for instance, that is logged, and the limit is the one of old.
///
/// # Errors
/// The system's, if it does not say how many there may be.
pub fn raise_open_files() -> io::Result<Option<usize>> {
    #[cfg(unix)]
    {
        use nix::sys::resource::{Resource, getrlimit, setrlimit};

        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        // macOS may say that there is no limit, and grants this much.
        let grantable = if cfg!(target_vendor = "apple") { hard.min(10_240) } else { hard };
        let mut limit = soft.max(grantable);
        if soft < grantable
            && let Err(err) = setrlimit(Resource::RLIMIT_NOFILE, grantable, hard)
        {
            log::warn!("the limit on open files cannot be raised, and stays at {soft}: {err}");
            limit = soft;
        }
        Ok(Some(usize::try_from(limit).unwrap_or(usize::MAX)))
    }
    #[cfg(not(unix))]
    Ok(None)
}

/// How many connections a server may have open within a limit on open files, on so many cores: it keeps 512 of them, or a quarter
/// if they are few, but what else it may have open in any case. It never keeps more than half.
///
/// ```
/// assert_eq!(rdv_socket::conns_within(1024, 2), 768);
/// assert_eq!(rdv_socket::conns_within(1_048_576, 2), 1_048_064);
/// ```
pub fn conns_within(open_files: usize, cores: usize) -> usize {
    let others = cores.saturating_mul(FILES_OF_A_CORE).saturating_add(OTHER_FILES);
    open_files - (open_files / 4).min(512).max(others).min(open_files / 2)
}

/// Three threads that relay, of which each has a poller, what wakes it, and a timer.
const FILES_OF_A_CORE: usize = 9;
/// The relay's 48 pipes, 32 connections that are told that there are too many, listeners, files that are read again, and the like.
const OTHER_FILES: usize = 96 + 32 + 48;

#[cfg(test)]
mod tests;
