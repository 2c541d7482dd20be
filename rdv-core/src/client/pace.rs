//! When to dial again (rdv/1 section 3).
//!
//! Where a firewall or a NAT turns an unexpected SYN away, two peers meet only if their SYNs cross: each has left before
//! the other comes. So the pauses are random, lest two peers stay out of phase, and in proportion to the way that the
//! SYNs have to cross on. What a refusal took tells how long that is.

use std::io;
use std::ops::RangeInclusive;
use std::time::Duration;

/// A dial that has failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    pub(super) kind: io::ErrorKind,
    /// From the dial to the error: one round trip, if it is the network that refused.
    pub(super) took: Duration,
    /// Since the race began.
    pub(super) racing: Duration,
    /// How often the candidate was dialled.
    pub(super) dials: u32,
}

/// How long to wait before the candidate is dialled again, perhaps not at all. `None`: it is hopeless.
pub(super) fn pause(refusal: Refusal, rng: &mut fastrand::Rng) -> Option<Duration> {
    let Refusal { kind, took, racing, dials } = refusal;
    if matches!(kind, io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) {
        return None;
    }
    // The system's own errors take no time, and no SYN has left.
    let is_own = matches!(kind, io::ErrorKind::AddrNotAvailable | io::ErrorKind::NetworkUnreachable);
    // Of addresses that are nobody's, it is the next router that says so: no reason to be a burden on it.
    let is_reset = matches!(kind, io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset);
    let at_once = if is_reset { RESET_DIALS } else { OTHER_DIALS };
    if !is_own && took < HERE && racing < START && dials < at_once {
        return Some(Duration::ZERO);
    }
    let shortest = if is_own { FAR } else { took.clamp(NEAR, FAR) };
    let shortest = shortest.max(racing / PATIENCE).min(LONGEST);
    Some(shortest * rng.u32(SPREAD) / 1000)
}

/// For how long to leave it to the peer to dial, whom the last dial took this long to fail to reach: by then the peer
/// has dialled again, if it goes by these rules. It may be slower than we are, so the next `turns` are longer.
pub(super) fn turn(took: Duration, racing: Duration, turns: u32) -> Duration {
    let shortest = took.max(NEAR).saturating_mul(1 << turns.min(8)).min(FAR).max(racing / PATIENCE);
    took + shortest.min(LONGEST) * (SPREAD.end() / 1000)
}

/// Whoever answers within this time is in the next room.
const HERE: Duration = Duration::from_millis(1);
/// For so long the peer may be later than we are in learning whom to dial,
const START: Duration = Duration::from_millis(10);
/// and we dial somebody in the next room at most so often, if by an RST it is himself who refuses,
const RESET_DIALS: u32 = 32;
/// and so often, if by ICMP it may be a router.
const OTHER_DIALS: u32 = 8;
/// The shortest pause there is,
const NEAR: Duration = Duration::from_micros(300);
/// and the shortest for peers at a distance of this or more.
const FAR: Duration = Duration::from_millis(10);
/// No dial comes sooner than this part of the race's time so far: after 2 s the pauses begin to grow, for all.
const PATIENCE: u32 = 200;
/// The shortest pause, however long a race lasts.
const LONGEST: Duration = Duration::from_millis(100);
/// A pause is this many thousandths of the shortest one.
const SPREAD: RangeInclusive<u32> = 1000..=9000;
