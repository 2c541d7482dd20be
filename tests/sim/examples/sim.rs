//! Runs simulations by hand: many of them for their figures, or one of them to see what happens.

use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use clap::{Parser, Subcommand};
use rdv_sim::Kind;

/// Simulates attempts on random networks, and compares them with the oracle.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Many scenarios
    Sweep {
        /// The first seed
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// How many
        #[arg(long, default_value_t = 20_000)]
        count: u64,
        /// On how many threads [default: one for each core]
        #[arg(long)]
        jobs: Option<usize>,
        /// Scenarios in which something goes wrong
        #[arg(long)]
        troubled: bool,
        /// Scenarios with a proxy before the server
        #[arg(long, conflicts_with = "troubled")]
        proxied: bool,
    },
    /// One scenario
    Show {
        /// Its seed
        seed: u64,
        /// Show each packet, and what the machines log
        #[arg(long)]
        packets: bool,
        /// It is one in which something goes wrong
        #[arg(long)]
        troubled: bool,
        /// It is one with a proxy before the server
        #[arg(long, conflicts_with = "troubled")]
        proxied: bool,
    },
}

fn main() -> ExitCode {
    match Args::parse().command {
        Command::Sweep { from, count, jobs, troubled, proxied } => {
            let jobs = jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
            let began = Instant::now();
            let tally = kind(troubled, proxied).sweep(from..from + count, jobs);
            let took = began.elapsed();
            let rate = tally.attempts as f64 / took.as_secs_f64();
            println!("{tally}");
            println!("{took:.1?} on {jobs} threads: {rate:.0} a second, {:.0} on each", rate / jobs as f64);
            for (seed, why) in &tally.failures {
                println!("seed {seed}: {why}");
            }
            if tally.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Command::Show { seed, packets, troubled, proxied } => {
            let scenario = kind(troubled, proxied).scenario(seed);
            println!("{scenario:#?}");
            if packets {
                show_packets();
            }
            match rdv_sim::check(&scenario) {
                Ok((foretold, outcome)) => {
                    println!("{foretold:#?}\n{outcome:#?}");
                    ExitCode::SUCCESS
                }
                Err(why) => {
                    println!("{why}");
                    ExitCode::FAILURE
                }
            }
        }
    }
}

/// Prints whatever is logged.
struct Printer;

impl log::Log for Printer {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        println!("{}: {}", record.target(), record.args());
    }

    fn flush(&self) {}
}

fn show_packets() {
    if log::set_logger(&Printer).is_ok() {
        log::set_max_level(log::LevelFilter::Trace);
    }
}

fn kind(troubled: bool, proxied: bool) -> Kind {
    match (troubled, proxied) {
        (true, _) => Kind::Troubled,
        (false, true) => Kind::Proxied,
        (false, false) => Kind::Quiet,
    }
}
