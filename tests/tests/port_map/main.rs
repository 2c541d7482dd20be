//! Port mapping at gateways: miniupnpd of the laboratory, and one of our own that says whatever it is told.
//! As root on Linux.

#![cfg(target_os = "linux")]

mod attempts;
mod fake;
mod gateways;

use rdv_tests::lab;

/// Whether this machine lacks what these tests need; says so.
fn is_missing(mapper: bool) -> bool {
    let missing = lab::missing().or_else(|| if mapper { lab::missing_mapper() } else { None });
    if let Some(missing) = &missing {
        eprintln!("skipped: {missing}");
    }
    missing.is_some()
}
