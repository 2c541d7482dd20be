//! What a poller has said of a socket: so that nothing is asked of the system in vain.

use std::io::{self, ErrorKind};

use mio::event::Event;
use rdv_socket::relay::Way;

/// What may be tried on a socket. The poller reports edges, so each holds until trying shows the opposite.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    read: bool,
    write: bool,
    /// The stream's end is behind the bytes that are there: no edge is still to come.
    closed: bool,
}

impl Ready {
    /// Nothing is known.
    pub const MAYBE: Self = Self { read: true, write: true, closed: false };

    /// Takes note of what the poller reports.
    pub fn learn(&mut self, event: &Event) {
        self.closed |= event.is_read_closed() || event.is_error();
        self.read |= event.is_readable() || self.closed;
        self.write |= event.is_writable() || event.is_write_closed() || event.is_error();
    }

    /// It may be tried, whatever is known.
    pub fn doubt(&mut self, way: Way) {
        *self.may(way) = true;
    }

    /// Tries to read or write so many bytes, where that is known, and takes note of how it goes: if fewer went, there are no
    /// more for now.
    ///
    /// # Errors
    /// Those of `act`; [`WouldBlock`](ErrorKind::WouldBlock) without asking the system, where that is known already.
    pub fn attempt(
        &mut self,
        way: Way,
        asked: Option<usize>,
        act: impl FnOnce() -> io::Result<usize>,
    ) -> io::Result<usize> {
        if !*self.may(way) {
            return Err(ErrorKind::WouldBlock.into());
        }
        let result = act();
        let is_all = match &result {
            Ok(len) => EPOLL && asked.is_some_and(|asked| *len < asked) && !(way == Way::In && self.closed),
            Err(err) => err.kind() == ErrorKind::WouldBlock,
        };
        *self.may(way) &= !is_all;
        result
    }

    fn may(&mut self, way: Way) -> &mut bool {
        match way {
            Way::In => &mut self.read,
            Way::Out => &mut self.write,
        }
    }
}

/// Whether the poller reports what happens after a read or a write that took less than it could. Elsewhere it does so
/// only after one that took nothing.
const EPOLL: bool = cfg!(any(target_os = "linux", target_os = "android"));

#[cfg(test)]
mod tests {
    use super::*;

    /// What trying says, or none if it is known that it must wait.
    fn tried(ready: &mut Ready, way: Way, asked: Option<usize>, says: io::Result<usize>) -> Option<usize> {
        let mut is_asked = false;
        let result = ready.attempt(way, asked, || {
            is_asked = true;
            says
        });
        is_asked.then(|| result.unwrap_or_default())
    }

    #[test]
    fn the_system_is_not_asked_in_vain() {
        let mut ready = Ready::MAYBE;
        assert_eq!(tried(&mut ready, Way::In, Some(10), Ok(10)), Some(10), "there may be more");
        assert_eq!(tried(&mut ready, Way::In, None, Ok(5)), Some(5), "nobody knows how much was asked for");
        assert_eq!(tried(&mut ready, Way::In, Some(10), Err(ErrorKind::WouldBlock.into())), Some(0));
        assert_eq!(tried(&mut ready, Way::In, Some(10), Ok(10)), None);
        assert_eq!(
            tried(&mut ready, Way::Out, Some(10), Ok(10)),
            Some(10),
            "the other way is another matter"
        );
        ready.doubt(Way::In);
        assert_eq!(tried(&mut ready, Way::In, Some(10), Ok(10)), Some(10));
    }

    /// So a small exchange is one read and one write.
    #[test]
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn what_was_short_was_all() {
        for way in [Way::In, Way::Out] {
            let mut ready = Ready::MAYBE;
            assert_eq!(tried(&mut ready, way, Some(10), Ok(9)), Some(9));
            assert_eq!(tried(&mut ready, way, Some(10), Ok(10)), None);
        }
    }

    /// No edge tells of an end that was there before.
    #[test]
    fn in_front_of_the_end_a_short_read_is_not_all() {
        let mut ready = Ready { closed: true, ..Ready::MAYBE };
        assert_eq!(tried(&mut ready, Way::In, Some(10), Ok(9)), Some(9));
        assert_eq!(tried(&mut ready, Way::In, Some(10), Ok(0)), Some(0));
    }
}
