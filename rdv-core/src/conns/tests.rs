use std::collections::BTreeMap;

use proptest::prelude::*;

use super::ConnMap;
use crate::io::{ConnId, Outbox};
use crate::tests::cases::fixed_cases;

fn ids() -> Vec<ConnId> {
    let mut out = Outbox::<()>::new();
    (0..64).map(|_| out.issue()).collect()
}

proptest! {
    #![proptest_config(fixed_cases())]

    #[test]
    fn it_is_a_map(steps in proptest::collection::vec((0..3u8, 0..64usize), 0..400)) {
        let ids = ids();
        let (mut map, mut model) = (ConnMap::new(), BTreeMap::new());
        for (number, (what, at)) in steps.into_iter().enumerate() {
            let conn = ids[at];
            match what {
                0 => prop_assert_eq!(map.insert(conn, number), model.insert(conn, number)),
                1 => prop_assert_eq!(map.remove(conn), model.remove(&conn)),
                _ => prop_assert_eq!(map.get_mut(conn), model.get_mut(&conn)),
            }
            prop_assert_eq!(map.len(), model.len());
            prop_assert!(map.entries.len() <= model.len() + model.len() / 3, "places that are vacant");
            prop_assert!(map.entries.capacity() <= 4 * model.len().max(super::FEW) + 4, "room for more");
            let other = ids[(at + 1) % 64];
            prop_assert_eq!(
                map.pair_mut([conn, other]).map(|it| it.copied()),
                [conn, other].map(|it| model.get(&it).copied())
            );
            let numbered = map.numbered_mut(conn.to_u64()).map(|(conn, value)| (conn, *value));
            prop_assert_eq!(numbered, model.get(&conn).map(|value| (conn, *value)));
        }
        prop_assert!(map.iter().map(|(conn, value)| (conn, *value)).eq(model));
    }
}

#[test]
fn two_take_the_room_of_two() {
    let (ids, mut map) = (ids(), ConnMap::new());
    for conn in &ids[..2] {
        map.insert(*conn, 0u64);
    }
    assert_eq!(map.entries.capacity(), 2);
    assert!(map.get(ids[2]).is_none());
}

#[test]
fn those_that_come_and_go_in_turn_need_no_more_room() {
    let mut out = Outbox::<()>::new();
    let mut map = ConnMap::new();
    let mut present: std::collections::VecDeque<_> = (0..100).map(|_| out.issue()).collect();
    present.iter().for_each(|conn| _ = map.insert(*conn, ()));
    for _ in 0..10_000 {
        let conn = out.issue();
        map.insert(conn, ());
        present.push_back(conn);
        map.remove(present.pop_front().unwrap()).unwrap();
        assert!(map.entries.capacity() <= 256, "{}", map.entries.capacity());
    }
}
