//! What came of it, as tables.

use std::time::Duration;

use crate::course::{Series, Timing};

/// Direct connections, and how they compare with round trips.
pub(crate) fn direct(all: &[Series]) -> String {
    let head = [
        "peers",
        "round trip",
        "adapter",
        "TCP connect",
        "3.5 of these",
        "dialer",
        "its spread",
        "above",
        "accepter",
        "4.5, as the reference",
    ];
    let row = |series: &Series| {
        let trip = series.trip();
        let [dialer, accepter] = [0, 1].map(|peer| series.each(|timing| timing.took[peer]));
        let ideal = trip.mul_f64(3.5);
        vec![
            millis(trip),
            millis(ideal),
            format!("**{}**", millis(median(&dialer))),
            spread(&dialer),
            format!("{:+.1}", (median(&dialer).as_secs_f64() - ideal.as_secs_f64()) * 1000.0),
            millis(median(&accepter)),
            millis(trip.mul_f64(4.5)),
        ]
    };
    markdown("Direct, milliseconds from the beginning of the dialer's attempt; medians", &head, all, row)
}

/// Where the time goes that a direct connection takes.
pub(crate) fn steps(all: &[Series]) -> String {
    let head = [
        "peers",
        "round trip",
        "adapter",
        "connected (1)",
        "above",
        "the 101 (1)",
        "above",
        "race (1.5)",
        "above",
    ];
    let row = |series: &Series| {
        let trip = series.trip().as_secs_f64() * 1000.0;
        let step = |trips: f64, of: fn(&Timing) -> Duration| {
            let took = median(&series.each(of)).as_secs_f64() * 1000.0;
            [format!("{took:.1}"), format!("{:+.1}", took - trips * trip)]
        };
        let steps = [
            step(1.0, |timing| timing.connected),
            step(1.0, |timing| timing.answered),
            step(1.5, |timing| timing.raced[0]),
        ];
        steps.into_iter().flatten().collect()
    };
    markdown("The dialer's steps, and the round trips of each", &head, all, row)
}

/// The relay, for want of anything better.
pub(crate) fn relayed(all: &[Series]) -> String {
    let head = [
        "peers",
        "round trip",
        "adapter",
        "TCP connect",
        "dialer, from the 101",
        "its spread",
        "accepter, from the 101",
        "its spread",
        "1 s and a round trip",
        "dialer, from the start",
    ];
    let row = |series: &Series| {
        let [dialer, accepter] = [0, 1].map(|peer| series.each(|timing| timing.raced[peer]));
        vec![
            millis(series.trip()),
            millis(median(&dialer)),
            spread(&dialer),
            millis(median(&accepter)),
            spread(&accepter),
            millis(Duration::from_secs(1) + series.trip()),
            millis(median(&series.each(|timing| timing.took[0]))),
        ]
    };
    markdown("Relayed, after the default picker's second, milliseconds; medians", &head, all, row)
}

fn markdown(title: &str, head: &[&str], all: &[Series], row: impl Fn(&Series) -> Vec<String>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = format!("{title}:\n\n");
    text += &line(&head.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>());
    text += &line(&vec!["---".to_owned(); head.len()]);
    for series in all {
        let first =
            [series.case.name().to_owned(), series.rtt.as_millis().to_string(), series.adapter.to_owned()];
        text += &line(&[&first[..], &row(series)].concat());
    }
    text
}

impl Series {
    fn trip(&self) -> Duration {
        median(&self.connects)
    }

    fn each(&self, of: impl Fn(&Timing) -> Duration) -> Vec<Duration> {
        self.attempts.iter().map(of).collect()
    }
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn spread(times: &[Duration]) -> String {
    let [least, most] =
        [times.iter().min(), times.iter().max()].map(|time| time.copied().unwrap_or_default());
    format!("{} to {}", millis(least), millis(most))
}

fn millis(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}
