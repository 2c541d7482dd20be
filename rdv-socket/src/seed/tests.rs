use std::collections::BTreeSet;

use super::*;

#[test]
fn it_is_another_one_each_time() {
    let seeds: BTreeSet<u64> = (0..100).map(|_| random_seed()).collect();
    assert_eq!(seeds.len(), 100);
}
