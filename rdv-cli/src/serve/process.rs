//! The process's own metrics, by the names that Prometheus' libraries give them.

use std::fmt::Write as _;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

/// This process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Process {
    started: SystemTime,
}

impl Process {
    /// It has just begun.
    pub(super) fn start() -> Self {
        Self { started: SystemTime::now() }
    }

    /// In Prometheus' text format. What the system does not tell is left out: most of it, elsewhere than on Linux.
    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        let mut sample = |name: &str, kind: &str, help: &str, value: Option<String>| {
            if let Some(value) = value {
                // Writing to a string does not fail.
                let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
            }
        };
        let started = self.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        sample(
            "process_start_time_seconds",
            "gauge",
            "When the process began, in seconds since 1970.",
            Some(format!("{:.3}", started.as_secs_f64())),
        );
        sample("process_open_fds", "gauge", "Open files, sockets among them.", open_files());
        sample("process_max_fds", "gauge", "Files that may be open.", max_files());
        sample("process_resident_memory_bytes", "gauge", "Memory in use.", resident_memory());
        sample("process_cpu_seconds_total", "counter", "Time on the CPU.", cpu_time());
        // A name of our own, whose value is always 1.
        let version = env!("CARGO_PKG_VERSION");
        let _ = write!(
            text,
            "# HELP rdv_build_info The program.\n# TYPE rdv_build_info gauge\nrdv_build_info{{version=\"{version}\"}} 1\n"
        );
        text
    }
}

/// Less the one by which they are counted.
fn open_files() -> Option<String> {
    Some(fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1).to_string())
}

fn max_files() -> Option<String> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    number(line.split_whitespace().next()?)
}

fn resident_memory() -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some((kib * 1024).to_string())
}

/// In the system's and in the user's mode: fields 14 and 15 of proc_pid_stat(5), in ticks of a hundredth of a second.
fn cpu_time() -> Option<String> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut ticks = behind_name.split_whitespace().skip(11).map(str::parse::<u64>);
    let ticks = ticks.next()?.ok()? + ticks.next()?.ok()?;
    Some(format!("{}.{:02}", ticks / 100, ticks % 100))
}

fn number(text: &str) -> Option<String> {
    text.parse::<u64>().ok().map(|number| number.to_string())
}
