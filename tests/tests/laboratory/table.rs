//! What came of it, as a table.

use std::time::Duration;

use rdv_core::Route;

use crate::course::Outcome;
use crate::topologies::{Ideal, Topology};

/// A topology and its runs.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) topology: &'a Topology,
    /// Nothing for a run that failed.
    pub(crate) results: Vec<Option<Outcome>>,
}

impl<'a> Row<'a> {
    pub(crate) fn new(topology: &'a Topology) -> Self {
        Self { topology, results: Vec::new() }
    }

    /// What is wrong with the outcome.
    pub(crate) fn fault(&self) -> Option<String> {
        let Topology { name, ideal, .. } = self.topology;
        let failed = self.results.iter().filter(|result| result.is_none()).count();
        let missed = self.outcomes().filter(|outcome| !ideal.is_met_by(outcome.route)).count();
        let runs = self.results.len();
        if failed > 0 {
            Some(format!("{name}: {failed} of {runs} failed, see above"))
        } else {
            (missed > 0).then(|| format!("{name}: {missed} of {runs} are not {ideal}"))
        }
    }

    /// Whether chance may be behind the fault: a run has come to another route than the ideal one, and none has failed. But
    /// where it is open whether SYNs cross, a connection that is up by them may be dead (see README's Limits).
    pub(crate) fn may_be_chance(&self) -> bool {
        let none_has_failed = self.outcomes().count() == self.results.len();
        (none_has_failed || self.topology.ideal == Ideal::Open) && self.fault().is_some()
    }

    fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.results.iter().flatten()
    }

    fn cells(&self) -> [String; 5] {
        let Topology { name, adapters: [dialer, accepter], server, ideal, .. } = self.topology;
        let count = |route| self.outcomes().filter(|outcome| outcome.route == route).count();
        let failed = self.results.len() - self.outcomes().count();
        let got = [
            (count(Route::Direct), Route::Direct.to_string()),
            (count(Route::Relay), Route::Relay.to_string()),
            (failed, "FAILED".to_owned()),
        ];
        let got = got.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        let got = got.collect::<Vec<_>>().join(", ");
        let adapters = format!("{}, {}, {}", server.name(), dialer.name(), accepter.name());
        [(*name).to_owned(), adapters, ideal.to_string(), got, self.times()]
    }

    /// Least, median and most.
    fn times(&self) -> String {
        let mut times: Vec<Duration> = self.outcomes().map(|outcome| outcome.took).collect();
        times.sort_unstable();
        let millis = |at: usize| times[at].as_millis();
        match times.len() {
            0 => String::new(),
            1 => format!("{} ms", millis(0)),
            len => format!("{}, {}, {} ms", millis(0), millis(len / 2), millis(len - 1)),
        }
    }
}

/// All of them.
pub(crate) fn markdown(rows: &[Row<'_>]) -> String {
    let head = ["topology", "server, dialer, accepter", "ideal", "got", "time to connect"].map(str::to_owned);
    let rule = [(); 5].map(|()| "---".to_owned());
    let lines = [head, rule].into_iter().chain(rows.iter().map(Row::cells));
    lines.map(|cells| format!("| {} |\n", cells.join(" | "))).collect()
}
