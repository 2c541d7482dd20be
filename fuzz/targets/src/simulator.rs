//! Whole attempts on networks that the fuzzer draws, against the oracle.

use rdv_sim::{Chance, Scenario, check};

/// Each byte of the input is one choice: whether anything goes wrong or there is a proxy, then the network, then who comes when.
///
/// # Panics
///
/// If the attempt does not end as it must.
pub fn simulator(data: &[u8]) {
    let Some((kind, choices)) = data.split_first() else {
        return;
    };
    let mut chance = Chance::of_bytes(choices);
    let draw = match kind {
        kind if kind % 8 == 4 => Scenario::proxied,
        kind if kind % 2 == 0 => Scenario::quiet,
        _ => Scenario::troubled,
    };
    let scenario = draw(&mut chance);
    if let Err(why) = check(&scenario) {
        panic!("{why}\n{scenario:#?}");
    }
}
