//! The course of an attempt in words: for the demo's tables, and for the log.

use std::time::{Duration, Instant};

use log::{Level, debug, log};
use rdv_core::{CandidateReport, Fate, Origin, Report, Route};

use crate::duration::Pretty;

/// One candidate, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CandidateText {
    /// Since when its fate is what it is.
    pub at: String,
    /// Its address.
    pub addr: String,
    /// The address's space, if it has one.
    pub space: String,
    /// How it became known.
    pub origin: String,
    /// How often it was dialled, if it is one that is dialled.
    pub dials: String,
    /// What became of it.
    pub fate: String,
}

impl CandidateText {
    /// With times since `start`.
    pub fn new(start: Instant, candidate: &CandidateReport) -> CandidateText {
        let origin = match candidate.origin {
            Origin::Relay => "relay",
            Origin::Listed => "listed",
            Origin::Inbound => "came in",
            _ => "",
        };
        let is_dialled = candidate.origin == Origin::Listed;
        let is_chosen = candidate.fate == Fate::Chosen;
        CandidateText {
            at: Pretty(candidate.at.saturating_duration_since(start)).to_string(),
            addr: candidate.addr.to_string(),
            space: candidate.space.map(|space| space.to_string()).unwrap_or_default(),
            origin: origin.to_owned(),
            dials: if is_dialled { candidate.dials.to_string() } else { String::new() },
            fate: if is_chosen { "CHOSEN".to_owned() } else { candidate.fate.to_string() },
        }
    }
}

/// What each step of an attempt took, and the whole.
pub fn steps(report: &Report) -> Vec<(&'static str, Duration)> {
    let end = if report.chosen.is_some() { "to try the candidates, and pick one" } else { "until it failed" };
    let to_server = match report.proxy {
        Some(_) => "to get through it to the server",
        None => "to connect to the server",
    };
    let steps = [
        ("to connect to the proxy", report.proxy_connected),
        (to_server, report.server_connected),
        ("to send the request", report.requested),
        ("to be matched with the peer", report.matched),
        (end, report.ended),
    ];
    let mut last = report.started;
    let mut taken = Vec::new();
    for (step, at) in steps {
        let Some(at) = at else { continue };
        taken.push((step, at.saturating_duration_since(last)));
        last = at;
    }
    taken.push(("in all", last - report.started));
    taken
}

/// What a proxy on the way to the server has to do with the connection to the peer; nothing if there was none, or
/// before the peer was there.
pub fn proxy(report: &Report) -> Option<String> {
    let proxy = report.proxy.as_ref().filter(|_| report.matched.is_some())?;
    let hidden = format!(
        "the server was reached through the proxy {proxy}, so it saw the proxy's address instead of ours"
    );
    let was_tried = report.candidates.iter().any(|it| it.origin == Origin::Listed && it.dials > 0);
    let why = match report.chosen {
        Some((_, Route::Direct)) => return Some(format!("{hidden}; the connection is direct all the same")),
        Some((_, Route::Relay)) | None if was_tried => {
            "no direct connection was found: the peer had only those of our addresses that we know ourselves, and found \
             no way to them, nor did we to any of its own"
        }
        Some((_, Route::Relay)) | None => {
            "no direct connection was tried: none of the peer's addresses was to be dialled"
        }
    };
    Some(format!("{hidden}; {why}"))
}

/// Logs the course at level `debug`: a line for each step, and one for each candidate. That a proxy has kept a
/// connection from being direct is for everybody to know.
pub fn log(report: &Report) {
    for (step, took) in steps(report) {
        debug!(target: "client", "took {} {step}", Pretty(took));
    }
    if let Some(opinion) = report.second_opinion {
        debug!(target: "client", "second opinion server={} seen={:?}", opinion.server, opinion.seen.to_string());
    }
    for candidate in &report.candidates {
        let CandidateText { at, addr, space, origin, fate, .. } =
            CandidateText::new(report.started, candidate);
        let dials = candidate.dials;
        debug!(
            target: "client",
            "candidate addr={addr} space={space} origin={origin:?} dials={dials} fate={fate:?} at={at}"
        );
    }
    if let Some(proxy) = proxy(report) {
        let is_relay = report.chosen.is_some_and(|(_, route)| route == Route::Relay);
        log!(target: "client", if is_relay { Level::Info } else { Level::Debug }, "{proxy}");
    }
}
