//! What a server counts: where it is decided, so that no adapter has to.

mod text;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::{LobbyConfig, RelayEnd, Traffic};
use crate::wire::Reject;

/// What a server has done so far, and what it holds at the moment.
///
/// A [`Lobby`](super::Lobby) and its relays write to it and never read it, so that the same inputs still give the
/// same outputs. Others read it, from whatever thread: as a whole by [`render`](Self::render), or what there is a
/// method for. Several lobbies can share one, and are counted together then.
///
/// ```
/// use rdv_core::{Lobby, LobbyConfig, Metrics};
/// let lobby = Lobby::new(LobbyConfig::default());
/// assert!(lobby.metrics().render().contains("\nrdv_matches_total 0\n"));
/// ```
#[derive(Debug)]
pub struct Metrics {
    connections: Counter,
    in_lobby: Gauge,
    waiting: Gauge,
    waiting_max: Gauge,
    open_max: Gauge,
    draining: AtomicBool,
    turns: Counter,
    refusals: Tally,
    faults: Tally,
    pages: Counter,
    observations: Counter,
    gone: Counter,
    waits: Histogram,
    pairs: Gauge,
    relays: Gauge,
    relayed: Counter,
    ends: Tally,
    to_accepter: Counter,
    to_dialer: Counter,
}

/// Whether a server takes in new clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It does.
    Ready,
    /// As many clients wait as it is configured to hold, or as many connections are open.
    Full,
    /// It is about to end.
    Draining,
}

impl Metrics {
    /// The media type of what [`render`](Self::render) writes.
    pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

    /// Everything, in Prometheus' text format 0.0.4. Every series is there from the beginning, and none is named by
    /// what a client has said.
    pub fn render(&self) -> String {
        text::render(self)
    }

    /// Whether new clients are taken in.
    pub fn readiness(&self) -> Readiness {
        let is_full = |is: u64, max: &Gauge| max.get() > 0 && is >= max.get();
        let open = self.in_lobby.get() + 2 * self.pairs.get();
        if self.draining.load(Ordering::Relaxed) {
            Readiness::Draining
        } else if is_full(self.waiting.get(), &self.waiting_max) || is_full(open, &self.open_max) {
            Readiness::Full
        } else {
            Readiness::Ready
        }
    }

    /// Clients that wait for their peer.
    pub fn waiting(&self) -> u64 {
        self.waiting.get()
    }

    /// Pairs that have been made, and have not ended yet.
    pub fn pairs(&self) -> u64 {
        self.pairs.get()
    }

    /// How often the lobby has had nothing more to do. A driver that is alive makes this grow whenever it is woken.
    pub fn turns(&self) -> u64 {
        self.turns.get()
    }

    /// Counts a refusal. For what an adapter refuses before a machine has seen it; a machine counts its own.
    pub fn refused(&self, reject: &Reject) {
        self.refusals.count(reject.code());
    }

    pub(super) fn connected(&self) {
        self.connections.add(1);
    }

    pub(super) fn failed(&self, fault: HeadFault) {
        self.faults.count(fault.word());
    }

    pub(super) fn showed_page(&self) {
        self.pages.add(1);
    }

    pub(super) fn observed(&self) {
        self.observations.add(1);
    }

    pub(super) fn waiter_gone(&self) {
        self.gone.add(1);
    }

    pub(super) fn turned(&self) {
        self.turns.add(1);
    }

    pub(super) fn drains(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            connections: Counter::default(),
            in_lobby: Gauge::default(),
            waiting: Gauge::default(),
            waiting_max: Gauge::default(),
            open_max: Gauge::default(),
            draining: AtomicBool::default(),
            turns: Counter::default(),
            refusals: Tally::of(Reject::CODES),
            faults: Tally::of(HeadFault::WORDS),
            pages: Counter::default(),
            observations: Counter::default(),
            gone: Counter::default(),
            waits: Histogram::default(),
            pairs: Gauge::default(),
            relays: Gauge::default(),
            relayed: Counter::default(),
            ends: Tally::of(RelayEnd::CODES),
            to_accepter: Counter::default(),
            to_dialer: Counter::default(),
        }
    }
}

/// What a lobby holds, as far as it has been told to the metrics; taken back when the lobby is dropped.
#[derive(Debug)]
pub(super) struct Census {
    metrics: Arc<Metrics>,
    in_lobby: usize,
    waiting: usize,
    waiting_max: usize,
    open_max: usize,
}

impl Census {
    pub(super) fn new(metrics: Arc<Metrics>, config: &LobbyConfig) -> Self {
        // Where there is no limit, a number that is never reached, and of which there can be some.
        let (waiting_max, open_max) = (config.max_waiting, config.max_open.unwrap_or(u32::MAX as usize));
        metrics.waiting_max.change(0, waiting_max);
        metrics.open_max.change(0, open_max);
        Self { metrics, in_lobby: 0, waiting: 0, waiting_max, open_max }
    }

