//! How long it takes to connect, in round trips: `cargo bench -p rdv-tests --bench timing` as root, on an
//! idle machine; on a busy one the wires are late too, unless all of it runs under `chrt -f 10`.
//!
//! Server, dialer and accepter are equally far from each other, on the laboratory's networks. The accepter waits at the
//! server. What the wires take is measured in the same run, by a bare TCP connect: that is one round trip.
//! `RDV_BENCH_RUNS=20` has more runs of each, `RDV_BENCH_RTTS=50,200` other distances in milliseconds.

#[cfg(target_os = "linux")]
mod course;
#[cfg(target_os = "linux")]
mod table;

#[cfg(target_os = "linux")]
fn main() {
    use course::{CASES, Place};

    if let Some(missing) = rdv_tests::lab::missing() {
        println!("skipped: {missing}");
        return;
    }
    let runs =
        variable("RDV_BENCH_RUNS").map_or(7, |runs| runs.parse().expect("RDV_BENCH_RUNS is no number"));
    let rtts = variable("RDV_BENCH_RTTS").unwrap_or_else(|| "0,50,100,200".to_owned());
    let rtts = rtts.split(',').map(|rtt| rtt.trim().parse().expect("RDV_BENCH_RTTS are no numbers"));
    let (mut direct, mut relayed) = (Vec::new(), Vec::new());
    for rtt in rtts {
        for case in CASES {
            for adapter in course::ADAPTERS {
                let series = Place::new(case, rtt, adapter).series(runs);
                eprintln!("{}, {rtt} ms, {}: done", case.name(), adapter.name());
                if case.is_direct() { &mut direct } else { &mut relayed }.push(series);
            }
        }
    }
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "{runs} runs of each on {cores} cores, with a load of {}",
        load.split(' ').next().unwrap_or("?")
    );
    println!("\n{}\n{}\n{}", table::direct(&direct), table::steps(&direct), table::relayed(&relayed));
}

#[cfg(target_os = "linux")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("skipped: the laboratory's networks are made of Linux");
}
