//! A socket as one end of a relay.

use std::io::{self, ErrorKind};

use mio::event::Source;
use rdv_relay::{Leg, Ready};
use rdv_socket::relay::{End, Tcp, Way};

use super::{Socket, Stream};

impl Socket {
    /// Does something to the stream that may have to wait for it, unless it is known that it must; to so many bytes, where that
    /// is known. Nothing is known of TLS, which may have more than its socket.
    fn attempt(
        &mut self,
        way: Way,
        asked: Option<usize>,
        act: impl FnOnce(&mut Stream) -> io::Result<usize>,
    ) -> io::Result<usize> {
        match &mut self.stream {
            stream @ Stream::Plain(_) => self.ready.attempt(way, asked, || act(stream)),
            stream @ Stream::Tls(_) => act(stream),
        }
    }
}

impl End for Socket {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.attempt(Way::In, Some(buf.len()), |stream| stream.read(buf))
    }

    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.attempt(Way::Out, Some(data.len()), |stream| stream.write(data))
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
        self.attempt(way, None, |stream| match stream {
            Stream::Plain(tcp) => tcp.try_io(|| act(Tcp::of(&*tcp))),
            Stream::Tls(_) => Err(ErrorKind::Unsupported.into()),
        })
    }
}

impl Leg for Socket {
    fn source(&mut self) -> &mut dyn Source {
        self.stream.source()
    }

    fn ready(&mut self) -> &mut Ready {
        &mut self.ready
    }

    fn take_error(&self) -> Option<io::Error> {
        self.stream.take_error().ok()?
    }

    fn reset(self) {
        self.stream.reset();
    }
}
