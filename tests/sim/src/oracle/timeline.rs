//! When each flow can arrive.

use super::Span;
use super::trace::{Atlas, End, Flow, Gate};
use crate::net::{Time, Unexpected};
use rdv_core::Role;

/// The flows of an atlas in time, counted from the match.
pub(super) struct Timeline<'a> {
    atlas: &'a Atlas,
    /// How much later than it should everything may happen.
    slack: Time,
    /// For each flow, whether it certainly never meets an RST. If it may, then the filters that forget at an RST
    /// may forget what it has opened.
    clean: Vec<bool>,
}

/// Whether a gate lets a flow pass that comes at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Pass {
    No,
    Perhaps,
    Yes,
}

impl<'a> Timeline<'a> {
    pub(super) fn new(atlas: &'a Atlas, slack: Time) -> Self {
        let mut timeline = Self { atlas, slack, clean: vec![true; atlas.flows.len()] };
        // Two flows that open each other's gate are clean if both are: so begin with all, and strike out.
        loop {
            let dirty = |flow: &Flow| !timeline.is_clean(flow);
            let found =
                atlas.flows.iter().zip(&timeline.clean).position(|(flow, clean)| *clean && dirty(flow));
            match found {
                Some(at) => timeline.clean[at] = false,
                None => return timeline,
            }
        }
    }

