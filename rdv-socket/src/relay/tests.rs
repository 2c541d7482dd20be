//! Bytes arrive, whichever way they take; and what is quiet holds nothing.

mod exchange;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use super::*;
use crate::test_util::{stream_pair, wait_for};

/// A non-blocking socket. It is asked again and again, so nobody has to wake it.
struct Socket {
    tcp: TcpStream,
    is_plain: bool,
}

impl End for Socket {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.tcp.read(buf)
    }

    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.tcp.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.tcp.shutdown(Shutdown::Write)
    }

    fn is_plain(&self) -> bool {
        self.is_plain
    }

    fn on_socket(&mut self, _: Way, act: &mut dyn FnMut(Tcp<'_>) -> io::Result<usize>) -> io::Result<usize> {
        assert!(self.is_plain, "only plain streams have a socket to act on");
        // As runtimes do that look at the socket once more.
        for _ in 0..3 {
            match act(Tcp::of(&self.tcp)) {
                Err(err) if err.kind() == ErrorKind::WouldBlock => thread::yield_now(),
                result => return result,
            }
        }
        Err(ErrorKind::WouldBlock.into())
    }
}

/// A flow, its ends, and whoever is beyond them.
struct Course {
    flow: Flow,
    sender: TcpStream,
    from: Socket,
    to: Socket,
    receiver: TcpStream,
    pool: Pool,
    buffer: Vec<u8>,
}

impl Course {
    fn new(is_plain: bool) -> Self {
        let (sender, from) = stream_pair();
        let (to, receiver) = stream_pair();
        for stream in [&sender, &receiver] {
            stream.set_nonblocking(false).unwrap();
        }
        for stream in [&from, &to] {
            stream.set_nonblocking(true).unwrap();
        }
        let [from, to] = [from, to].map(|tcp| Socket { tcp, is_plain });
        let (flow, buffer) = (Flow::new(Vec::new(), false), vec![0; BUFFER_LEN]);
        Self { flow, sender, from, to, receiver, pool: Pool::default(), buffer }
    }

    fn carry(&mut self) -> Result<Carried, Broken> {
        let mut most = u64::MAX;
        self.carry_at_most(&mut most)
    }

    fn carry_at_most(&mut self, most: &mut u64) -> Result<Carried, Broken> {
        self.flow.carry(&mut self.from, &mut self.to, &self.pool, &mut self.buffer, most)
    }

    fn carry_until(&mut self, what: &str, is_so: impl Fn(&Self, Carried) -> bool) {
        wait_for(what, || {
            let carried = self.carry().map_err(|(Broken::From(err) | Broken::To(err))| err)?;
            Ok(is_so(self, carried).then_some(()))
        });
    }

    fn holds_nothing(&self) -> bool {
        self.flow.held.is_none()
    }
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i / 251 + i) as u8).collect()
}

/// Sends it all through a course, and expects it all, and the end.
fn transfer(mut course: Course, len: usize) {
    let (mut sender, mut receiver) =
        (course.sender.try_clone().unwrap(), course.receiver.try_clone().unwrap());
    let writer = thread::spawn(move || {
        sender.write_all(&pattern(len)).unwrap();
        sender.shutdown(Shutdown::Write).unwrap();
    });
    let reader = thread::spawn(move || {
        let mut got = Vec::new();
        receiver.read_to_end(&mut got).unwrap();
        got
    });
    course.carry_until("the end of the stream", |_, carried| carried == Carried::Ended);
    writer.join().unwrap();
    assert!(reader.join().unwrap() == pattern(len), "other bytes than were sent");
    assert_eq!(course.flow.carried(), len as u64);
    assert!(course.flow.is_ended() && course.holds_nothing());
}

#[test]
fn bulk_arrives_between_plain_sockets() {
    transfer(Course::new(true), 20 << 20);
}

#[test]
fn bulk_arrives_between_others() {
    transfer(Course::new(false), 20 << 20);
}

#[test]
fn what_was_read_early_comes_first() {
    let mut course = Course::new(true);
    course.flow = Flow::new(b"early".to_vec(), true);
    course.carry_until("the end", |_, carried| carried == Carried::Ended);
    let mut got = Vec::new();
    course.receiver.read_to_end(&mut got).unwrap();
    assert_eq!(got, b"early");
}

#[test]
fn a_receiver_that_is_stuck_is_waited_for_with_a_full_pipe() {
    let mut course = Course::new(true);
    let mut sender = course.sender.try_clone().unwrap();
    let len = 32 << 20;
    let writer = thread::spawn(move || sender.write_all(&pattern(len)).unwrap());
    course.carry_until("a receiver's buffer is full", |course, carried| {
        carried == Carried::Blocked && !course.holds_nothing()
    });
    let mut receiver = course.receiver.try_clone().unwrap();
    let reader = thread::spawn(move || {
        let mut got = vec![0; len];
        receiver.read_exact(&mut got).unwrap();
        got
    });
    course.carry_until("all bytes", |course, _| course.flow.carried() == len as u64);
    writer.join().unwrap();
    assert!(reader.join().unwrap() == pattern(len), "other bytes than were sent");
    assert!(course.holds_nothing(), "a pipe or a buffer is held without need");
}

/// Without a pipe, bytes wait in memory: a lot for some, a little for however many.
#[test]
fn receivers_that_are_stuck_fill_no_memory() {
    for others in [0, stock::MOST] {
        let mut course = Course::new(false);
        course.flow.bulk = true;
        let kept = course.pool.stock.keep(&vec![0; others]);
        let mut sender = course.sender.try_clone().unwrap();
        thread::spawn(move || while sender.write_all(&[7; 64 * 1024]).is_ok() {});
        // It begins where it stopped, until there is room for nothing.
        for _ in 0..100 {
            course.carry_until("a receiver's buffer is full", |course, carried| {
                carried == Carried::Blocked && !course.holds_nothing()
            });
        }
        let most = if others == 0 { BUFFER_LEN } else { SMALL };
        assert!(course.flow.held() <= most as u64, "it holds {}", course.flow.held());
        drop(kept);
        course.sender.shutdown(Shutdown::Both).unwrap();
    }
}

