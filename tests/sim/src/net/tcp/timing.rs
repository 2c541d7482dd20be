//! When to send again, when to ask whether the other side is there, and when to give up.

use super::super::Time;

/// The timeout before anything is known about the way (RFC 6298).
const INITIAL_RTO: Time = Time::from_secs(1);
/// The least that is added to the round trip (Linux).
const MIN_VARIANCE: Time = Time::from_millis(200);
const MAX_RTO: Time = Time::from_secs(120);
/// Retransmissions before giving up: of a SYN (`tcp_syn_retries`; 127 s in all), ...
pub(super) const SYN_RETRIES: u32 = 6;
/// ... of a SYN-ACK (`tcp_synack_retries`; 63 s), ...
pub(super) const SYN_ACK_RETRIES: u32 = 5;
/// ... and of everything else (`tcp_orphan_retries`; 102 s or more).
pub(super) const RETRIES: u32 = 8;

/// How long nothing is heard before the first keepalive probe, ...
pub(super) const KEEPALIVE_TIME: Time = Time::from_secs(30);
/// ... how long each probe has for an answer, ...
pub(super) const KEEPALIVE_INTERVAL: Time = Time::from_secs(10);
/// ... and how many there are. These are the socket options of rdv's streams.
pub(super) const KEEPALIVE_PROBES: u32 = 3;

/// The estimate of the round trip, and what is being timed.
#[derive(Debug, Default)]
pub(super) struct Rto {
    /// SRTT and RTTVAR, once there is a sample.
    estimate: Option<(Time, Time)>,
    /// The end of the segment that is timed, and when it was sent.
    timed: Option<(u32, Time)>,
    /// Retransmissions since the last progress.
    tries: u32,
}

impl Rto {
    pub(super) fn timeout(&self) -> Time {
        let base = self.estimate.map_or(INITIAL_RTO, |(srtt, var)| srtt + (4 * var).max(MIN_VARIANCE));
        (base * (1 << self.tries)).min(MAX_RTO)
    }

    pub(super) fn tries(&self) -> u32 {
        self.tries
    }

    /// A segment was sent for the first time.
    pub(super) fn sent(&mut self, now: Time, end: u32) {
        self.timed.get_or_insert((end, now));
    }

    /// A segment is sent again, so its acknowledgement will be ambiguous (Karn's algorithm).
    pub(super) fn sent_again(&mut self) {
        self.timed = None;
        self.tries += 1;
    }

    pub(super) fn acknowledged(&mut self, now: Time, ack: u32) {
        self.tries = 0;
        let Some((_, sent)) = self.timed.take_if(|(end, _)| (ack.wrapping_sub(*end) as i32) >= 0) else {
            return;
        };
        let sample = now.saturating_sub(sent);
        self.estimate = Some(match self.estimate {
            None => (sample, sample / 2),
            Some((srtt, var)) => ((7 * srtt + sample) / 8, (3 * var + srtt.abs_diff(sample)) / 4),
        });
    }
}

/// The silence of the other side, and the probes into it.
#[derive(Debug, Default)]
pub(super) struct Keepalive {
    due: Time,
    /// Probes since it was last heard.
    sent: u32,
}

impl Keepalive {
    /// When to probe, or to give up.
    pub(super) fn due(&self) -> Time {
        self.due
    }

    /// A segment came, whatever it says.
    pub(super) fn heard(&mut self, now: Time) {
        *self = Self { due: now + KEEPALIVE_TIME, sent: 0 };
    }

    /// Takes one of the probes, if any is left.
    pub(super) fn take_probe(&mut self, now: Time) -> bool {
        let is_left = self.sent < KEEPALIVE_PROBES;
        if is_left {
            self.sent += 1;
            self.due = now + KEEPALIVE_INTERVAL;
        }
        is_left
    }
}
