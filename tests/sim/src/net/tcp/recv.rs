//! What one side receives: every byte once and in order.

use std::collections::{BTreeMap, VecDeque};

use bytes::{Buf, Bytes};

use super::WINDOW;

/// The receiving half of a connection.
#[derive(Debug, Default)]
pub(super) struct Receiver {
    /// The next sequence number expected (RCV.NXT).
    next: u32,
    /// How many bytes came before `next`.
    position: u64,
    /// In order, and not read yet.
    ready: VecDeque<Bytes>,
    /// Ahead of a gap, by position. They may overlap.
    early: BTreeMap<u64, Bytes>,
    /// The position of the FIN, once seen.
    fin_at: Option<u64>,
    eof: bool,
}

impl Receiver {
    /// For a stream whose SYN was `syn`.
    pub(super) fn new(syn: u32) -> Self {
        Self { next: syn.wrapping_add(1), ..Self::default() }
    }

    pub(super) fn next(&self) -> u32 {
        self.next
    }

    /// Whether the stream has ended: all of it is received, the FIN included.
    pub(super) fn is_eof(&self) -> bool {
        self.eof
    }

    /// Whether there are bytes to be read.
    pub(super) fn has_data(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether a segment that takes up `len` numbers is within the window, in part at least (RFC 9293 section
    /// 3.10.7.4).
    pub(super) fn is_acceptable(&self, seq: u32, len: usize) -> bool {
        let ahead = self.ahead(seq);
        ahead < WINDOW as i64 && if len == 0 { ahead >= 0 } else { ahead + len as i64 > 0 }
    }

    /// Whether it has bytes that are new.
    pub(super) fn is_news(&self, seq: u32, data: &Bytes) -> bool {
        !data.is_empty() && self.ahead(seq) + data.len() as i64 > 0
    }

    /// Takes in an acceptable segment. Returns whether there is more to read than before, or the end.
    pub(super) fn take(&mut self, seq: u32, mut data: Bytes, fin: bool) -> bool {
        if self.eof {
            return false;
        }
        let old = usize::try_from(-self.ahead(seq)).unwrap_or(0).min(data.len());
        data.advance(old);
        let start = self.position + u64::try_from(self.ahead(seq)).unwrap_or(0);
        if fin {
            self.fin_at = Some(start + data.len() as u64);
        }
        if start > self.position {
            self.keep(start, data);
            return false;
        }
        let before = self.position;
        self.append(data);
        self.close_gap();
        self.position > before || self.eof
    }

    /// Takes up to `max` bytes.
    pub(super) fn read(&mut self, max: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.ready.front_mut() {
            let part = chunk.len().min(max - bytes.len());
            bytes.extend_from_slice(&chunk[..part]);
            if part < chunk.len() {
                chunk.advance(part);
                break;
            }
            self.ready.pop_front();
        }
        bytes
    }

    /// Forgets what is not read, and how it ended.
    pub(super) fn discard(&mut self) {
        self.ready.clear();
        self.eof = false;
    }

    fn ahead(&self, seq: u32) -> i64 {
        i64::from(seq.wrapping_sub(self.next) as i32)
    }

    fn keep(&mut self, start: u64, data: Bytes) {
        let held: usize = self.early.values().map(Bytes::len).sum();
        let known = self.early.get(&start).map_or(0, Bytes::len);
        if data.len() > known && held + data.len() <= WINDOW {
            self.early.insert(start, data);
        }
    }

    fn append(&mut self, data: Bytes) {
        if !data.is_empty() {
            self.position += data.len() as u64;
            self.next = self.next.wrapping_add(data.len() as u32);
            self.ready.push_back(data);
        }
    }

    fn close_gap(&mut self) {
        while let Some(entry) = self.early.first_entry() {
            if *entry.key() > self.position {
                break;
            }
            let (start, mut data) = entry.remove_entry();
            let old = (self.position - start) as usize;
            if old < data.len() {
                data.advance(old);
                self.append(data);
            }
        }
        if self.fin_at.is_some_and(|at| at <= self.position) {
            self.next = self.next.wrapping_add(1);
            self.eof = true;
            self.early.clear();
        }
    }
}
