//! The `rdv` command: a TCP connection between two machines, wherever they are.
//!
//! `rdv serve` runs a server; `rdv dial` and `rdv accept` are the two peers, each of which connects its stdin
//! and stdout to the other's; `rdv check` looks at a server and at the NATs before it; `rdv grant` lets a pair use a
//! server that is not for everybody; `rdv demo` shows it all on one machine.
//!
//! | exit status | meaning |
//! | --- | --- |
//! | 0 | done |
//! | 1 | the connection failed or was lost |
//! | 2 | usage |
//! | 3 | refused by the server |
//! | 124 | timed out |
//! | 130 | ended by SIGINT, SIGTERM or SIGHUP |
#![forbid(unsafe_code)]

mod args;
mod client;
mod demo;
mod grant;
mod interrupt;
mod pipe;
mod serve;

use std::process::ExitCode;

use log::LevelFilter;
use rdv_cli::exit::{Exit, settle};
use rdv_cli::logging::Format;
use rdv_cli::{check, logging, usage};
use rdv_core::Role;

use crate::args::{Args, Command};

fn main() -> ExitCode {
    match usage::parse::<Args>(std::env::args_os()) {
        Ok(args) => {
            let exit = run(args);
            settle();
            exit.into()
        }
        Err(exit) => exit.into(),
    }
}

fn run(Args { verbose, command }: Args) -> Exit {
    let quiet = match command {
        // These tell their story themselves.
        Command::Check(_) | Command::Demo(_) => LevelFilter::Warn,
        Command::Serve(_) | Command::Dial(_) | Command::Accept(_) | Command::Grant(_) => LevelFilter::Info,
    };
    let format = match &command {
        Command::Serve(args) => args.watch.log_format,
        Command::Dial(_) | Command::Accept(_) | Command::Check(_) | Command::Grant(_) | Command::Demo(_) => {
            Format::Text
        }
    };
    let level = if verbose { LevelFilter::Debug } else { quiet };
    logging::init_as(level, format);
    match command {
        Command::Serve(args) => serve::run(args),
        Command::Dial(args) => client::run(Role::Dial, args),
        Command::Accept(args) => client::run(Role::Accept, args),
        Command::Check(args) => check::run::<Args>(&args),
        Command::Grant(args) => grant::run(&args),
        Command::Demo(args) => demo::run(&args),
    }
}
