use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use rdv_core::http::Request;

use super::*;

/// A request that an HTTP stack has, which knows of no upgrade.
fn asking() -> (HttpStream, oneshot::Receiver<Response<Bytes>>) {
    let (answer, answered) = oneshot::channel();
    let upgrade = hyper::upgrade::on(Request::new(()));
    (HttpStream::new(Bytes::from_static(b"head"), answer, upgrade), answered)
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// What one read brings.
fn read(stream: &mut HttpStream, waker: &Waker) -> Poll<io::Result<Vec<u8>>> {
    let mut data = [0; 64];
    let mut buf = ReadBuf::new(&mut data);
    let mut cx = Context::from_waker(waker);
    Pin::new(stream).poll_read(&mut cx, &mut buf).map_ok(|()| buf.filled().to_vec())
}

fn write(stream: &mut HttpStream, waker: &Waker, data: &str) -> Poll<io::Result<()>> {
    let mut cx = Context::from_waker(waker);
    assert!(matches!(Pin::new(&mut *stream).poll_write(&mut cx, data.as_bytes()), Poll::Ready(Ok(_))));
    Pin::new(stream).poll_flush(&mut cx)
}

#[test]
fn a_refusal_ends_the_read_under_way() {
    let (mut stream, mut answered) = asking();
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    assert!(matches!(read(&mut stream, &waker), Poll::Ready(Ok(head)) if head == b"head"));
    assert!(read(&mut stream, &waker).is_pending());
    assert!(matches!(
        write(&mut stream, &waker, "HTTP/1.1 418 Teapot\r\nX: y\r\n\r\nshort"),
        Poll::Ready(Ok(()))
    ));
    assert!(count.0.load(Ordering::Relaxed) > 0, "the read does not look again");
    assert!(matches!(read(&mut stream, &waker), Poll::Ready(Ok(end)) if end.is_empty()));
    let response = answered.try_recv().unwrap();
    assert_eq!((response.status().as_u16(), &response.body()[..]), (418, &b"short"[..]));
}

#[test]
fn an_upgrade_that_fails_is_an_error_once() {
    let (mut stream, mut answered) = asking();
    let waker = Waker::noop();
    let result = write(&mut stream, waker, "HTTP/1.1 101 Switching Protocols\r\n\r\n");
    assert!(matches!(result, Poll::Ready(Err(err)) if err.kind() == ErrorKind::ConnectionAborted));
    assert!(answered.try_recv().is_ok());
    assert!(matches!(read(&mut stream, waker), Poll::Ready(Ok(end)) if end.is_empty()));
}

#[test]
fn a_stack_that_gives_up_is_an_error() {
    for answer in [None, Some("HTTP/1.1 101 Switching Protocols\r\n\r\n")] {
        let (mut stream, answered) = asking();
        let waker = Waker::noop();
        assert!(read(&mut stream, waker).is_ready());
        drop(answered);
        let result = match answer {
            None => read(&mut stream, waker).map_ok(|_| 0),
            Some(answer) => {
                Pin::new(&mut stream).poll_write(&mut Context::from_waker(waker), answer.as_bytes())
            }
        };
        assert!(matches!(result, Poll::Ready(Err(err)) if err.kind() == ErrorKind::ConnectionAborted));
    }
}
