//! What a server's front costs: `cargo bench -p rdv-tests --no-default-features --bench lobby` as root on Linux.
//!
//! Each server is a process of its own. Beside each measure of ours stand two baselines of the same run: a server that
//! does no more than accept, read, write and close, one connection after the other; and the same on tokio, a task for each.
//! They take turns, so a machine that becomes busy does so for all of them; ratios bear that, figures do not. It all
//! happens in a network namespace, where every address of 127.0.0.0/8 is the server's, lest ports run out.
//!
//! `RDV_BENCH_RUNS=9` has more runs of each (5; with 0, memory alone is measured), `RDV_BENCH_SECONDS=3` longer ones (1),
//! `RDV_BENCH_ONLY=tokio` fewer servers, `RDV_BENCH_CLIENTS=100000` more that wait (10000), as far as a process may have
//! files; for each of them the machine needs some 10 KB.
//! `RDV_BENCH_ALSO=COMMAND` measures another server of rdv/1 too: `{}` in it stands for the address to listen on. Pairs that
//! it leaves without an answer do not count. Of others only meeting is measured: the reference leaves some of those that
//! come and go behind, and does not outlive all of them.

#[cfg(target_os = "linux")]
mod course;
#[cfg(target_os = "linux")]
mod crowd;
#[cfg(target_os = "linux")]
mod latency;
#[cfg(target_os = "linux")]
mod server;
#[cfg(target_os = "linux")]
mod table;

#[cfg(target_os = "linux")]
fn main() {
    use rdv_tests::lab::Namespace;

    let mut args = std::env::args().skip(1);
    if args.next().as_deref() == Some(server::SERVE) {
        return server::serve(&args.next().expect("a server has a kind"));
    }
    if cfg!(feature = "watch") {
        return println!(
            "skipped: every machine is watched, which takes time and memory; add --no-default-features"
        );
    }
    let namespace = match Namespace::new() {
        Ok(namespace) => namespace,
        Err(err) => return println!("skipped: no network namespaces without root ({err})"),
    };
    namespace.ip(
        "link set lo up\nroute replace table local local 127.0.0.0/8 dev lo congctl cubic src 127.0.0.1\n",
    );
    namespace.enter(measure);
}

#[cfg(target_os = "linux")]
fn measure() {
    use std::time::Duration;

    use course::Course;
    use crowd::Crowd;
    use latency::Answers;
    use server::Kind;

    // Those that end first keep their ports to themselves for a minute, but for so many.
    std::fs::write("/proc/sys/net/ipv4/tcp_max_tw_buckets", "1024").expect("root may say so");
    let number = |name, default: f64| {
        variable(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
    };
    let runs = number("RDV_BENCH_RUNS", 5.0) as usize;
    let seconds = number("RDV_BENCH_SECONDS", 1.0);
    let clients = number("RDV_BENCH_CLIENTS", 1e4) as usize;
    let only = variable("RDV_BENCH_ONLY").unwrap_or_default();
    let lasts = Duration::from_secs_f64(seconds);
    let kinds: Vec<_> = Kind::all()
        .filter(|kind| kind.is_baseline() || *kind == Kind::Also || kind.name().contains(&only))
        .collect();
    let mut rows: Vec<_> = kinds.iter().map(|kind| table::Row::new(kind.name())).collect();
    for run in 1..=runs {
        for (kind, row) in kinds.iter().zip(&mut rows) {
            row.matches.push(Course::of_matches(*kind, lasts));
            if *kind != Kind::Also {
                row.churn.push(Course::of_churn(*kind, lasts));
            }
            row.answers.push(Answers::measure(*kind, lasts));
        }
        eprintln!("run {run} of {runs}: done");
    }
    let crowds: Vec<_> = kinds
        .iter()
        .filter(|kind| kind.can_wait() && **kind != Kind::Also)
        .map(|kind| (kind.name(), Crowd::grow(*kind, clients)))
        .collect();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "Medians of {runs} runs of {seconds} s on {cores} cores, with a load of {} at the end.\n\n{}\n{}",
        load.split(' ').next().unwrap_or("?"),
        if runs > 0 { table::speed(&rows) } else { String::new() },
        table::memory(&crowds),
    );
}

#[cfg(target_os = "linux")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("skipped: what a process has taken of the memory is asked of Linux");
}
