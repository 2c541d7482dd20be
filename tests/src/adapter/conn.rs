//! A connection of any adapter, whose every wait is bounded.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;

use rdv_core::{Meta, Report};

use crate::raw::{RawConn, show};
use crate::{assert_same, soon};

/// An adapter's connection, by calls that block. Both directions may be used at once.
pub trait Io: fmt::Debug + Send + Sync {
    /// Some bytes, or 0 at the stream's end.
    ///
    /// # Errors
    /// The adapter's.
    fn read(&self, buf: &mut [u8]) -> io::Result<usize>;

    /// Writes, and flushes.
    ///
    /// # Errors
    /// The adapter's.
    fn write_all(&self, data: &[u8]) -> io::Result<()>;

    /// Ends the stream to the peer.
    ///
    /// # Errors
    /// The adapter's.
    fn finish(&self) -> io::Result<()>;

    /// Has it closed by an RST when dropped.
    ///
    /// # Errors
    /// The adapter's.
    fn reset_on_drop(&self) -> io::Result<()>;

    /// The plain stream, if it is one.
    fn into_tcp(self: Arc<Self>) -> Option<TcpStream>;
}

/// A connection of any adapter.
#[derive(Debug)]
pub struct TestConn {
    name: String,
    /// The remote address, as the adapter has it.
    pub peer_addr: SocketAddr,
    /// Whether the bytes go through the server.
    pub is_relay: bool,
    /// What was said in the handshake.
    pub meta: Meta,
    /// The course of the attempt.
    pub report: Report,
    io: Arc<dyn Io>,
}

impl TestConn {
    /// One of this adapter.
    pub fn new(
        adapter: &str,
        peer_addr: SocketAddr,
        is_relay: bool,
        meta: Meta,
        report: Report,
        io: Arc<dyn Io>,
    ) -> Self {
        let name = format!("{adapter} {}", meta.role);
        Self { name, peer_addr, is_relay, meta, report, io }
    }

    /// Who it is, for failures.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends.
    ///
    /// # Panics
    /// If that fails, or takes too long.
    #[track_caller]
    pub fn send(&self, data: impl Into<Vec<u8>>) {
        let data = data.into();
        self.bounded("sends", move |io| io.write_all(&data)).unwrap_or_else(|err| self.fail("send", err));
    }

    /// Takes `expected` off the stream.
    ///
    /// # Panics
    /// If something else comes.
    #[track_caller]
    pub fn expect(&self, expected: impl AsRef<[u8]>) {
        let expected = expected.as_ref();
        let mut buf = vec![0; expected.len()];
        let got = self.bounded("receives", move |io| {
            let mut len = 0;
            while len < buf.len() {
                match io.read(&mut buf[len..])? {
                    0 => break,
                    more => len += more,
                }
            }
            buf.truncate(len);
            Ok(buf)
        });
        let got = got.unwrap_or_else(|err| self.fail("receive", err));
        assert_same(&format!("{} receives", self.name), &got, expected);
    }

    /// The stream ends, in order, and nothing comes before.
    ///
    /// # Panics
    /// If something else happens.
    #[track_caller]
    pub fn expect_end(&self) {
        match self.read_to_end() {
            (rest, Ok(())) => {
                assert!(rest.is_empty(), "{}: expected the end, got {}", self.name, show(&rest));
            }
            (rest, Err(err)) => {
                panic!("{}: expected an orderly end, got {}, then {err}", self.name, show(&rest))
            }
        }
    }

    /// The stream is cut off, by an RST or, under TLS, without a close_notify. Bytes may come before.
    ///
    /// # Panics
    /// If it ends in order instead.
    #[track_caller]
    pub fn expect_cut(&self) {
        match self.read_to_end() {
            (_, Err(err)) if CUT.contains(&err.kind()) => {}
            (rest, end) => {
                panic!("{}: expected the stream to be cut off, got {}, then {end:?}", self.name, show(&rest))
            }
        }
    }

    /// Everything up to the end of the stream, and how it ended.
    #[track_caller]
    pub fn read_to_end(&self) -> (Vec<u8>, io::Result<()>) {
        self.bounded("reads to the end", |io| read_to_end(io))
    }

    /// Ends the stream to the peer.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    pub fn finish(&self) {
        self.bounded("ends its stream", |io| io.finish())
            .unwrap_or_else(|err| self.fail("end its stream", err));
    }

    /// Closes it by an RST.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    pub fn reset(self) {
        self.io.reset_on_drop().unwrap_or_else(|err| self.fail("reset", err));
    }

    /// The plain stream, if it is one.
    pub fn into_raw(self) -> Option<RawConn> {
        self.io.into_tcp().map(RawConn::from_tcp)
    }

    #[track_caller]
    fn bounded<T: Send + 'static>(&self, doing: &str, act: impl FnOnce(&dyn Io) -> T + Send + 'static) -> T {
        let io = self.io.clone();
        soon(&format!("{} {doing}", self.name), move || act(&*io))
    }

    #[track_caller]
    fn fail<T>(&self, what: &str, err: io::Error) -> T {
        panic!("{}: cannot {what}: {err}", self.name)
    }
}

/// Sends `to_two` and `to_one` at the same time, each with its end, and compares what arrives.
///
/// # Panics
/// If something is missing or differs, or a stream is cut off.
#[track_caller]
pub fn exchange(one: &TestConn, two: &TestConn, to_two: &[u8], to_one: &[u8]) {
    let (ios, sent) = ([one.io.clone(), two.io.clone()], [to_two.to_vec(), to_one.to_vec()]);
    let got = soon(&format!("{} and {} exchange", one.name, two.name), move || {
        thread::scope(|scope| {
            let writers = [0, 1].map(|i| {
                let (io, data) = (&ios[i], &sent[i]);
                scope.spawn(move || io.write_all(data).and_then(|()| io.finish()))
            });
            let readers = ios.each_ref().map(|io| scope.spawn(move || read_to_end(&**io)));
            (writers.map(|it| it.join().unwrap()), readers.map(|it| it.join().unwrap()))
        })
    });
    let ([sent_by_one, sent_by_two], [(at_one, end_at_one), (at_two, end_at_two)]) = got;
    let to_one = (two, sent_by_two, one, at_one, end_at_one, to_one);
    let to_two = (one, sent_by_one, two, at_two, end_at_two, to_two);
    for (from, sent, to, got, end, expected) in [to_one, to_two] {
        sent.unwrap_or_else(|err| from.fail("send it all", err));
        end.unwrap_or_else(|err| to.fail(&format!("read to the end, after {} bytes", got.len()), err));
        assert_same(&format!("from {} to {}", from.name, to.name), &got, expected);
    }
}

fn read_to_end(io: &dyn Io) -> (Vec<u8>, io::Result<()>) {
    let (mut got, mut buf) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        match io.read(&mut buf) {
            Ok(0) => return (got, Ok(())),
            Ok(len) => got.extend_from_slice(&buf[..len]),
            Err(err) => return (got, Err(err)),
        }
    }
}

/// What a reader is told of a stream that was cut off.
const CUT: [ErrorKind; 3] =
    [ErrorKind::ConnectionReset, ErrorKind::ConnectionAborted, ErrorKind::UnexpectedEof];
