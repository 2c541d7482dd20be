use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use super::*;

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn shared() -> (Arc<Shared>, PortMapper) {
    let shared = Arc::new(Shared::default());
    (shared.clone(), PortMapper(shared))
}

fn mapping() -> Mapping {
    let (external, internal) = ("198.51.100.1:9".parse().unwrap(), "10.0.0.2".parse().unwrap());
    Mapping { external, internal, protocol: Protocol::Pcp }
}

#[test]
fn the_outcome_wakes_who_waits_and_stays() {
    let (shared, mapper) = shared();
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(count.clone());
    let mut cx = Context::from_waker(&waker);
    assert!(mapper.poll(&mut cx).is_pending());
    let worker = shared.clone();
    thread::spawn(move || worker.publish(Ok(mapping())));
    assert_eq!(mapper.wait(), Ok(mapping()));
    while count.0.load(Ordering::SeqCst) == 0 {
        thread::yield_now();
    }
    shared.publish(Err(MapError { tried: Vec::new() }));
    assert_eq!(mapper.poll(&mut cx), Poll::Ready(Ok(mapping())));
    // Before the mapper, or whoever settles would wait for it.
    drop(Ending(shared));
}

/// As one that has panicked.
#[test]
fn a_thread_that_ends_without_a_word_has_failed() {
    let (shared, mapper) = shared();
    drop(Ending(shared));
    assert_eq!(mapper.wait().unwrap_err().to_string(), "nothing was tried");
}

/// One test, for what is counted is counted for the whole process.
#[test]
fn who_settles_waits_for_those_that_are_dropped() {
    let (shared, mapper) = shared();
    assert!(settle(Duration::ZERO), "nothing was dropped");
    let end = Ending(shared.clone());
    assert!(!shared.released_within(Duration::ZERO));
    drop(mapper);
    assert!(shared.released_within(Duration::ZERO));
    assert!(!settle(Duration::from_millis(1)));
    let ending = thread::spawn(move || drop(end));
    assert!(settle(Duration::from_secs(60)));
    ending.join().unwrap();
}

#[test]
fn who_is_unusable() {
    for ip in ["0.0.0.0", "127.0.0.1", "169.254.1.1", "224.0.0.1", "255.255.255.255", "2001:db8::1"] {
        assert!(!is_usable(ip.parse().unwrap()), "{ip}");
    }
    for ip in ["198.51.100.1", "10.0.0.1", "100.64.0.1"] {
        assert!(is_usable(ip.parse().unwrap()), "{ip}");
    }
}

#[test]
fn seeds_differ_in_what_comes_of_them() {
    let mut numbers: Vec<u64> = (0..100).flat_map(|seed| [chance(seed, 0), chance(seed, 1)]).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 200);
}
