//! What the system knows of the server's process.

use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::PATIENCE;

pub(crate) struct Process {
    pid: u32,
    /// How many sockets it had open before the first client.
    listeners: usize,
}

impl Process {
    pub(crate) fn of(pid: u32) -> Self {
        Self { pid, listeners: sockets(pid) }
    }

    /// Until all of its connections are closed.
    pub(crate) fn wait_for_sockets_of_listeners(&self) {
        let started = Instant::now();
        while sockets(self.pid) > self.listeners {
            let open = sockets(self.pid);
            assert!(started.elapsed() < PATIENCE, "{open} sockets are open, at first {}", self.listeners);
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

/// How many sockets it has, each counted once: listeners are cloned while the server starts.
fn sockets(pid: u32) -> usize {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).expect("the server runs");
    // Some are closed while one looks.
    let links = files.flatten().filter_map(|file| fs::read_link(file.path()).ok());
    links.filter(|link| link.to_string_lossy().starts_with("socket:")).collect::<BTreeSet<_>>().len()
}
