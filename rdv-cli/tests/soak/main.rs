//! Clients as they are on the open internet, thousands of them: they vanish, stall, flood, send garbage, half-close,
//! reset and come again. All the while pairs that behave must meet, and lose no byte. In the end the server has open
//! what it had in the beginning (but for relay threads, and pipes that are kept), takes no more memory than after the
//! first third, and a pair still meets.
//!
//! Five seconds for each adapter's server; longer by `RDV_SOAK=1h cargo test --release -p rdv-cli --test soak -- --nocapture`.

#![cfg(target_os = "linux")]

#[path = "../common/mod.rs"]
mod common;
mod crowd;
mod habits;
mod process;

use std::time::Duration;

use common::{Program, Server};
use crowd::Crowd;
use process::Process;
use rdv_cli::duration::Span;
use rdv_tests::lab::Namespace;

const PROGRAM: Program = Program::Rdv;

/// Apart from others, if it may: the ports of those who have left are taken for a minute.
fn soak(program: Program) {
    match Namespace::new() {
        Ok(namespace) => {
            namespace.ip("link set lo up\n");
            namespace.enter(|| soak_here(program));
        }
        Err(err) => {
            eprintln!("among all others, for there are no network namespaces without root ({err})");
            soak_here(program);
        }
    }
}

fn soak_here(program: Program) {
    let duration = duration();
    let server = Server::start_as(program, &["--lobby-timeout", "3s", "--idle-timeout", "5s"]);
    let addr = server.url.strip_prefix("http://").and_then(|addr| addr.parse().ok()).expect("a URL of ours");
    let mut process = Process::of(server.rdv.pid());
    // Whatever the first clients have it set up is there for good.
    habits::meet(addr, 0);
    process.is_set_up();
    process.wait_until_all_is_closed();

    let warm = Crowd::run(addr, 1, duration / 3);
    process.wait_until_all_is_closed();
    let before = process.memory();
    let rest = Crowd::run(addr, 2, duration * 2 / 3);
    process.wait_until_all_is_closed();
    let after = process.memory();
    habits::meet(addr, 1);

    println!("{program:?}, {duration:?}: {warm}; then {rest}; {before} KiB of memory, then {after}");
    assert!(
        after <= before + before / 10 + SLACK,
        "memory grew from {before} to {after} KiB with {rest}, though all of them have left"
    );
}

#[test]
fn rdv() {
    soak(Program::Rdv);
}

#[test]
fn tokio_rdv() {
    soak(Program::TokioRdv);
}

#[test]
fn smol_rdv() {
    soak(Program::SmolRdv);
}

fn duration() -> Duration {
    match std::env::var("RDV_SOAK") {
        Ok(text) => text.parse::<Span>().unwrap_or_else(|err| panic!("RDV_SOAK={text}: {err}")).0,
        Err(_) => Duration::from_secs(5),
    }
}

/// The allocator's habits, in KiB.
const SLACK: u64 = 2048;
