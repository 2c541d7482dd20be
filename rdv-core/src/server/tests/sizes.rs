//! What a waiting client and a pair cost: these are multiplied by millions.

use std::mem::size_of;

use super::super::guest::Guest;
use super::super::relay::Relay;

#[test]
fn clients_and_pairs_stay_small() {
    let sizes = [("a client in the lobby", size_of::<Guest>(), 168), ("a pair", size_of::<Relay>(), 272)];
    if cfg!(not(target_pointer_width = "64")) {
        return;
    }
    for (what, size, most) in sizes {
        assert!(size <= most, "{what} takes {size} bytes, more than {most}");
    }
}