#[test]
fn with_a_full_stock_bulk_arrives() {
    let course = Course::new(false);
    let _kept = course.pool.stock.keep(&vec![0; stock::MOST]);
    transfer(course, 20 << 20);
}

/// Has all that is asked for, and takes all that it is given.
struct Endless;

impl End for Endless {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        Ok(buf.len())
    }

    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn is_plain(&self) -> bool {
        false
    }

    fn on_socket(&mut self, _: Way, _: &mut dyn FnMut(Tcp<'_>) -> io::Result<usize>) -> io::Result<usize> {
        unreachable!("it has none")
    }
}

#[test]
fn a_turn_is_four_steps() {
    let (pool, mut buffer, mut most) = (Pool::default(), vec![0; BUFFER_LEN], u64::MAX);
    let mut flow = Flow { bulk: true, ..Flow::new(Vec::new(), false) };
    for turn in 1..=3 {
        let carried = flow.carry(&mut Endless, &mut Endless, &pool, &mut buffer, &mut most).unwrap();
        assert_eq!((carried, flow.carried()), (Carried::Busy, turn * 4 * BUFFER_LEN as u64));
    }
}

/// By pipes too.
#[test]
fn a_turn_comes_to_its_end() {
    let mut course = Course::new(true);
    let (mut sender, mut receiver) =
        (course.sender.try_clone().unwrap(), course.receiver.try_clone().unwrap());
    thread::spawn(move || while sender.write_all(&[7; 64 * 1024]).is_ok() {});
    thread::spawn(move || while receiver.read(&mut [0; 64 * 1024]).is_ok_and(|len| len > 0) {});
    course.carry_until("a flow that has more to do", |_, carried| carried == Carried::Busy);
    for stream in [&course.sender, &course.receiver] {
        stream.shutdown(Shutdown::Both).unwrap();
    }
}

/// Small ones by a read, many by a pipe, and without one.
#[test]
fn no_more_is_read_than_is_allowed() {
    for (is_plain, bulk) in [(true, false), (true, true), (false, true)] {
        let mut course = Course::new(is_plain);
        course.flow.bulk = bulk;
        let sent = pattern(100_000);
        course.sender.write_all(&sent).unwrap();
        course.sender.shutdown(Shutdown::Write).unwrap();
        let (mut got, mut allowed) = (Vec::new(), 0);
        while got.len() < sent.len() {
            let step = [1, 1000, 33_000][got.len() % 3];
            let mut most = step;
            wait_for("as much as is allowed, or the end", || {
                let carried =
                    course.carry_at_most(&mut most).map_err(|(Broken::From(err) | Broken::To(err))| err)?;
                Ok((most == 0 || carried == Carried::Ended).then_some(()))
            });
            allowed += step - most;
            assert_eq!(course.flow.carried() + course.flow.held(), allowed);
            let mut more = vec![0; (allowed - got.len() as u64) as usize];
            course.receiver.read_exact(&mut more).unwrap();
            got.extend(more);
        }
        assert!(got == sent, "other bytes than were sent");
        course.carry_until("the end, by what was never allowed a byte more", |_, carried| {
            carried == Carried::Ended
        });
    }
}

#[test]
fn a_reset_is_the_end_that_failed() {
    let mut course = Course::new(true);
    course.flow.bulk = true;
    crate::reset(std::mem::replace(&mut course.sender, stream_pair().0));
    let broken = wait_for("a reset", || match course.carry() {
        Ok(_) => Ok(None),
        Err(broken) => Ok(Some(broken)),
    });
    assert!(matches!(&broken, Broken::From(err) if err.kind() == ErrorKind::ConnectionReset), "{broken}");
}

/// In front of such a byte splicing would wait for ever, or take it for the end once that has come.
#[test]
fn an_urgent_byte_is_skipped() {
    for bulk in [3, 2 * TINY] {
        let mut course = Course::new(true);
        course.flow.bulk = true;
        let sent = [pattern(bulk), b"two".to_vec()];
        course.sender.write_all(&sent[0]).unwrap();
        SockRef::from(&course.sender).send_out_of_band(b"!").unwrap();
        course.sender.write_all(&sent[1]).unwrap();
        course.sender.shutdown(Shutdown::Write).unwrap();
        course.carry_until("the end", |_, carried| carried == Carried::Ended);
        let mut got = Vec::new();
        course.receiver.read_to_end(&mut got).unwrap();
        assert!(got == sent.concat(), "of {bulk} bytes, and then 3, {} came", got.len());
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod pool {
    use super::*;

    #[test]
    fn a_pool_has_an_end_and_takes_back_what_is_empty() {
        let pool = Pool::default();
        let lent: Vec<_> = std::iter::from_fn(|| pool.lend()).collect();
        if lent.is_empty() {
            return eprintln!("skipped: the kernel has no large pipe for this user");
        }
        assert!(lent.len() <= 48 && pool.lend().is_none(), "{} pipes are lent", lent.len());
        drop(lent);
        assert!(pool.lend().is_some(), "none has come back");
    }

    #[test]
    fn without_pipes_bulk_is_copied() {
        let course = Course::new(true);
        let _lent: Vec<_> = std::iter::from_fn(|| course.pool.lend()).collect();
        transfer(course, 20 << 20);
    }
}
