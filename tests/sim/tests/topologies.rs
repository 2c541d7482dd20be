//! Random networks, each with the outcome that the oracle tells.

use rdv_sim::{Kind, Tally};

/// Replaces the seeds of all tests: `RDV_SIM_SEEDS=7..8 cargo test -p rdv-sim --test topologies`.
const SEEDS: &str = "RDV_SIM_SEEDS";

#[test]
fn every_attempt_ends_as_the_oracle_says() {
    let tally = sweep(Kind::Quiet, 20_000);
    println!("{tally}");
    // Else the oracle might know nothing, or the networks might be all alike.
    let [direct, relay, open] = tally.routes.map(|[direct, relay]| direct + relay);
    let all = tally.attempts;
    assert!(all < 100 || direct > all / 3, "the oracle promises only {direct} direct connections of {all}");
    assert!(all < 100 || relay > all / 10, "the oracle forbids only {relay} direct connections of {all}");
    assert!(all < 100 || open < all / 5, "the oracle does not know {open} of {all}");
}

#[test]
fn whatever_goes_wrong_nothing_is_left_open_and_no_stream_is_false() {
    println!("{}", sweep(Kind::Troubled, 5_000));
}

#[test]
fn proxies_lead_to_the_server_or_nowhere() {
    let tally = sweep(Kind::Proxied, 3_000);
    println!("{tally}");
    let [direct, relay] = [0, 1].map(|route| tally.routes.iter().map(|of| of[route]).sum::<u64>());
    let all = tally.attempts;
    assert!(
        all < 100 || (direct > all / 10 && relay > all / 10),
        "{direct} direct and {relay} relayed of {all}"
    );
}

fn sweep(kind: Kind, count: u64) -> Tally {
    let seeds = match std::env::var(SEEDS) {
        Ok(text) => {
            let parsed =
                text.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
            parsed.unwrap_or_else(|| panic!("{SEEDS}={text:?}: expected a range such as 7..8"))
        }
        Err(_) => 0..count,
    };
    let tally = kind.sweep(seeds, std::thread::available_parallelism().map_or(1, usize::from));
    tally.assert_none_failed(kind);
    tally
}
