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
