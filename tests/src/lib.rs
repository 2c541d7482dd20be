//! What the tests share: raw sockets whose every wait is bounded, a server that ends with its test, fakes of either
//! side, and fixtures, which are dialogues in a small language of their own ([`fixture`]).

pub mod adapter;
pub mod also;
pub mod answer;
pub mod attempt;
pub mod cut;
pub mod fake;
pub mod figures;
pub mod fixture;
pub mod ground;
#[cfg(target_os = "linux")]
pub mod lab;
pub mod proxy;
pub mod raw;
pub mod script;
pub mod server;
pub mod step;
pub mod tls;

use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

/// For everything that ought to happen: far longer than it takes, so that only a hang is a failure.
pub const SOON: Duration = Duration::from_secs(15);

/// How long nothing must happen for a test to believe that nothing does.
pub const QUIET: Duration = Duration::from_millis(60);

/// The result of `act`, which must come soon. `what` names it in the failure.
///
/// # Panics
/// If it does not, or if `act` panics.
#[track_caller]
pub fn soon<T: Send + 'static>(what: &str, act: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = channel();
    thread::spawn(move || sender.send(act()));
    match receiver.recv_timeout(SOON) {
        Ok(result) => result,
        Err(err) => panic!("{what}: not within {SOON:?}, or panicked ({err})"),
    }
}

/// Returns once this is so, which must be soon.
///
/// # Panics
/// If it is not.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < SOON, "not within {SOON:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether this machine has IPv6 on loopback; says so if a test is skipped for want of it.
pub fn has_ipv6() -> bool {
    let bound = TcpListener::bind("[::1]:0");
    if let Err(err) = &bound {
        eprintln!("skipped: no IPv6 loopback on this machine ({err})");
    }
    bound.is_ok()
}

/// An address on which nobody listens. Nobody is given it while the returned socket lives; on Linux a program that asks
/// for this very port gets it, if it sets SO_REUSEADDR.
pub fn refusing() -> (socket2::Socket, SocketAddr) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    #[cfg(target_os = "linux")]
    socket.set_reuse_address(true).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let addr = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, addr)
}

/// `len` bytes in which every stretch differs from every other, so that a gap or a swap shows.
pub fn pattern(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        // xorshift64: reproducible, and no period that a buffer's length could match.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Panics unless both are equal, naming lengths and the first difference instead of printing it all.
///
/// # Panics
/// See above.
#[track_caller]
pub fn assert_same(what: &str, got: &[u8], expected: &[u8]) {
    if got != expected {
        let at = got.iter().zip(expected).position(|(a, b)| a != b).unwrap_or(got.len().min(expected.len()));
        panic!("{what}: got {} bytes, expected {}; they differ from byte {at} on", got.len(), expected.len());
    }
}

/// The README's programs compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
