//! The course of a meeting, told from the reports of both clients.

use std::io;
use std::time::Instant;

use rdv_blocking::Conn;
use rdv_cli::duration::Pretty;
use rdv_cli::page::Page;
use rdv_cli::report::{CandidateText, steps};
use rdv_core::{Report, Role, Route};

/// Prints when each step was taken and how long it took the dialer, and what became of its candidates.
pub(super) fn show(page: &mut Page, dialer: &Conn, accepter: &Conn) -> io::Result<()> {
    let start = dialer.report().started.min(accepter.report().started);
    let mut moments = [moments(Role::Dial, dialer), moments(Role::Accept, accepter)].concat();
    // Stable: what one client did at one time stays in its order.
    moments.sort_by_key(|moment| moment.at);
    let mut rows = vec![["", "dialer", "accepter"].map(str::to_owned)];
    rows.extend(moments.into_iter().map(|Moment { at, who, what }| {
        let at = Pretty(at - start).to_string();
        match who {
            Role::Dial => [at, what, String::new()],
            Role::Accept => [at, String::new(), what],
        }
    }));
    page.table(&rows)?;
    page.table(&steps_table(dialer.report()))?;
    page.table(&candidates(start, dialer.report()))
}

#[derive(Clone)]
struct Moment {
    at: Instant,
    who: Role,
    what: String,
}

fn moments(who: Role, conn: &Conn) -> Vec<Moment> {
    let report = conn.report();
    let (method, picks) = match who {
        Role::Dial => ("DIAL", "picks"),
        Role::Accept => ("ACCEPT", "is told to take"),
    };
    let chosen = report.chosen.map(|(addr, route)| match route {
        Route::Direct => format!("{picks} {addr}"),
        Route::Relay => format!("{picks} the relay"),
    });
    let matched = match conn.meta().peer_addrs.len() {
        1 => "matched, the peer has 1 address".to_owned(),
        n => format!("matched, the peer has {n} addresses"),
    };
    let steps = [
        (Some(report.started), "starts".to_owned()),
        (report.server_connected, "connected to the server".to_owned()),
        (report.requested, format!("has sent {method}")),
        (report.matched, matched),
        (report.ended, chosen.unwrap_or_default()),
    ];
    steps.into_iter().filter_map(|(at, what)| Some(Moment { at: at?, who, what })).collect()
}

/// What each step of an attempt took, and the whole.
fn steps_table(report: &Report) -> Vec<[String; 2]> {
    let mut rows = vec![["took", "the dialer's steps"].map(str::to_owned)];
    rows.extend(steps(report).into_iter().map(|(step, took)| [Pretty(took).to_string(), step.to_owned()]));
    rows
}

fn candidates(start: Instant, report: &Report) -> Vec<[String; 6]> {
    let mut rows =
        vec![["at", "the dialer's candidates", "space", "origin", "dials", "fate"].map(str::to_owned)];
    rows.extend(report.candidates.iter().map(|candidate| {
        let CandidateText { at, addr, space, origin, dials, fate } = CandidateText::new(start, candidate);
        [at, addr, space, origin, dials, fate]
    }));
    rows
}
