//! A stream as one end of a relay: ready, or its task is woken once it is.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use rdv_socket::relay::{End, Tcp, Way};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

use super::Stream;

pub(crate) struct StreamEnd<'a> {
    stream: Pin<&'a mut Stream>,
    waker: &'a Waker,
}

impl<'a> StreamEnd<'a> {
    pub(crate) fn new(stream: &'a mut Stream, waker: &'a Waker) -> Self {
        Self { stream: Pin::new(stream), waker }
    }

    fn poll<T>(
        &mut self,
        poll: impl FnOnce(Pin<&mut Stream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> io::Result<T> {
        match poll(self.stream.as_mut(), &mut Context::from_waker(self.waker)) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(ErrorKind::WouldBlock.into()),
        }
    }
}

impl End for StreamEnd<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut read = ReadBuf::new(buf);
        self.poll(|stream, cx| stream.poll_read(cx, &mut read))?;
        Ok(read.filled().len())
    }

    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.poll(|stream, cx| stream.poll_write(cx, data))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.poll(Stream::poll_flush)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.poll(Stream::poll_shutdown)
    }

    fn is_plain(&self) -> bool {
        matches!(*self.stream, Stream::Plain(_))
    }

    fn on_socket(
        &mut self,
        way: Way,
        act: &mut dyn FnMut(Tcp<'_>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let waker = self.waker;
        #[allow(irrefutable_let_patterns, reason = "without TLS and HTTP there is no other")]
        let Stream::Plain(tcp) = &*self.stream else {
            return Err(ErrorKind::Unsupported.into());
        };
        let cx = &mut Context::from_waker(waker);
        loop {
            let (ready, interest) = match way {
                Way::In => (tcp.poll_read_ready(cx), Interest::READABLE),
                Way::Out => (tcp.poll_write_ready(cx), Interest::WRITABLE),
            };
            match ready {
                Poll::Ready(ready) => ready?,
                Poll::Pending => return Err(ErrorKind::WouldBlock.into()),
            }
            match tcp.try_io(interest, || act(Tcp::of(tcp))) {
                // It was not ready after all. The runtime knows now, and is to wake us.
                Err(err) if err.kind() == ErrorKind::WouldBlock => {}
                result => return result,
            }
        }
    }
}
