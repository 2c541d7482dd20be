//! What must happen, told from the scenario alone: no machine, no packet and no clock takes part.
//!
//! A *flow* is one side dialling one of the other's addresses. On its way out it opens filters, and on its way in
//! it meets the gates of others (`trace.rs`). A gate lets it pass from when one of the other side's flows has opened
//! it. From these times follows when each flow can arrive, and from the first arrival whether that is within
//! the dialer's patience (`timeline.rs`).

mod timeline;
mod trace;

use crate::net::Time;
use crate::scenario::{Choice, Scenario};
use rdv_core::Role;
use timeline::Timeline;
use trace::Atlas;

/// How an attempt must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// With a direct connection.
    Direct,
    /// With the relay.
    Relay,
    /// That depends on chance: which of two packets is first, or how long a random pause is.
    Open,
}

/// From and until when something can happen; `None`: it may never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// At the earliest.
    pub from: Time,
    /// At the latest.
    pub until: Option<Time>,
}

/// What the oracle says of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foretold {
    /// How it ends, if no packet is lost.
    pub verdict: Verdict,
    /// The same, if some are.
    pub if_lossy: Verdict,
    /// When a direct connection is ready at the dialer, counted from the match. `None`: never.
    pub ready: Option<Span>,
}

/// Tells the outcome of a scenario without mishaps.
pub fn foretell(scenario: &Scenario) -> Foretold {
    let [dialed, accepted] = [Role::Dial, Role::Accept].map(|role| scenario.server_addrs_for(role));
    let atlas = Atlas::new(scenario, [dialed.first().copied(), accepted.first().copied()]);
    let timeline = Timeline::new(&atlas, Time::ZERO);
    let (verdict, ready) = (judge(scenario, &timeline), timeline.ready());

    // If packets are lost, either of the server's addresses may answer first. And what can be in time need not be.
    let ways =
        dialed.iter().flat_map(|dialed| accepted.iter().map(|accepted| [Some(*dialed), Some(*accepted)]));
    let lossy = ways.map(|way| judge(scenario, &Timeline::new(&Atlas::new(scenario, way), LOSS_DELAY)));
    let if_lossy = lossy.reduce(|a, b| if a == b { a } else { Verdict::Open }).unwrap_or(verdict);
    Foretold { verdict, if_lossy, ready }
}

fn judge(scenario: &Scenario, timeline: &Timeline<'_>) -> Verdict {
    let dialer = scenario.peer(Role::Dial);
    let patience = match dialer.choice {
        Choice::First => return Verdict::Relay,
        Choice::WaitForP2p(_) if dialer.spaces.is_empty() => return Verdict::Relay,
        Choice::WaitForP2p(time) | Choice::WaitConstant(time) => time,
    };
    let Some(ready) = timeline.ready() else {
        return Verdict::Relay;
    };
    let matched = timeline.departure(Role::Dial);
    if ready.until.is_some_and(|until| until < matched.from + patience) {
        Verdict::Direct
    } else if matched.until.is_some_and(|matched| ready.from > matched + patience) {
        Verdict::Relay
    } else {
        Verdict::Open
    }
}

/// By how much a few lost packets can delay one step, since SYNs are repeated after 1, 3 and 7 s.
const LOSS_DELAY: Time = Time::from_millis(7_500);
