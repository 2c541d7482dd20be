//! Logs on stderr, one line each: `LEVEL target: message key=value ...`, or a JSON object. People and scripts rely on
//! the forms.

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::time::SystemTime;

use clap::ValueEnum;
use log::kv::{Key, Value, VisitSource};
use log::{LevelFilter, Log, Metadata, Record};

use crate::json::Quoted;

/// How a log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: `LEVEL target: message key=value ...`
    #[default]
    Text,
    /// For programs: an object on each line, with time, level, target, message, and fields
    Json,
}

/// Logs everything of ours up to `level` from now on, as text, and of others warnings and errors.
pub fn init(level: LevelFilter) {
    init_as(level, Format::Text);
}

/// [Logs](init) in this form.
pub fn init_as(level: LevelFilter, format: Format) {
    // Either fails only if there is a logger already.
    let set = match format {
        Format::Text => log::set_logger(&StderrLog { format: Format::Text }),
        Format::Json => log::set_logger(&StderrLog { format: Format::Json }),
    };
    if set.is_ok() {
        log::set_max_level(level);
    }
}

struct StderrLog {
    format: Format,
}

impl Log for StderrLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let name = crate_of(metadata.target());
        let is_ours = OURS.contains(&name) || name.starts_with("rdv_");
        metadata.level() <= if is_ours { log::max_level() } else { LevelFilter::Warn }
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            // One write, so that lines of several processes on one terminal stay whole. If nobody listens any
            // more, then there is nobody to tell.
            let line = match self.format {
                Format::Text => line(record),
                Format::Json => object(record, SystemTime::now()),
            };
            let _ = io::stderr().write_all(line.as_bytes());
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

/// The same as an object, with its end. The message is the text's; its figures are there again as fields, where it has
/// such.
fn object(record: &Record<'_>, now: SystemTime) -> String {
    let time = humantime::format_rfc3339_millis(now);
    let level = record.level().as_str().to_ascii_lowercase();
    let (target, message) = (short_target(record.target()), record.args().to_string());
    let mut line = format!(
        "{{\"time\":\"{time}\",\"level\":\"{level}\",\"target\":{},\"message\":{}",
        Quoted(target),
        Quoted(&message)
    );
    // As above: formatting into a string does not fail.
    let _ = record.key_values().visit(&mut Fields(&mut line));
    line.push_str("}\n");
    line
}

/// Adds fields to an object.
struct Fields<'a>(&'a mut String);

impl<'kvs> VisitSource<'kvs> for Fields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
        write!(self.0, ",{}:", Quoted(key.as_str()))?;
        if let Some(number) = value.to_u64() {
            write!(self.0, "{number}")?;
        } else if let Some(answer) = value.to_bool() {
            write!(self.0, "{answer}")?;
        } else {
            write!(self.0, "{}", Quoted(&value.to_string()))?;
        }
        Ok(())
    }
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

/// What is logged for users has these targets. All else of ours has that of its crate.
const OURS: [&str; 4] = ["client", "server", "demo", "rdv"];

#[cfg(test)]
mod tests;
