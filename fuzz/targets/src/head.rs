//! Where a head ends, by the plain definition: with no regard to how it is read.

/// What a stream begins with.
#[derive(Debug)]
pub(crate) enum Head<'a> {
    /// A head, its empty line included.
    Whole(&'a [u8]),
    /// The stream ends within the head.
    Incomplete,
    /// Lines end in CRLF and in LF.
    Mixed,
    TooLarge,
}

/// A head is lines that all end like the first one, up to an empty line that is not the first.
pub(crate) fn head_of(stream: &[u8]) -> Head<'_> {
    let mut end = 0;
    let mut first_ending = None;
    for line in stream.split_inclusive(|byte| *byte == b'\n') {
        let is_first = end == 0;
        end += line.len();
        if end > HEAD_MAX {
            return Head::TooLarge;
        } else if !line.ends_with(b"\n") {
            return Head::Incomplete;
        }
        let ending: &[u8] = if line.ends_with(b"\r\n") { b"\r\n" } else { b"\n" };
        if ending != *first_ending.get_or_insert(ending) {
            return Head::Mixed;
        } else if line == ending && !is_first {
            return Head::Whole(&stream[..end]);
        }
    }
    Head::Incomplete
}

/// Longer heads are refused.
pub(crate) const HEAD_MAX: usize = 16 * 1024;
