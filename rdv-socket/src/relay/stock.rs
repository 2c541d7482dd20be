//! What is held in memory because its receiver is not ready: bounded for all flows together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{BUFFER_LEN, SMALL};

/// Bytes that the flows of one server hold, but for the little that a small read leaves. Bulk goes in large reads while there are
/// few of them, and in small ones then: receivers that are stuck, of however many pairs, fill no memory by it.
#[derive(Clone, Debug, Default)]
pub(super) struct Stock(Arc<AtomicUsize>);

/// Read, and to be written.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) bytes: Vec<u8>,
    /// So many of them count, in this stock.
    counted: Option<(usize, Stock)>,
}

impl Stock {
    /// Whether reads are to be small for now. Each thread may exceed it by one.
    pub(super) fn is_full(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= MOST
    }

    pub(super) fn keep(&self, data: &[u8]) -> Kept {
        let len = data.len();
        let counted = (len > SMALL).then(|| {
            self.0.fetch_add(len, Ordering::Relaxed);
            (len, self.clone())
        });
        Kept { bytes: data.to_vec(), counted }
    }
}

impl Kept {
    /// What was read before there was a flow.
    pub(super) fn early(bytes: Vec<u8>) -> Self {
        Self { bytes, counted: None }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some((len, stock)) = &self.counted {
            stock.0.fetch_sub(*len, Ordering::Relaxed);
        }
    }
}

/// 32 MiB.
pub(super) const MOST: usize = 128 * BUFFER_LEN;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_been_written_does_not_count() {
        let stock = Stock::default();
        let kept: Vec<_> = (0..MOST / BUFFER_LEN).map(|_| stock.keep(&[7; BUFFER_LEN])).collect();
        assert!(stock.is_full());
        drop(kept);
        assert!(!stock.is_full());
        drop(stock.keep(&[7; SMALL]));
        assert_eq!(stock.0.load(Ordering::Relaxed), 0);
    }
}
