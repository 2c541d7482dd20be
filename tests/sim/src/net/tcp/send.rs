//! What one side sends: bytes that are cut into segments, and kept until they are acknowledged.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};
use fastrand::Rng;

use super::WINDOW;

/// The most bytes in a segment.
pub(super) const MSS: usize = 1400;
/// One segment in so many is cut shorter than it has to be.
const CUT_ONE_IN: u8 = 8;

/// The sending half of a connection. Its sequence space is a SYN, the bytes, and a FIN.
#[derive(Debug)]
pub(super) struct Sender {
    /// The oldest sequence number that is not acknowledged (SND.UNA).
    una: u32,
    /// The next one to be sent for the first time (SND.NXT).
    next: u32,
    /// Written and not acknowledged.
    chunks: VecDeque<Bytes>,
    /// Their bytes.
    len: usize,
    syn_acked: bool,
    fin: Fin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fin {
    /// More may be written.
    None,
    /// It follows what is written.
    Queued,
    Sent,
    Acked,
}

/// A piece of the stream.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) seq: u32,
    pub(super) data: Bytes,
    pub(super) fin: bool,
}

impl Sender {
    /// The SYN counts as sent.
    pub(super) fn new(isn: u32) -> Self {
        Self {
            una: isn,
            next: isn.wrapping_add(1),
            chunks: VecDeque::new(),
            len: 0,
            syn_acked: false,
            fin: Fin::None,
        }
    }

    pub(super) fn una(&self) -> u32 {
        self.una
    }

    pub(super) fn next(&self) -> u32 {
        self.next
    }

    /// Whether something sent is not acknowledged.
    pub(super) fn in_flight(&self) -> bool {
        self.una != self.next
    }

    /// Bytes that are not acknowledged.
    pub(super) fn unacked(&self) -> usize {
        self.len
    }

    /// Whether all of it is sent, the FIN included.
    pub(super) fn fin_sent(&self) -> bool {
        matches!(self.fin, Fin::Sent | Fin::Acked)
    }

    pub(super) fn fin_acked(&self) -> bool {
        self.fin == Fin::Acked
    }

    /// Whether no more can be written.
    pub(super) fn is_shut(&self) -> bool {
        self.fin != Fin::None
    }

    pub(super) fn push(&mut self, data: Bytes) {
        if !data.is_empty() {
            self.len += data.len();
            self.chunks.push_back(data);
        }
    }

    pub(super) fn shut(&mut self) {
        if self.fin == Fin::None {
            self.fin = Fin::Queued;
        }
    }

    /// Forgets what is written.
    pub(super) fn clear(&mut self) {
        self.chunks.clear();
        self.len = 0;
    }

    /// Whether `ack` acknowledges something new, and nothing that was never sent.
    pub(super) fn is_news(&self, ack: u32) -> bool {
        let news = ack.wrapping_sub(self.una);
        news != 0 && news <= self.next.wrapping_sub(self.una)
    }

    /// Whether `ack` acknowledges what was never sent.
    pub(super) fn is_absurd(&self, ack: u32) -> bool {
        (ack.wrapping_sub(self.next) as i32) > 0
    }

    /// Drops what an `ack` that is news covers.
    pub(super) fn acknowledge(&mut self, ack: u32) {
        let mut covered = ack.wrapping_sub(self.una) as usize;
        self.una = ack;
        if !self.syn_acked {
            self.syn_acked = true;
            covered -= 1;
        }
        if covered > self.len {
            self.fin = Fin::Acked;
            covered = self.len;
        }
        self.len -= covered;
        while covered > 0 {
            let chunk = &mut self.chunks[0];
            if chunk.len() > covered {
                chunk.advance(covered);
                break;
            }
            covered -= chunk.len();
            self.chunks.pop_front();
        }
    }

    /// What is to be sent for the first time, if the window has room. The SYN must have been acknowledged.
    pub(super) fn fresh(&mut self, rng: &mut Rng) -> Option<Piece> {
        if self.fin_sent() {
            return None;
        }
        let sent = self.sent();
        let unsent = self.len - sent;
        if (unsent == 0 && self.fin == Fin::None) || sent + MSS > WINDOW {
            return None;
        }
        let size = cut(rng, unsent);
        let fin = self.fin == Fin::Queued && size == unsent;
        let piece = Piece { seq: self.next, data: self.copy(sent, size), fin };
        self.next = self.next.wrapping_add(size as u32 + u32::from(fin));
        if fin {
            self.fin = Fin::Sent;
        }
        Some(piece)
    }

    /// The oldest that is in flight, cut anew. The SYN must have been acknowledged.
    pub(super) fn again(&mut self, rng: &mut Rng) -> Piece {
        let sent = self.sent();
        let size = cut(rng, sent);
        let fin = self.fin == Fin::Sent && size == sent;
        Piece { seq: self.una, data: self.copy(0, size), fin }
    }

    /// Bytes that are in flight.
    fn sent(&self) -> usize {
        (self.next.wrapping_sub(self.una) as usize).min(self.len)
    }

    fn copy(&self, mut from: usize, mut size: usize) -> Bytes {
        let mut joined = BytesMut::new();
        for chunk in &self.chunks {
            if from >= chunk.len() {
                from -= chunk.len();
                continue;
            }
            let part = chunk.slice(from..chunk.len().min(from + size));
            if joined.is_empty() && part.len() == size {
                return part;
            }
            from = 0;
            size -= part.len();
            joined.extend_from_slice(&part);
            if size == 0 {
                break;
            }
        }
        joined.freeze()
    }
}

/// How many of `available` bytes go into one segment: mostly what fits.
fn cut(rng: &mut Rng, available: usize) -> usize {
    let most = available.min(MSS);
    if most > 1 && rng.u8(..CUT_ONE_IN) == 0 { rng.usize(1..=most) } else { most }
}
