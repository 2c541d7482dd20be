//! Whether a scenario went as it must.

use std::time::Duration;

use rdv_core::{RelayEnd, Role, Route};

use crate::oracle::{Foretold, Verdict, foretell};
use crate::scenario::{Choice, Mishap, Scenario, Temper};
use crate::world::{Course, Outcome, Sockets, run};

/// Runs a scenario, and compares its outcome with what the oracle says and with what must always hold.
///
/// # Errors
///
/// The first thing that is not as it must be.
pub fn check(scenario: &Scenario) -> Result<(Foretold, Outcome), String> {
    let foretold = foretell(scenario);
    let outcome = run(scenario);
    always(scenario, &outcome)?;
    let is_served = scenario.proxy.is_none_or(|proxy| proxy.temper == Temper::Serves);
    let are_patient = scenario.peers.iter().all(|peer| peer.timeout.is_none());
    if scenario.mishap.is_none() && is_served && are_patient && !scenario.slow {
        without_mishaps(scenario, &foretold, &outcome)?;
    }
    Ok((foretold, outcome))
}

/// What holds whatever goes wrong.
fn always(scenario: &Scenario, outcome: &Outcome) -> Result<(), String> {
    if !outcome.leftovers.is_empty() {
        return Err(format!("left open: {}", outcome.leftovers.join("; ")));
    }
    for role in [Role::Dial, Role::Accept] {
        let course = &outcome.courses[role as usize];
        let said = &outcome.said[role.other() as usize];
        if !course.heard.is_empty() && !said.iter().any(|said| said.starts_with(&course.heard)) {
            return Err(format!("{role}: heard something that its peer has not said"));
        }
        if course.complete && !said.iter().any(|said| said == &course.heard) {
            return Err(format!(
                "{role}: a stream cut short looks complete after {} bytes",
                course.heard.len()
            ));
        }
        if let (Some(timeout), Some(took)) = (scenario.peer(role).timeout, course.duration())
            && took > timeout
        {
            return Err(format!("{role}: the attempt took {took:?}, its timeout is {timeout:?}"));
        }
        sockets(course).map_err(|why| format!("{role}: {why}"))?;
        let died = matches!(scenario.mishap, Some(Mishap::PeerDies(it, _) | Mishap::PeerVanishes(it, _)) if it == role);
        if course.outcome.is_none() && !died {
            return Err(format!("{role}: the attempt has not ended"));
        }
    }
    Ok(())
}

/// An attempt takes few sockets, and gives them back at once.
fn sockets(course: &Course) -> Result<(), String> {
    if course.left != Sockets::default() {
        return Err(format!("open at the end, beside what was selected: {:?}", course.left));
    }
    let with_listener = course.sockets.dialed.map(|dialed| dialed + 1);
    if with_listener.into_iter().any(|count| count > SOCKETS_MAX) {
        return Err(format!("{with_listener:?} sockets at a time, of IPv4 and IPv6"));
    }
    Ok(())
}

fn without_mishaps(scenario: &Scenario, foretold: &Foretold, outcome: &Outcome) -> Result<(), String> {
    let [dialed, accepted] = &outcome.courses;
    let route = match (&dialed.outcome, &accepted.outcome) {
        (Some(Ok(ours)), Some(Ok(theirs))) if ours == theirs => *ours,
        (ours, theirs) => return Err(format!("the dialer has {ours:?}, the accepter {theirs:?}")),
    };
    if !dialed.complete || !accepted.complete {
        return Err(format!(
            "{route}: dialer complete {}, accepter complete {}",
            dialed.complete, accepted.complete
        ));
    }
    // What the server saw of whoever goes by a proxy the oracle does not know.
    let verdict = if scenario.proxy.is_some() {
        Verdict::Open
    } else if outcome.lost > 0 {
        foretold.if_lossy
    } else {
        foretold.verdict
    };
    match (verdict, route) {
        (Verdict::Direct, Route::Relay) | (Verdict::Relay, Route::Direct) => {
            return Err(format!(
                "{route}, but the oracle says {verdict:?} ({foretold:?}, {} lost)",
                outcome.lost
            ));
        }
        (Verdict::Direct, Route::Direct) | (Verdict::Relay, Route::Relay) | (Verdict::Open, _) => {}
    }
    match (route, &outcome.server.pairs[..]) {
        (Route::Direct, [RelayEnd::Direct(Some(_))]) | (Route::Relay, [RelayEnd::Relayed]) => {}
        (_, pairs) => return Err(format!("{route}, but the server says {pairs:?}")),
    }
    if !outcome.server.left.is_empty() {
        return Err(format!("the server has sent away: {:?}", outcome.server.left));
    }
    in_time(scenario, dialed, route)
}

/// The dialer has chosen when it should.
fn in_time(scenario: &Scenario, dialed: &Course, route: Route) -> Result<(), String> {
    let (Some(matched), Some(ended)) = (dialed.matched, dialed.ended) else {
        return Err("the dialer has chosen without a match".to_owned());
    };
    let took = ended - matched;
    let peer = scenario.peer(Role::Dial);
    let (least, most) = match (peer.choice, route) {
        (Choice::First, _) => (Duration::ZERO, Duration::ZERO),
        (Choice::WaitForP2p(_), Route::Relay) if peer.spaces.is_empty() => (Duration::ZERO, Duration::ZERO),
        (Choice::WaitForP2p(time), Route::Direct) => (Duration::ZERO, time),
        (Choice::WaitForP2p(time), Route::Relay) | (Choice::WaitConstant(time), _) => (time, time),
    };
    if took < least || took > most + Duration::from_millis(1) {
        return Err(format!("{route} after {took:?} with {:?}", peer.choice));
    }
    Ok(())
}

/// Sockets of a family that an attempt may have open at a time: its listener, its connection to the server, and its
/// dials. What comes in is not in its hands.
pub const SOCKETS_MAX: usize = 9;
