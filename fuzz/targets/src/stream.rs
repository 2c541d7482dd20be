//! What a stranger sends, handed out in reads.

use std::fmt::Debug;
use std::num::NonZeroUsize;

#[derive(Clone, Debug)]
pub(crate) struct Stream<'a> {
    bytes: &'a [u8],
    /// How many bytes were read.
    pub(crate) read: usize,
    /// The most bytes that one read brings.
    cut: usize,
    /// The most bytes that one read asked for.
    pub(crate) asked: usize,
}

impl<'a> Stream<'a> {
    pub(crate) fn new(bytes: &'a [u8], cut: usize) -> Self {
        Self { bytes, read: 0, cut, asked: 0 }
    }

    /// What a read brings; nothing once the stream has ended.
    pub(crate) fn next(&mut self, max: NonZeroUsize) -> &'a [u8] {
        self.asked = self.asked.max(max.get());
        let data = &self.bytes[self.read..];
        let data = &data[..data.len().min(max.get()).min(self.cut)];
        self.read += data.len();
        data
    }
}

/// Listens to the bytes in one go and again in pieces of `cut` bytes: the verdict must be the same.
pub(crate) fn whatever_the_cut<'a, V: Debug + PartialEq>(
    bytes: &'a [u8],
    cut: u8,
    listen: impl Fn(Stream<'a>) -> V,
) -> V {
    let in_one_go = listen(Stream::new(bytes, usize::MAX));
    let in_pieces = listen(Stream::new(bytes, usize::from(cut).max(1)));
    assert_eq!(in_one_go, in_pieces, "the verdict depends on the cut, which is {cut}");
    in_one_go
}
