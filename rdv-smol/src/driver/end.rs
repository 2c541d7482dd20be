//! A stream as one end of a relay: ready, or its task is woken once it is.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_lite::io::{AsyncRead, AsyncWrite};
use rdv_socket::relay::{End, Tcp, Way};

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
        self.poll(|stream, cx| stream.poll_read(cx, buf))
    }

    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.poll(|stream, cx| stream.poll_write(cx, data))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.poll(Stream::poll_flush)
    }

    fn finish(&mut self) -> io::Result<()> {
        // Of what TLS has to say in the end, as much as goes.
        let _ = self.poll(Stream::poll_close);
        Ok(())
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
            match act(Tcp::of(tcp.get_ref())) {
                Err(err) if err.kind() == ErrorKind::WouldBlock => {}
                result => return result,
            }
            let ready = match way {
                Way::In => tcp.poll_readable(cx),
                Way::Out => tcp.poll_writable(cx),
            };
            match ready {
                Poll::Ready(ready) => ready?,
                Poll::Pending => return Err(ErrorKind::WouldBlock.into()),
            }
        }
    }
}
