//! What must happen, told from the scenario alone: no machine, no packet and no clock takes part.
//!
//! A *flow* is one side dialling one of the other's addresses. On its way out it opens filters, and on its way in
//! it meets the gates of others (`trace.rs`). A gate lets it pass from when one of the other side's flows has opened
//! it. From these times follows when each flow can arrive, and from the first arrival whether that is within
//! the dialer's patience (`timeline.rs`). Where it is open by which family a side comes to the server, or whether a
//! second opinion is in time, all cases are looked at (`ways.rs`).

mod timeline;
mod trace;
mod ways;

use crate::net::Time;
use crate::scenario::{Choice, Scenario};
use rdv_core::Role;
use timeline::Timeline;
use trace::Atlas;
use ways::ways;

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
    let (verdict, ready) = over_all_ways(scenario, Time::ZERO, false);
    let if_lossy = match scenario.losable {
        0 => verdict,
        _ => over_all_ways(scenario, LOSS_DELAY, true).0,
    };
    Foretold { verdict, if_lossy, ready }
}

/// What holds however the two come to the server.
fn over_all_ways(scenario: &Scenario, slack: Time, lossy: bool) -> (Verdict, Option<Span>) {
    let ways = [Role::Dial, Role::Accept].map(|role| {
        let ways = ways(scenario, role, lossy).into_iter().map(Some);
        if ways.len() == 0 { vec![None] } else { ways.collect() }
    });
    let pairs = ways[0].iter().flat_map(|dialed| ways[1].iter().map(|accepted| [*dialed, *accepted]));
    let outcomes = pairs.map(|pair| {
        let atlas = Atlas::new(scenario, pair);
        let timeline = Timeline::new(&atlas, slack);
        (judge(scenario, &timeline), timeline.ready())
    });
    let merged = outcomes.reduce(|(one, ready), (two, other)| {
        let ready = match (ready, other) {
            (Some(a), Some(b)) => Some(a.or(b)),
            // It may come to pass, but need not.
            (a, b) => a.or(b).map(|span| Span { until: None, ..span }),
        };
        (if one == two { one } else { Verdict::Open }, ready)
    });
    merged.unwrap_or((Verdict::Open, None))
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
