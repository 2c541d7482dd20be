//! Many clients at once, each of them with one habit after the other.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::habits::{self, HABITS};

/// What a crowd has done.
pub(crate) struct Crowd {
    clients: u64,
    pairs: u64,
    slowest: Duration,
}

impl Crowd {
    /// Lets it loose, and waits until all have left.
    pub(crate) fn run(addr: SocketAddr, seed: u64, duration: Duration) -> Crowd {
        let over = Arc::new(AtomicBool::new(false));
        let clients = Arc::new(AtomicU64::new(0));
        let crowd: Vec<_> = (0..AT_ONCE)
            .map(|member| {
                let (over, clients) = (over.clone(), clients.clone());
                let mut chance = Chance(seed << 32 | member << 16 | 1);
                thread::spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        let (name, act) = HABITS[chance.below(HABITS.len() as u64) as usize];
                        let before = chance.0;
                        eprintln_on_panic(
                            || format!("{name}, by chance {before}"),
                            || act(addr, &mut chance),
                        );
                        clients.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let (started, mut pairs, mut slowest) = (Instant::now(), 0, Duration::ZERO);
        while started.elapsed() < duration && !crowd.iter().any(thread::JoinHandle::is_finished) {
            let began = Instant::now();
            habits::meet(addr, seed << 32 | pairs);
            slowest = slowest.max(began.elapsed());
            pairs += 1;
        }
        over.store(true, Ordering::Relaxed);
        for member in crowd {
            assert!(member.join().is_ok(), "a client did not get what it was entitled to: see above");
        }
        Crowd { clients: clients.load(Ordering::Relaxed), pairs, slowest }
    }
}

impl fmt::Display for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { clients, pairs, slowest } = self;
        write!(f, "{clients} clients with bad habits, and {pairs} good pairs that took {slowest:?} at most")
    }
}

/// Says which of the many it was.
fn eprintln_on_panic<T>(what: impl FnOnce() -> String, act: impl FnOnce() -> T) -> T {
    struct Say<F: FnOnce() -> String>(Option<F>);
    impl<F: FnOnce() -> String> Drop for Say<F> {
        fn drop(&mut self) {
            if let Some(what) = self.0.take().filter(|_| thread::panicking()) {
                eprintln!("this was a client of the kind: {}", what());
            }
        }
    }
    let mut say = Say(Some(what));
    let result = act();
    say.0 = None;
    result
}

/// Chance that can be had again (splitmix64).
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

const AT_ONCE: u64 = 16;
