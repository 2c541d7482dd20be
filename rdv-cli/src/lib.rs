//! What the `rdv` command shares with the examples that stand in for it, `tokio-rdv` and `smol-rdv`: flags, usage
//! errors, logs, exit statuses, signals, stdin and stdout. All that a script can see of the command is here, once.
//!
//! This library is for these programs only, and keeps no promise to others: whoever wants rdv in a program of their
//! own takes `rdv-blocking`, `rdv-tokio` or `rdv-smol`.
#![forbid(unsafe_code)]

pub mod check;
pub mod duration;
pub mod exit;
pub mod flags;
pub mod json;
pub mod lines;
pub mod logging;
pub mod page;
pub mod proxy;
pub mod report;
pub mod signals;
pub mod stdio;
pub mod usage;
