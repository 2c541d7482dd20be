//! A socket as one end of a relay, with what the poller has said of it: so that nothing is asked of the system in vain.

use std::io::{self, ErrorKind};

use mio::event::Event;
use rdv_socket::relay::{End, Tcp, Way};

use super::{Socket, Stream};

/// What may be tried on a plain stream. The poller reports edges, so each holds until trying shows the opposite.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ready {
    read: bool,
    write: bool,
    /// The stream's end is behind the bytes that are there: no edge is still to come.
    closed: bool,
}

impl Ready {
    /// Nothing is known.
    pub(super) const MAYBE: Self = Self { read: true, write: true, closed: false };

    pub(super) fn learn(&mut self, event: &Event) {
        self.closed |= event.is_read_closed() || event.is_error();
        self.read |= event.is_readable() || self.closed;
        self.write |= event.is_writable() || event.is_write_closed() || event.is_error();
    }

    pub(super) fn may(&mut self, way: Way) -> &mut bool {
        match way {
            Way::In => &mut self.read,
            Way::Out => &mut self.write,
        }
    }
}

impl Socket {
    /// Does something to the stream that may have to wait for it, and takes note if it has.
    fn attempt(&mut self, way: Way, act: impl FnOnce(&mut Stream) -> io::Result<usize>) -> io::Result<usize> {
        if self.is_plain() && !*self.ready.may(way) {
            return Err(ErrorKind::WouldBlock.into());
        }
        let result = act(&mut self.stream);
        if matches!(&result, Err(err) if err.kind() == ErrorKind::WouldBlock) {
            *self.ready.may(way) = false;
        }
        result
    }

    /// As many bytes as these were asked for: if fewer came, there are no more for now.
    fn took(&mut self, way: Way, len: usize, asked: usize) {
        let is_all = EPOLL && len < asked && !(way == Way::In && self.ready.closed);
        *self.ready.may(way) &= !is_all;
    }
}

impl End for Socket {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.attempt(Way::In, |stream| stream.read(buf))?;
        self.took(Way::In, len, buf.len());
        Ok(len)
    }

    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let len = self.attempt(Way::Out, |stream| stream.write(data))?;
        self.took(Way::Out, len, data.len());
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.stream.shutdown_write()
    }

    fn is_plain(&self) -> bool {
        matches!(self.stream, Stream::Plain(_))
    }

    fn on_socket(
        &mut self,
        way: Way,
        act: &mut dyn FnMut(Tcp<'_>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.attempt(way, |stream| match stream {
            Stream::Plain(tcp) => tcp.try_io(|| act(Tcp::of(&*tcp))),
            Stream::Tls(_) => Err(ErrorKind::Unsupported.into()),
        })
    }
}

/// Whether the poller reports what happens after a read or a write that took less than it could. Elsewhere it does so
/// only after one that took nothing.
const EPOLL: bool = cfg!(any(target_os = "linux", target_os = "android"));
