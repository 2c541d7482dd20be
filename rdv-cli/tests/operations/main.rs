//! `rdv serve` as its operator sees it: what it tells of itself, and how it comes and goes.

#[path = "../common/mod.rs"]
mod common;
#[cfg(unix)]
mod drain;
mod exposition;
mod http;
mod logs;
mod page;
#[cfg(unix)]
mod restart;
#[cfg(unix)]
mod systemd;
mod watch;

const PROGRAM: common::Program = common::Program::Rdv;
