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

    /// Whether it may be tried, to be set to whether it may be tried again.
    pub fn may(&mut self, way: Way) -> &mut bool {
        match way {
            Way::In => &mut self.read,
            Way::Out => &mut self.write,
        }
    }

    /// Takes note of how trying went: so many bytes, of those that were `asked` for where that is known. If fewer came, there
    /// are no more for now.
    pub fn tried(&mut self, way: Way, result: &io::Result<usize>, asked: Option<usize>) {
        let is_all = match result {
            Ok(len) => EPOLL && asked.is_some_and(|asked| *len < asked) && !(way == Way::In && self.closed),
            Err(err) => err.kind() == ErrorKind::WouldBlock,
        };
        *self.may(way) &= !is_all;
    }
}

/// Whether the poller reports what happens after a read or a write that took less than it could. Elsewhere it does so
/// only after one that took nothing.
const EPOLL: bool = cfg!(any(target_os = "linux", target_os = "android"));
