//! A strict reader of Prometheus' text format 0.0.4, which knows nothing of how ours is written.

use std::collections::{BTreeMap, BTreeSet};

/// The values by series, such as `name{label="value"}`.
pub(crate) type Samples = BTreeMap<String, f64>;

/// Reads all of it.
///
/// # Panics
/// If it is not well formed: each name has one HELP and one TYPE before its samples, which stand together; series differ;
/// counters end in `_total` and are never negative; a histogram's buckets grow, and agree with its count.
pub(crate) fn read(text: &str) -> Samples {
    assert!(text.ends_with('\n'), "the last line has no end");
    let (mut samples, mut kinds, mut helped) = (Samples::new(), BTreeMap::new(), BTreeSet::new());
    let mut current = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("help has a text");
            assert!(is_name(name) && !help.is_empty(), "{line}");
            assert!(helped.insert(name.to_owned()), "a second HELP: {line}");
            current = name.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert_eq!(name, current, "TYPE does not follow HELP: {line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert!(kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "a second TYPE: {line}");
        } else {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            check_labels(labels);
            let kind = kinds.get(&current).unwrap_or_else(|| panic!("no TYPE before {line}"));
            let of = match kind.as_str() {
                "histogram" => ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)),
                _ => Some(name),
            };
            assert_eq!(of, Some(current.as_str()), "a sample of something else: {line}");
            let value: f64 = value.parse().unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(value.is_finite() && (kind == "gauge" || value >= 0.0), "{line}");
            assert!(samples.insert(series.to_owned(), value).is_none(), "a second {series}");
        }
    }
    for (name, _) in kinds.iter().filter(|(_, kind)| *kind == "histogram") {
        check_histogram(name, text, &samples);
    }
    samples
}

fn check_labels(labels: &str) {
    let labels = labels.strip_suffix('}').expect("labels end in a brace");
    for label in labels.split(',').filter(|label| !label.is_empty()) {
        let (name, value) = label.split_once('=').expect("label=value");
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).expect("quotes");
        assert!(is_name(name) && !value.contains(['"', '\\', '\n']), "{label}");
    }
}

fn check_histogram(name: &str, text: &str, samples: &Samples) {
    let (mut last_bound, mut last) = (f64::NEG_INFINITY, 0.0);
    let prefix = format!("{name}_bucket{{le=\"");
    for line in text.lines() {
        let Some(rest) = line.strip_prefix(&prefix) else { continue };
        let (bound, value) = rest.split_once("\"} ").expect("a bucket");
        let bound: f64 = bound.parse().expect("a bound");
        let value: f64 = value.parse().expect("a count");
        assert!(bound > last_bound && value >= last, "{line}");
        (last_bound, last) = (bound, value);
    }
    assert_eq!((last_bound, last), (f64::INFINITY, samples[&format!("{name}_count")]));
    assert!(samples.contains_key(&format!("{name}_sum")));
}

fn is_name(name: &str) -> bool {
    let is_fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(is_fine)
}
