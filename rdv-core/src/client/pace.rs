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
    /// How often the candidate was dialled, since it was begun anew if it was.
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
    let is_at_once = if is_reset {
        took < HERE && racing < START && dials < RESET_DIALS
    } else {
        took < FAR && dials < PROHIBITED_DIALS
    };
    if !is_own && is_at_once {
        return Some(Duration::ZERO);
    }
    let shortest = if is_own { FAR } else { took.clamp(NEAR, FAR) };
    let shortest = shortest.max(racing / PATIENCE).min(LONGEST);
    Some(shortest * rng.u32(SPREAD) / 1000)
}

/// For how long to leave it to the peer to dial, after a connection of his was reset for a dial of ours that an ICMP error
/// had ended. `dialled` is how long ago the last dial began, and `refused` after how long the error came.
///
/// A peer who is far has dialled again by then, if it goes by these rules; it may be slower than we are, so the next
/// `turns` are longer. `None`: one who is near is dialled at once. Our firewall forgets a reset connection by a SYN of ours
/// alone; if the peer's comes first, ours may drop it, and the peer's system sends no other for a second.
pub(super) fn turn(dialled: Duration, refused: Duration, racing: Duration, turns: u32) -> Option<Duration> {
    if refused < FAR && turns < ANEW_AT_ONCE {
        return None;
    }
    let shortest = dialled.max(NEAR).saturating_mul(1 << turns.min(8)).min(FAR).max(racing / PATIENCE);
    Some(dialled + shortest.min(LONGEST) * (SPREAD.end() / 1000))
}

/// Whoever answers within this time is in the next room.
const HERE: Duration = Duration::from_millis(1);
/// For so long the peer may be later than we are in learning whom to dial,
const START: Duration = Duration::from_millis(10);
/// and we dial somebody in the next room at most so often, if by an RST it is himself who refuses,
const RESET_DIALS: u32 = 32;
/// and so often, if by ICMP it may be a router. Such a dial has left its sequence number in our own firewall: a SYN that
/// comes before our next one gets an answer that does not go through, and both are stuck until the firewall forgets. So
/// the gap has to be short. Linux sends six such errors in a row, then one a second: the seventh SYN stays out.
const PROHIBITED_DIALS: u32 = 8;
/// How often a near candidate is begun anew with as many dials.
const ANEW_AT_ONCE: u32 = 8;
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
