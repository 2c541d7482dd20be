//! What benchmarks make of their runs: medians, ratios within a run, and lines of a table.

/// A line of a markdown table.
pub fn line(cells: &[impl AsRef<str>]) -> String {
    format!("| {} |\n", cells.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(" | "))
}

/// The median of what `of` says of each run; not a number, if there is none.
pub fn median<T>(all: &[T], of: impl Fn(&T) -> f64) -> f64 {
    middle(all.iter().map(of).collect())
}

/// The median of the ratios of each run to the one `beside` it: a machine that becomes busy does so for both.
pub fn ratio<T>(all: &[T], beside: &[T], of: impl Fn(&T) -> f64) -> f64 {
    middle(all.iter().zip(beside).map(|(one, other)| of(one) / of(other)).collect())
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
