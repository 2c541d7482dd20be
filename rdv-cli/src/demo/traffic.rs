//! The demo's data: made from a seed, sent both ways at once, and proved by SHA-256.

use std::fmt::Write as _;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use rdv_blocking::Conn;
use sha2::{Digest, Sha256};

use rdv_cli::duration::Pretty;

/// What one side sends. It never repeats, so whatever is lost, doubled or swapped changes the hash.
#[derive(Clone, Debug)]
pub(super) struct Payload {
    seed: u64,
    len: usize,
    hash: String,
}

/// What has become of a payload.
#[derive(Debug)]
pub(super) struct Flow {
    /// SHA-256 of what was to be sent, in hexadecimal.
    sent_hash: String,
    received_hash: String,
    len: usize,
    took: Duration,
}

impl Payload {
    pub(super) fn new(seed: u64, len: usize) -> Payload {
        let mut hasher = Sha256::new();
        let made = make(seed, len, |data| {
            hasher.update(data);
            Ok(())
        });
        debug_assert!(made.is_ok(), "hashing does not fail");
        Payload { seed, len, hash: hex(hasher) }
    }
}

impl Flow {
    /// Whether every byte arrived, in order, and none too many.
    pub(super) fn is_whole(&self) -> bool {
        self.sent_hash == self.received_hash
    }

    /// As much of the hash as a person compares.
    pub(super) fn short_hash(&self) -> String {
        format!("{}...", &self.received_hash[..16])
    }

    pub(super) fn time(&self) -> String {
        Pretty(self.took).to_string()
    }

    pub(super) fn throughput(&self) -> String {
        let mib_per_second = self.len as f64 / self.took.as_secs_f64().max(1e-9) / (1024.0 * 1024.0);
        match mib_per_second {
            rate if rate < 10.0 => format!("{rate:.1} MiB/s"),
            rate => format!("{rate:.0} MiB/s"),
        }
    }
}

/// Sends both payloads at once, the dialer's first one and the accepter's second one.
///
/// # Errors
/// Those of the connections, and `TimedOut` if the data does not get through.
pub(super) fn exchange(
    dialer: &Arc<Conn>,
    accepter: &Arc<Conn>,
    payloads: &[Payload; 2],
) -> io::Result<[Flow; 2]> {
    // In memory, so that hashing does not slow down what is measured; and touched once, so that the second act
    // has no advantage of the first.
    let buffers = payloads.each_ref().map(|payload| vec![0xa5; payload.len + 1]);
    let [for_accepter, for_dialer] = buffers;
    let (results, arrived) = channel();
    let started = Instant::now();
    for (sender, payload) in [(dialer, &payloads[0]), (accepter, &payloads[1])] {
        let (sender, payload, results) = (sender.clone(), payload.clone(), results.clone());
        thread::spawn(move || {
            if let Err(error) = send(&sender, &payload) {
                let _ = results.send(Err(error));
            }
        });
    }
    for (receiver, buffer, index) in [(accepter, for_accepter, 0), (dialer, for_dialer, 1)] {
        let (receiver, results) = (receiver.clone(), results.clone());
        thread::spawn(move || {
            let received = receive(&receiver, buffer);
            // Nobody listens any more if another direction has failed.
            let _ = results.send(received.map(|data| (index, data, started.elapsed())));
        });
    }
    drop(results);

    let mut flows = [None, None];
    while flows.iter().any(Option::is_none) {
        let (index, data, took) = arrived.recv_timeout(PATIENCE).map_err(|_| stuck())??;
        let Payload { hash, len, .. } = &payloads[index];
        flows[index] =
            Some((data, Flow { sent_hash: hash.clone(), received_hash: String::new(), len: *len, took }));
    }
    // Only now that both ways are done: hashing costs the time of whoever is still sending.
    let [first, second] = flows.map(|flow| flow.map(|(data, flow)| proved(&data, flow)).ok_or_else(stuck));
    Ok([first?, second?])
}

fn send(mut conn: &Conn, payload: &Payload) -> io::Result<()> {
    make(payload.seed, payload.len, |data| conn.write_all(data))?;
    conn.shutdown(Shutdown::Write)
}

/// Everything up to the end. The buffer has room for one byte too many, to notice if there is one.
fn receive(mut conn: &Conn, mut buffer: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut len = 0;
    while len < buffer.len() {
        match conn.read(&mut buffer[len..]) {
            Ok(0) => break,
            Ok(n) => len += n,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffer.truncate(len);
    Ok(buffer)
}

fn proved(data: &[u8], flow: Flow) -> Flow {
    Flow { received_hash: hex(Sha256::new().chain_update(data)), ..flow }
}

/// Passes on `len` bytes of the sequence that begins at `seed`, in pieces.
fn make(seed: u64, len: usize, mut pass_on: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut numbers = SplitMix(seed);
    let mut piece = vec![0; PIECE_LEN];
    let mut left = len;
    while left > 0 {
        for word in piece.chunks_exact_mut(8) {
            word.copy_from_slice(&numbers.next().to_le_bytes());
        }
        let data = &piece[..left.min(PIECE_LEN)];
        pass_on(data)?;
        left -= data.len();
    }
    Ok(())
}

/// Steele, Lea and Flood's generator: no number comes twice.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn hex(hasher: Sha256) -> String {
    hasher.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        // A string takes everything.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn stuck() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, "the data did not get through in time")
}

const PIECE_LEN: usize = 64 * 1024;
/// For all of it; on one machine, a GiB takes seconds.
const PATIENCE: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests;
