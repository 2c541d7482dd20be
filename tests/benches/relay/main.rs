//! What relaying costs: `cargo bench -p rdv-tests --bench relay` as root on Linux. Nothing is asserted.
//!
//! Each server is a process of its own, which tells how much CPU time it has taken. Each measure of ours stands beside
//! baselines of the same run: the load's own loopback TCP without anything in between, a proxy with a thread for each
//! direction, one of tokio's `copy_bidirectional`, and haproxy that splices, where it is installed. They take turns, so a
//! machine that becomes busy does so for all of them; ratios bear that, figures do not. It all happens in a network namespace
//! whose sockets are on cubic, for bbr paces loopback.
//!
//! `RDV_BENCH_RUNS=9` has more runs of each (5), `RDV_BENCH_SECONDS=3` longer ones (1), `RDV_BENCH_ONLY=tokio` fewer servers,
//! and `RDV_BENCH_MEASURES=one,beside` fewer measures than `one,eight,ping,block,beside`. With `RDV_BENCH_UNREAD=1` nobody reads
//! what arrives in bulk.
//! `RDV_BENCH_ALSO=COMMAND` measures another server of rdv/1 too: `{}` in it stands for the address to listen on.

#[cfg(target_os = "linux")]
mod bare;
#[cfg(target_os = "linux")]
mod load;
#[cfg(target_os = "linux")]
mod server;
#[cfg(target_os = "linux")]
mod table;

#[cfg(target_os = "linux")]
fn main() {
    use rdv_tests::lab::Namespace;

    let mut args = std::env::args().skip(1);
    if args.next().as_deref() == Some(server::SERVE) {
        return server::serve(&args.collect::<Vec<_>>());
    }
    let namespace = match Namespace::new() {
        Ok(namespace) => namespace,
        Err(err) => return println!("skipped: no network namespaces without root ({err})"),
    };
    // A namespace may not choose a default of its own that is not for all users; a route may.
    namespace
        .ip("link set lo up\nroute replace table local local 127.0.0.1 dev lo congctl cubic src 127.0.0.1\n");
    namespace.enter(measure);
}

#[cfg(target_os = "linux")]
fn measure() {
    use std::time::Duration;

    use load::{BALL, BLOCK, Bulk, PingPong, Receiver};
    use server::Kind;

    let runs =
        variable("RDV_BENCH_RUNS").map_or(5, |runs| runs.parse().expect("RDV_BENCH_RUNS is no number"));
    let seconds = variable("RDV_BENCH_SECONDS")
        .map_or(1.0, |seconds| seconds.parse().expect("RDV_BENCH_SECONDS is no number"));
    let only = variable("RDV_BENCH_ONLY").unwrap_or_default();
    let measures = variable("RDV_BENCH_MEASURES").unwrap_or_else(|| "one,eight,ping,block,beside".to_owned());
    let receiver = match variable("RDV_BENCH_UNREAD").as_deref() {
        None | Some("" | "0") => Receiver::Reads,
        Some(_) => Receiver::Drops,
    };
    let is_asked = |measure| measures.split(',').any(|asked| asked == measure);
    let lasts = Duration::from_secs_f64(seconds);
    let kinds: Vec<_> = Kind::ALL
        .into_iter()
        .filter(|kind| kind.is_baseline() || *kind == Kind::Also || kind.name().contains(&only))
        .filter(|kind| kind.is_there())
        .collect();
    let mut rows: Vec<_> = kinds.iter().map(|kind| table::Row::new(kind.name())).collect();
    for run in 1..=runs {
        for (kind, row) in kinds.iter().zip(&mut rows) {
            if is_asked("one") {
                row.one.push(Bulk::measure(*kind, 1, receiver, lasts));
            }
            if is_asked("eight") {
                row.eight.push(Bulk::measure(*kind, 8, receiver, lasts));
            }
            if is_asked("ping") {
                row.ping_pong.push(PingPong::measure(*kind, BALL, None, lasts));
            }
            if is_asked("block") {
                row.block.push(PingPong::measure(*kind, BLOCK, None, lasts));
            }
            if is_asked("beside") {
                row.beside.push(PingPong::measure(*kind, BALL, Some(receiver), lasts));
            }
        }
        eprintln!("run {run} of {runs}: done");
    }
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "Medians of {runs} runs of {seconds} s on {cores} cores, with a load of {} at the end.\n\n{}",
        load.split(' ').next().unwrap_or("?"),
        table::markdown(&rows)
    );
}

#[cfg(target_os = "linux")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("skipped: what a process has taken of the CPU is asked of Linux");
}
