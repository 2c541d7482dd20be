//! Prometheus' text format 0.0.4: lines of `name{label="word"} number`, with HELP and TYPE before each name.

use std::fmt::{self, Write};

use super::{Histogram, Metrics, Readiness, Tally, WAITS};

pub(super) fn render(metrics: &Metrics) -> String {
    let mut text = String::with_capacity(8 * 1024);
    // Writing to a string does not fail.
    let _ = write_all(&mut text, metrics);
    text
}

fn write_all(out: &mut String, it: &Metrics) -> fmt::Result {
    counter(out, "rdv_connections_total", "Connections accepted.", it.connections.get())?;
    gauge(
        out,
        "rdv_lobby_connections",
        "Connections in the lobby: that ask, wait, or are sent away.",
        it.in_lobby.get(),
    )?;
    gauge(out, "rdv_waiting", "Clients that wait for their peer.", it.waiting.get())?;
    gauge(out, "rdv_waiting_max", "Clients that may wait for their peer.", it.waiting_max.get())?;
    let is_ready = it.readiness() == Readiness::Ready;
    gauge(out, "rdv_ready", "Whether new clients are taken in (1) or not (0).", is_ready.into())?;
    tally(
        out,
        "rdv_refusals_total",
        "Clients refused, by the code that they were told.",
        "code",
        &it.refusals,
    )?;
    tally(
        out,
        "rdv_handshake_errors_total",
        "Connections without a whole request, by what went wrong.",
        "kind",
        &it.faults,
    )?;
    counter(out, "rdv_pages_total", "Browsers that were shown the page.", it.pages.get())?;
    counter(
        out,
        "rdv_observations_total",
        "Clients that asked for their address alone.",
        it.observations.get(),
    )?;
    counter(
        out,
        "rdv_waiting_gone_total",
        "Clients that went away while they waited, without a word.",
        it.gone.get(),
    )?;
    waits(out, &it.waits)?;
    gauge(out, "rdv_pairs", "Pairs that have not ended, relayed or not.", it.pairs.get())?;
    gauge(out, "rdv_relays", "Pairs that are relayed.", it.relays.get())?;
    counter(out, "rdv_pairs_relayed_total", "Pairs that took the relay.", it.relayed.get())?;
    tally(
        out,
        "rdv_pairs_ended_total",
        "Pairs by their end: direct is a connection without the relay.",
        "end",
        &it.ends,
    )?;
    head(
        out,
        "rdv_relayed_bytes_total",
        "Bytes relayed, by whom they went to. Those of a pair that runs are late by up to a minute.",
        "counter",
    )?;
    sample(out, "rdv_relayed_bytes_total", Some(("to", "accepter")), it.to_accepter.get())?;
    sample(out, "rdv_relayed_bytes_total", Some(("to", "dialer")), it.to_dialer.get())
}

fn counter(out: &mut String, name: &str, help: &str, value: u64) -> fmt::Result {
    head(out, name, help, "counter")?;
    sample(out, name, None, value)
}

fn gauge(out: &mut String, name: &str, help: &str, value: u64) -> fmt::Result {
    head(out, name, help, "gauge")?;
    sample(out, name, None, value)
}

fn tally(out: &mut String, name: &str, help: &str, label: &str, tally: &Tally) -> fmt::Result {
    head(out, name, help, "counter")?;
    tally.0.iter().try_for_each(|(word, count)| sample(out, name, Some((label, word)), count.get()))
}

fn waits(out: &mut String, waits: &Histogram) -> fmt::Result {
    // Each is read once, so that the sums fit each other whatever is counted meanwhile.
    let counts = waits.buckets.each_ref().map(|bucket| bucket.get());
    let all: u64 = counts.iter().sum();
    counter(out, "rdv_matches_total", "Pairs made.", all)?;
    let name = "rdv_match_wait_seconds";
    head(out, name, "How long the first of a pair had waited for the second.", "histogram")?;
    let (bucket, mut sum) = (format!("{name}_bucket"), 0);
    for ((_, bound), count) in WAITS.iter().zip(counts) {
        sum += count;
        sample(out, &bucket, Some(("le", bound)), sum)?;
    }
    sample(out, &bucket, Some(("le", "+Inf")), all)?;
    let micros = waits.micros.get();
    writeln!(out, "{name}_sum {}.{:06}", micros / 1_000_000, micros % 1_000_000)?;
    sample(out, &format!("{name}_count"), None, all)
}

fn head(out: &mut String, name: &str, help: &str, kind: &str) -> fmt::Result {
    write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n")
}

/// Labels are words of ours, which need no escapes.
fn sample(out: &mut String, name: &str, label: Option<(&str, &str)>, value: u64) -> fmt::Result {
    match label {
        Some((label, word)) => writeln!(out, "{name}{{{label}=\"{word}\"}} {value}"),
        None => writeln!(out, "{name} {value}"),
    }
}
