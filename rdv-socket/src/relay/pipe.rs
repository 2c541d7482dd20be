//! Pipes: from socket to socket, by splice(2), bytes move without being copied.

use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, splice};
use nix::unistd::pipe2;
use socket2::SockRef;

use super::stock::Stock;

/// What the relays of one server share: pipes, and the memory that they may fill where they have none.
///
/// A pipe holds a MiB, for those of 64 KiB cost more than half of the gain. The kernel grants a user without privileges 64
/// of that size, and gives 8 KiB from then on: so there are at most 48 of them, each is lent only while it holds bytes,
/// and whoever gets none copies. Up to 8 are kept open for the next who needs one, until the pool and all flows are gone.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    pipes: Arc<Mutex<Pipes>>,
    pub(super) stock: Stock,
}

#[derive(Debug, Default)]
struct Pipes {
    idle: Vec<Ends>,
    /// Those lent included.
    all: usize,
    /// The kernel had none of that size: how often not to ask it again.
    pause: usize,
}

#[derive(Debug)]
struct Ends {
    read: OwnedFd,
    write: OwnedFd,
}

/// On loan; it goes back, or is closed if there is something left in it.
#[derive(Debug)]
pub(super) struct Pipe {
    ends: Option<Ends>,
    len: usize,
    pool: Pool,
}

impl Pool {
    /// An empty pipe, unless all are lent.
    pub(super) fn lend(&self) -> Option<Pipe> {
        let mut pipes = self.pipes();
        let ends = match pipes.idle.pop() {
            Some(ends) => ends,
            None if pipes.all >= MOST => return None,
            None if pipes.pause > 0 => {
                pipes.pause -= 1;
                return None;
            }
            None => match Ends::new() {
                Ok(ends) => {
                    pipes.all += 1;
                    ends
                }
                Err(err) => {
                    log::debug!("relaying without a pipe: {err}");
                    pipes.pause = PAUSE;
                    return None;
                }
            },
        };
        Some(Pipe { ends: Some(ends), len: 0, pool: self.clone() })
    }

    fn pipes(&self) -> MutexGuard<'_, Pipes> {
        self.pipes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pipe {
    /// Fills it with what has come to a socket, but no more than that: with 0 bytes, at the stream's end. It must be empty.
    pub(super) fn fill(&mut self, from: &SockRef<'_>, most: usize) -> io::Result<usize> {
        let Some(ends) = &self.ends else {
            return Ok(0);
        };
        let most = most.min(PIPE_LEN);
        let len = splice(&**from, None, &ends.write, None, most, SpliceFFlags::SPLICE_F_NONBLOCK)?;
        self.len += len;
        Ok(len)
    }

    /// Writes to a socket what it takes of that.
    pub(super) fn empty(&mut self, to: &SockRef<'_>) -> io::Result<usize> {
        let Some(ends) = &self.ends else {
            return Err(ErrorKind::WriteZero.into());
        };
        match splice(&ends.read, None, &**to, None, self.len, SpliceFFlags::SPLICE_F_NONBLOCK)? {
            0 => Err(ErrorKind::WriteZero.into()),
            len => {
                self.len -= len;
                Ok(len)
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let mut pipes = self.pool.pipes();
        if self.len == 0 && pipes.idle.len() < IDLE {
            pipes.idle.extend(self.ends.take());
        } else {
            pipes.all -= 1;
        }
    }
}

impl Ends {
    /// A pipe of full size, or none.
    fn new() -> io::Result<Self> {
        // Writing to a socket that is closed raises this signal, and splice(2), unlike send(2), can't be told not to.
        if !is_sigpipe_ignored() {
            return Err(io::Error::other("this program does not ignore SIGPIPE"));
        }
        let (read, write) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        let size = fcntl(&write, FcntlArg::F_SETPIPE_SZ(PIPE_LEN as i32))?;
        if (size as usize) < PIPE_LEN {
            return Err(io::Error::other(format!("the kernel's pipes have {size} bytes")));
        }
        Ok(Self { read, write })
    }
}

/// Programs written in Rust do so, unless they choose not to.
fn is_sigpipe_ignored() -> bool {
    let Ok(status) = std::fs::read_to_string("/proc/thread-self/status") else {
        return false;
    };
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & SIGPIPE != 0)
}

const PIPE_LEN: usize = 1024 * 1024;
/// Pipes of a server. A quarter of those that a user may have is left to others.
const MOST: usize = 48;
/// Pipes that are kept for the next who needs one.
const IDLE: usize = 8;
const PAUSE: usize = 1024;
/// As /proc has it: signal 13, counted from 1.
const SIGPIPE: u64 = 1 << 12;
