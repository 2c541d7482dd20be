//! Many scenarios, one after the other and on every core.

use std::fmt;
use std::ops::{AddAssign, Range};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use rdv_core::Route;

use crate::{Chance, Scenario, check, oracle::Verdict, world::Sockets};

/// Which scenarios a seed stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Those whose outcome the oracle knows.
    Quiet,
    /// Those in which something goes wrong.
    Troubled,
    /// Those in which the server is reached through a proxy.
    Proxied,
}

/// What came of many scenarios.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// All that were run.
    pub attempts: u64,
    /// For each verdict of the oracle, how many ended direct and how many relayed.
    pub routes: [[u64; 2]; 3],
    /// Those that ended without a connection.
    pub failed: u64,
    /// Those in which packets were lost.
    pub lossy: u64,
    /// What happened on the networks, all told.
    pub steps: u64,
    /// The most sockets that any attempt had open at a time.
    pub sockets: Sockets,
    /// The seeds for which something was not as it must be, and what. At most the first 10 of each thread.
    pub failures: Vec<(u64, String)>,
}

impl Kind {
    /// The scenario of a seed.
    pub fn scenario(self, seed: u64) -> Scenario {
        let chance = &mut Chance::of_seed(seed);
        match self {
            Kind::Quiet => Scenario::quiet(chance),
            Kind::Troubled => Scenario::troubled(chance),
            Kind::Proxied => Scenario::proxied(chance),
        }
    }

    /// Runs the scenarios of a range of seeds on `jobs` threads.
    pub fn sweep(self, seeds: Range<u64>, jobs: usize) -> Tally {
        let next = AtomicU64::new(seeds.start);
        let tally = Mutex::new(Tally::default());
        thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| {
                    let mut own = Tally::default();
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= seeds.end || own.failures.len() >= FAILURES_MAX {
                            break;
                        }
                        own += self.run(seed);
                    }
                    *tally.lock().unwrap_or_else(|err| err.into_inner()) += own;
                });
            }
        });
        tally.into_inner().unwrap_or_else(|err| err.into_inner())
    }

    fn run(self, seed: u64) -> Tally {
        let mut tally = Tally { attempts: 1, ..Tally::default() };
        let result = catch_unwind(AssertUnwindSafe(|| check(&self.scenario(seed))));
        match result.unwrap_or_else(|panic| Err(message(&*panic))) {
            Ok((foretold, outcome)) => {
                tally.steps = u64::from(outcome.steps);
                tally.sockets =
                    outcome.courses.iter().fold(Sockets::default(), |most, it| most.max(it.sockets));
                tally.lossy = u64::from(outcome.lost > 0);
                let verdict = if outcome.lost > 0 { foretold.if_lossy } else { foretold.verdict };
                match outcome.courses[0].outcome {
                    Some(Ok(route)) => tally.routes[verdict as usize][route as usize] = 1,
                    Some(Err(_)) | None => tally.failed = 1,
                }
            }
            Err(why) => tally.failures.push((seed, why)),
        }
        tally
    }
}

impl Tally {
    /// # Panics
    ///
    /// If anything was not as it must be, with the seeds and with how to see them again.
    pub fn assert_none_failed(&self, kind: Kind) {
        let told: Vec<_> = self.failures.iter().map(|(seed, why)| format!("seed {seed}: {why}")).collect();
        let replay = match kind {
            Kind::Quiet => "",
            Kind::Troubled => " --troubled",
            Kind::Proxied => " --proxied",
        };
        assert!(
            told.is_empty(),
            "{}\nsee one again: cargo run --release -p rdv-sim --example sim -- show --packets <seed>{replay}",
            told.join("\n")
        );
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.attempts += other.attempts;
        self.failed += other.failed;
        self.lossy += other.lossy;
        self.steps += other.steps;
        self.sockets = self.sockets.max(other.sockets);
        for (ours, theirs) in self.routes.iter_mut().flatten().zip(other.routes.iter().flatten()) {
            *ours += theirs;
        }
        self.failures.extend(other.failures);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (direct, relay) = (Route::Direct as usize, Route::Relay as usize);
        writeln!(f, "{:>10}  {:>10}  {:>10}", "oracle", "direct", "relay")?;
        for verdict in [Verdict::Direct, Verdict::Relay, Verdict::Open] {
            let routes = self.routes[verdict as usize];
            writeln!(f, "{:>10}  {:>10}  {:>10}", format!("{verdict:?}"), routes[direct], routes[relay])?;
        }
        let Self { attempts, failed, lossy, steps, .. } = self;
        writeln!(
            f,
            "{attempts} attempts, {steps} steps, {lossy} with losses, {failed} without a connection"
        )?;
        let Sockets { dialed: [v4, v6], came_in: [in4, in6] } = self.sockets;
        let (v4, v6) = (v4 + 1, v6 + 1);
        write!(f, "sockets at a time: {v4} of IPv4, {v6} of IPv6; and {in4} and {in6} that came in")
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or("with no message"))
}

const FAILURES_MAX: usize = 10;