    /// When the first direct connection is ready at the dialer.
    pub(super) fn ready(&self) -> Option<Span> {
        let [dialer, accepter] = [Role::Dial, Role::Accept].map(|role| self.departure(role));
        let all = self.atlas.flows.iter().filter_map(|flow| {
            let arrives = self.arrives(flow)?;
            // The SYN is answered (1), which the other side learns (2), whose line then comes back (3). But neither says
            // a word before it knows of the match.
            let from = arrives.from + 2 * flow.takes.from;
            let from = from.max(accepter.from + flow.takes.from).max(dialer.from);
            let until = match (arrives.until, flow.takes.until, accepter.until, dialer.until) {
                (Some(at), Some(trip), Some(accepter), Some(dialer)) => {
                    let until = (at + 3 * trip).max(accepter + trip).max(dialer);
                    Some(until + MARGIN + self.slack)
                }
                _ => None,
            };
            Some(Span { from, until })
        });
        all.reduce(|a, b| Span {
            from: a.from.min(b.from),
            until: match (a.until, b.until) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            },
        })
    }

    /// When a SYN of the flow reaches the peer for the first time. `None`: never.
    fn arrives(&self, flow: &Flow) -> Option<Span> {
        if flow.end != End::Peer || flow.is_to_server {
            return None;
        }
        let mut first = None;
        let mut sent = self.departure(flow.from);
        if self.is_confused(flow) {
            return Some(Span { from: sent.from + flow.takes.from, until: None });
        }
        let mut repeats = SYN_REPEATS.iter();
        for _ in 0..ATTEMPTS_MAX {
            let closed = || flow.gates.iter().filter(|gate| self.passes(gate, sent) != Pass::Yes);
            if closed().all(|gate| self.passes(gate, sent) == Pass::Perhaps) {
                first = first.or(Some(sent.from + flow.takes.from));
            }
            let Some(gate) = closed().next() else {
                let is_disturbed = self.can_be_crossed(flow) || self.can_be_begun_anew(flow);
                let until = sent.plus(flow.takes).until.filter(|_| !is_disturbed);
                return first.map(|from| Span { from, until });
            };
            if closed().any(|other| {
                (other.refusal() == Unexpected::Dropped) != (gate.refusal() == Unexpected::Dropped)
            }) {
                return Some(Span { from: first.unwrap_or(sent.from + flow.takes.from), until: None });
            }
            sent = match gate.refusal() {
                Unexpected::Dropped => match repeats.next() {
                    Some(pause) => sent.plus(Span::at(Time::from_secs(*pause))),
                    None => break,
                },
                Unexpected::Reset | Unexpected::Unreachable => {
                    repeats = SYN_REPEATS.iter();
                    sent.plus(gate.at).plus(gate.at).plus(redial(sent))
                }
            };
        }
        first.map(|from| Span { from, until: None })
    }

    /// Whether the first SYN of a flow finds each gate open that would answer by an RST, and no stranger.
    fn is_clean(&self, flow: &Flow) -> bool {
        let sent = self.departure(flow.from);
        let mut resets = flow.gates.iter().filter(|gate| gate.refusal() == Unexpected::Reset);
        flow.is_to_server
            || (flow.end != End::Stranger && resets.all(|gate| self.passes(gate, sent) == Pass::Yes))
    }

    fn passes(&self, gate: &Gate, sent: Span) -> Pass {
        let arrival = sent.plus(gate.at);
        let openers = self.atlas.flows.iter().zip(&self.clean);
        let openings =
            openers.flat_map(|(flow, clean)| flow.openings.iter().map(move |it| (flow, *clean, it)));
        let opens =
            openings.filter(|(.., opening)| gate.is_opened_by(opening)).map(|(flow, clean, opening)| {
                if flow.is_to_server {
                    return Pass::Yes;
                }
                let opened = self.departure(flow.from).plus(opening.at);
                let lasts = clean || !opening.forgets_on_reset;
                match opened.until {
                    Some(opened) if opened < arrival.from && lasts => Pass::Yes,
                    _ if arrival.until.is_none_or(|arrival| opened.from <= arrival) => Pass::Perhaps,
                    _ => Pass::No,
                }
            });
        opens.max().unwrap_or(Pass::No)
    }

    /// Whether a NAT on the way mixes this flow up with one in the other direction.
    fn is_confused(&self, flow: &Flow) -> bool {
        let openings = || self.atlas.flows.iter().flat_map(|flow| &flow.openings);
        let can_be_open = |gate: &&Gate| openings().any(|opening| gate.is_opened_by(opening));
        let confused = |one: &Flow, two: &Flow| {
            let mut entered = one.gates.iter().take_while(can_be_open);
            entered.any(|gate| two.openings.iter().any(|opening| gate.is_confused_by(opening)))
        };
        self.atlas.flows.iter().any(|other| confused(flow, other) || confused(other, flow))
    }

    /// Whether a flow and its twin, which dials the other way between the same two sockets, can disturb each other:
    /// the one comes in while the refusal of the other is on its way, which then hits what the two have become.
    fn can_be_crossed(&self, flow: &Flow) -> bool {
        let cross = |dialed: &Flow, came: &Flow| {
            dialed.is_twin_of(came)
                && self.refused_until(dialed).is_some_and(|refused| {
                    let arrives = self.departure(came.from).plus(came.takes);
                    refused.is_none_or(|refused| arrives.from <= refused)
                })
        };
        self.atlas.flows.iter().any(|other| cross(flow, other) || cross(other, flow))
    }

    /// Whether one side may reset what comes in, since an ICMP error has ended its own dial the other way: then both
    /// flows begin anew.
    fn can_be_begun_anew(&self, flow: &Flow) -> bool {
        let can_be_prohibited = |flow: &Flow| {
            let sent = self.departure(flow.from);
            let mut gates = flow.gates.iter().filter(|gate| gate.refusal() == Unexpected::Unreachable);
            gates.any(|gate| self.passes(gate, sent) != Pass::Yes)
        };
        let anew = |dialed: &Flow, came: &Flow| dialed.is_twin_of(came) && can_be_prohibited(dialed);
        self.atlas.flows.iter().any(|other| anew(flow, other) || anew(other, flow))
    }

    /// When the sender of a first SYN that can be refused knows for certain.
    fn refused_until(&self, flow: &Flow) -> Option<Option<Time>> {
        let sent = self.departure(flow.from);
        let refusing = flow.gates.iter().filter(|gate| gate.refusal() != Unexpected::Dropped);
        let closed = refusing.filter(|gate| self.passes(gate, sent) != Pass::Yes);
        closed.map(|gate| sent.plus(gate.at).plus(gate.at).until).next_back()
    }

    /// When a side learns of the match, and begins to dial.
    pub(super) fn departure(&self, role: Role) -> Span {
        let Span { from, until } = self.atlas.matched[role as usize];
        Span { from, until: until.map(|until| until + self.slack) }
    }
}

/// Seconds between a SYN and its repetitions.
const SYN_REPEATS: [u64; 5] = [1, 2, 4, 8, 16];
/// The pause between a dial that was sent at some time and has failed, and the next.
fn redial(sent: Span) -> Span {
    let grown = |at: Time| at / 200;
    let until = sent.until.map(|sent| 9 * grown(sent).clamp(Time::from_millis(10), Time::from_millis(100)));
    Span { from: Time::ZERO, until: until.map(|until| until + MARGIN) }
}

/// More than any two sides are apart, at the pace of redials.
const ATTEMPTS_MAX: usize = 64;
/// For what takes no time on the way.
const MARGIN: Time = Time::from_millis(2);
