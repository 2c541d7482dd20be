//! What the system knows of the server's process.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::PATIENCE;

pub(crate) struct Process {
    pid: u32,
    /// What it had before it had anything of clients.
    first: Holdings,
}

/// What a process has open, and what of its threads has a part in that.
#[derive(Debug)]
struct Holdings {
    /// How many of each kind: sockets, pipes, pollers and so on, and files by their path.
    open: BTreeMap<String, usize>,
    relay_threads: usize,
}

impl Process {
    pub(crate) fn of(pid: u32) -> Self {
        Self { pid, first: Holdings::of(pid) }
    }

    /// Once it has served a pair: it says that it listens before it has started all its threads. What it has opened by then
    /// for good is neither a socket nor a pipe.
    pub(crate) fn is_set_up(&mut self) {
        let before = std::mem::replace(&mut self.first, Holdings::of(self.pid));
        for kind in [SOCKET, PIPE] {
            let count = before.open.get(kind).copied().unwrap_or_default();
            self.first.open.insert(kind.to_owned(), count);
        }
    }

    /// Until all that it opened for its clients is closed.
    pub(crate) fn wait_until_all_is_closed(&self) {
        let started = Instant::now();
        loop {
            let now = Holdings::of(self.pid);
            let more = now.beyond(&self.first);
            if more.is_empty() {
                return;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "{more:?} are too many: {now:?}, and at first {:?}",
                self.first
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Resident, in KiB, and without what is a file's: code is paged in when it runs.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("the server runs");
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
        number.and_then(|number| number.parse().ok()).expect("the form of this file is relied on")
    }
}

impl Holdings {
    fn of(pid: u32) -> Self {
        // Some are closed while one looks, and some threads end.
        let files = entries(pid, "fd").filter_map(|file| fs::read_link(file).ok());
        let (mut open, mut sockets) = (BTreeMap::new(), BTreeSet::new());
        for link in files.map(|link| link.to_string_lossy().into_owned()) {
            let kind = match link.split_once(':') {
                Some((kind @ (SOCKET | PIPE), _)) => kind,
                Some(_) | None => &link,
            };
            // Each socket counts once: listeners are cloned while the server starts.
            if kind != SOCKET || sockets.insert(link.clone()) {
                *open.entry(kind.to_owned()).or_default() += 1;
            }
        }
        let names = entries(pid, "task").filter_map(|task| fs::read_to_string(task.join("comm")).ok());
        let relay_threads = names.filter(|name| RELAY_THREADS.contains(&name.trim_end())).count();
        Self { open, relay_threads }
    }

    /// What there is of each kind that is more than the clients of a server which had `first` may leave behind: relay
    /// threads, which begin when they are needed, and stay, and a few pipes for the next who needs one.
    fn beyond(&self, first: &Self) -> BTreeMap<&str, usize> {
        let threads = self.relay_threads.saturating_sub(first.relay_threads);
        let beyond = self.open.iter().map(|(kind, count)| {
            let may_stay = match &**kind {
                PIPE => KEPT_PIPES * 2,
                kind if OF_A_RELAY_THREAD.contains(&kind) => threads,
                _ => 0,
            };
            let most = first.open.get(kind).copied().unwrap_or_default() + may_stay;
            (&**kind, count.saturating_sub(most))
        });
        beyond.filter(|(_, count)| *count > 0).collect()
    }
}

/// What is in a folder of the process.
fn entries(pid: u32, folder: &str) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(format!("/proc/{pid}/{folder}")).expect("the server runs");
    entries.flatten().map(|entry| entry.path())
}

const SOCKET: &str = "socket";
const PIPE: &str = "pipe";
/// As rdv-relay names them.
const RELAY_THREADS: [&str; 2] = ["rdv-relay", "rdv-bulk"];
/// Each has one of each: a poller, what wakes it from elsewhere, and its alarm.
const OF_A_RELAY_THREAD: [&str; 3] =
    ["anon_inode:[eventpoll]", "anon_inode:[eventfd]", "anon_inode:[timerfd]"];
/// As many as a pool of rdv-socket keeps, of which a server has one.
const KEPT_PIPES: usize = 8;
