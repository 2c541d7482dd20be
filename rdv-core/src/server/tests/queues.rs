//! Whose time is over.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::io::Outbox;
use crate::server::guest::{Guest, Stage};
use crate::server::queues::{Guests, Patience};
use crate::tests::cases::fixed_cases;

const KINDS: [(Patience, Duration); 3] = [
    (Patience::Head, Duration::from_millis(100)),
    (Patience::Peer, Duration::from_millis(250)),
    (Patience::Farewell, Duration::from_secs(1)),
];

proptest! {
    #![proptest_config(fixed_cases())]

    #[test]
    fn their_time_is_over_in_its_order(
        steps in proptest::collection::vec((0..7usize, 0..12usize, 0..300u64), 0..300),
    ) {
        let config = LobbyConfig { head_timeout: KINDS[0].1, lobby_timeout: Some(KINDS[1].1), ..LobbyConfig::default() };
        let mut out = Outbox::<()>::new();
        let ids: Vec<_> = (0..12).map(|_| out.issue()).collect();
        let (mut guests, mut model, mut now) = (Guests::new(&config), BTreeMap::new(), beginning());
        for (what, at, millis) in steps {
            let conn = ids[at];
            match what {
                0..3 => {
                    let (kind, timeout) = KINDS[what];
                    guests.wait_for(now, conn, kind);
                    model.entry(conn).and_modify(|due| *due = Some(now + timeout));
                }
                3 if !model.contains_key(&conn) => {
                    guests.insert(conn, Guest::new(now, addr("192.0.2.1:1"), None, Stage::Securing));
                    model.insert(conn, None);
                }
                4 => prop_assert_eq!(guests.remove(conn).is_some(), model.remove(&conn).is_some()),
                _ => now += Duration::from_millis(millis),
            }
            prop_assert_eq!(guests.deadline(), model.values().copied().flatten().min());
            if what == 6 {
                while let Some(conn) = guests.next_due(now) {
                    let first = model.values().copied().flatten().min();
                    prop_assert!(first.is_some_and(|at| at <= now));
                    prop_assert_eq!(model.insert(conn, None), Some(first), "not the first");
                }
                prop_assert!(model.values().flatten().all(|at| *at > now), "somebody is forgotten");
            }
        }
        prop_assert_eq!(guests.len(), model.len());
    }
}

#[test]
fn without_a_timeout_they_may_stay() {
    let config = LobbyConfig { lobby_timeout: None, ..LobbyConfig::default() };
    let (mut guests, now) = (Guests::new(&config), beginning());
    let conn = Outbox::<()>::new().issue();
    guests.insert(conn, Guest::new(now, addr("192.0.2.1:1"), None, Stage::Securing));
    guests.wait_for(now, conn, Patience::Peer);
    assert_eq!(guests.deadline(), None);
    assert_eq!(guests.next_due(now + secs(1_000_000)), None);
}
