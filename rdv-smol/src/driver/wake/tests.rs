use std::sync::atomic::{AtomicUsize, Ordering};

use rdv_core::{Lobby, LobbyConfig};

use super::*;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Ids come from machines alone.
fn two_conns() -> (ConnId, ConnId) {
    let mut lobby = Lobby::new(LobbyConfig::default());
    let mut conn = || lobby.handle_accept(std::time::Instant::now(), ([127, 0, 0, 1], 1).into());
    (conn(), conn())
}

#[test]
fn a_socket_wakes_the_driver_and_says_its_name() {
    let (one, two) = two_conns();
    let woken = Arc::new(Woken::default());
    let count = Arc::new(Count::default());
    let driver = count.clone().into();

    assert_eq!(woken.take(&driver), []);
    waker(one, &woken).wake_by_ref();
    waker(two, &woken).wake_by_ref();
    assert_eq!(count.0.load(Ordering::Relaxed), 1, "once for both");
    assert_eq!(woken.take(&driver), [one, two]);
    assert_eq!(woken.take(&driver), []);
    waker(one, &woken).wake();
    assert_eq!(count.0.load(Ordering::Relaxed), 2);
}

#[test]
fn nothing_woken_before_the_first_poll_is_lost() {
    let (one, _) = two_conns();
    let woken = Arc::new(Woken::default());
    waker(one, &woken).wake();
    assert_eq!(woken.take(Waker::noop()), [one]);
}
