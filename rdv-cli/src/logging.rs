//! Logs on stderr, one line each: `LEVEL target: message key=value ...`. People and scripts rely on the form.

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};

use log::{LevelFilter, Log, Metadata, Record};

/// Logs everything of ours up to `level` from now on, and of others warnings and errors.
pub fn init(level: LevelFilter) {
    // This fails only if there is a logger already.
    if log::set_logger(&StderrLog).is_ok() {
        log::set_max_level(level);
    }
}

struct StderrLog;

impl Log for StderrLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let is_ours = OURS.contains(&crate_of(metadata.target()));
        metadata.level() <= if is_ours { log::max_level() } else { LevelFilter::Warn }
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            // One write, so that lines of several processes on one terminal stay whole. If nobody listens any
            // more, then there is nobody to tell.
            let _ = io::stderr().write_all(line(record).as_bytes());
        }
    }

    fn flush(&self) {}
}

/// The line, with its end.
fn line(record: &Record<'_>) -> String {
    let mut line = Escaped(String::with_capacity(128));
    // Formatting into a string fails only if what is formatted does; whatever came until then is still shown.
    let _ = write!(line, "{} {}: {}", record.level(), short_target(record.target()), record.args());
    line.0.push('\n');
    line.0
}

/// Modules are of no interest to those who read logs: all of the library is `rdv`.
fn short_target(target: &str) -> &str {
    if crate_of(target).starts_with("rdv") { "rdv" } else { target }
}

fn crate_of(target: &str) -> &str {
    target.split("::").next().unwrap_or(target)
}

/// Writes control characters as escapes, so that nothing in a message can act on a terminal or feign a line.
struct Escaped(String);

impl fmt::Write for Escaped {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if c.is_control() { self.0.extend(c.escape_default()) } else { self.0.push(c) }
        }
        Ok(())
    }
}

const OURS: [&str; 10] = [
    "client",
    "server",
    "demo",
    "rdv",
    "rdv_core",
    "rdv_socket",
    "rdv_portmap",
    "rdv_blocking",
    "rdv_tokio",
    "rdv_smol",
];

#[cfg(test)]
mod tests;