    pub(super) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    pub(super) fn take(&mut self, in_lobby: usize, waiting: usize) {
        self.metrics.in_lobby.change(self.in_lobby, in_lobby);
        self.metrics.waiting.change(self.waiting, waiting);
        (self.in_lobby, self.waiting) = (in_lobby, waiting);
    }
}

impl Drop for Census {
    fn drop(&mut self) {
        self.take(0, 0);
        self.metrics.waiting_max.change(self.waiting_max, 0);
        self.metrics.open_max.change(self.open_max, 0);
    }
}

/// One pair, counted for as long as it lasts.
#[derive(Debug)]
pub(super) struct PairCount {
    metrics: Arc<Metrics>,
    is_relayed: bool,
    /// By which its lobby counts the pairs that are not history yet: metrics may be those of several.
    living: Option<Arc<()>>,
}

impl PairCount {
    /// Of a pair of which one has waited for so long.
    pub(super) fn new(metrics: Arc<Metrics>, waited: Duration, living: Arc<()>) -> Self {
        metrics.waits.observe(waited);
        metrics.pairs.change(0, 1);
        Self { metrics, is_relayed: false, living: Some(living) }
    }

    /// Their application takes the relay.
    pub(super) fn relays(&mut self) {
        if !std::mem::replace(&mut self.is_relayed, true) {
            self.metrics.relayed.add(1);
            self.metrics.relays.change(0, 1);
        }
    }

    pub(super) fn passed_on(&self, before: Traffic, now: Traffic) {
        self.metrics.to_accepter.add(now.to_accepter.saturating_sub(before.to_accepter));
        self.metrics.to_dialer.add(now.to_dialer.saturating_sub(before.to_dialer));
    }

    pub(super) fn refused(&self, reject: &Reject) {
        self.metrics.refused(reject);
    }

    pub(super) fn ended(&mut self, end: RelayEnd) {
        self.metrics.ends.count(end.code());
        self.living = None;
    }
}

impl Drop for PairCount {
    fn drop(&mut self) {
        self.metrics.pairs.change(1, 0);
        self.metrics.relays.change(usize::from(self.is_relayed), 0);
    }
}

/// Why there was no request to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeadFault {
    /// The client left, or its time was over, before its first byte.
    Silent,
    /// The connection ended or broke within the head.
    CutOff,
    /// The head did not come in time.
    Late,
    /// TLS failed.
    Tls,
    /// There were so many that it was closed without a word.
    NoRoom,
}

impl HeadFault {
    const WORDS: &[&str] = &["silent", "cut-off", "timeout", "tls", "no-room"];

    fn word(self) -> &'static str {
        Self::WORDS[self as usize]
    }
}

#[derive(Debug, Default)]
struct Counter(AtomicU64);

impl Counter {
    fn add(&self, n: u64) {
        if n > 0 {
            self.0.fetch_add(n, Ordering::Relaxed);
        }
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The sum of what several have.
#[derive(Debug, Default)]
struct Gauge(AtomicU64);

impl Gauge {
    /// One of them has so many instead of so many.
    fn change(&self, before: usize, now: usize) {
        if before != now {
            self.0.fetch_add((now as u64).wrapping_sub(before as u64), Ordering::Relaxed);
        }
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counters by words that are known beforehand.
#[derive(Debug)]
struct Tally(Box<[(&'static str, Counter)]>);

impl Tally {
    fn of(words: &[&'static str]) -> Self {
        Self(words.iter().map(|word| (*word, Counter::default())).collect())
    }

    fn count(&self, word: &str) {
        match self.0.iter().find(|(known, _)| *known == word) {
            Some((_, counter)) => counter.add(1),
            None => debug_assert!(false, "{word:?} is missing in its list"),
        }
    }
}

/// How long clients have waited for their peers.
#[derive(Debug, Default)]
struct Histogram {
    /// One more than there are bounds.
    buckets: [Counter; WAITS.len() + 1],
    micros: Counter,
}

impl Histogram {
    fn observe(&self, time: Duration) {
        let seconds = time.as_secs_f64();
        let bucket = WAITS.iter().position(|(bound, _)| seconds <= *bound).unwrap_or(WAITS.len());
        self.buckets[bucket].add(1);
        self.micros.add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }
}

/// Bounds in seconds, as numbers and as the text has them. The lobby's timeout is the last, unless it is configured.
const WAITS: [(f64, &str); 10] = [
    (0.01, "0.01"),
    (0.1, "0.1"),
    (0.5, "0.5"),
    (1.0, "1"),
    (5.0, "5"),
    (15.0, "15"),
    (60.0, "60"),
    (180.0, "180"),
    (300.0, "300"),
    (600.0, "600"),
];
