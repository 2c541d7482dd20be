//! One of a pair's two connections.

use std::io::{self, Read, Write};
use std::net::Shutdown;

use mio::event::Source;
use mio::net::TcpStream;
use rdv_socket::relay::{End, Tcp, Way};

use crate::Ready;

/// A stream that the threads can relay: an end of a flow, watched by a poller.
///
/// It says [`WouldBlock`](io::ErrorKind::WouldBlock) without asking the system where [`Ready`] knows that already.
pub trait Leg: End + Send + 'static {
    /// The socket, to be watched.
    fn source(&mut self) -> &mut dyn Source;

    /// What is known of it.
    fn ready(&mut self) -> &mut Ready;

    /// Why it has failed, if it has; to be asked once.
    fn take_error(&self) -> Option<io::Error>;

    /// Closes it with an RST.
    fn reset(self);
}

/// TCP and nothing else.
///
/// ```
/// use std::net::{TcpListener, TcpStream};
///
/// use rdv_relay::Plain;
/// use rdv_socket::relay::End;
///
/// # fn main() -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let stream = TcpStream::connect(listener.local_addr()?)?;
/// stream.set_nonblocking(true)?;
/// assert!(Plain::from(stream).is_plain());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Plain {
    tcp: TcpStream,
    ready: Ready,
}

impl From<std::net::TcpStream> for Plain {
    /// Of a connection that does not block.
    fn from(tcp: std::net::TcpStream) -> Self {
        Self { tcp: TcpStream::from_std(tcp), ready: Ready::MAYBE }
    }
}

impl End for Plain {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.ready.attempt(Way::In, Some(buf.len()), || self.tcp.read(buf))
    }

    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.ready.attempt(Way::Out, Some(data.len()), || self.tcp.write(data))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.tcp.shutdown(Shutdown::Write)
    }

    fn is_plain(&self) -> bool {
        true
    }

    fn on_socket(
        &mut self,
        way: Way,
        act: &mut dyn FnMut(Tcp<'_>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.ready.attempt(way, None, || self.tcp.try_io(|| act(Tcp::of(&self.tcp))))
    }
}

impl Leg for Plain {
    fn source(&mut self) -> &mut dyn Source {
        &mut self.tcp
    }

    fn ready(&mut self) -> &mut Ready {
        &mut self.ready
    }

    fn take_error(&self) -> Option<io::Error> {
        self.tcp.take_error().ok()?
    }

    fn reset(self) {
        if let Err(err) = rdv_socket::reset_on_drop(&self.tcp) {
            log::debug!("closing without a reset: {err}");
        }
    }
}
