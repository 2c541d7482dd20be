//! Finding the end of an HTTP head, without reading past it unless that is wanted.

use std::num::NonZeroUsize;

/// Heads longer than this are refused, unless an operator says otherwise.
pub(crate) const HEAD_MAX: usize = 16 * 1024;
/// And longer than this, whatever the operator says. Every field of a shorter head is one that the http crate takes.
pub(crate) const HEAD_LIMIT: usize = 64 * 1024;

/// Collects a head (RFC 9112 section 2.1), asking for no byte that cannot belong to it.
///
/// Heads end in an empty line, so of CRLFCRLF all that has not matched yet must still come, and may be read
/// in one go. The first line tells whether lines end in CRLF or in a bare LF (which RFC 9112 section 2.2
/// allows to recognise, and the reference does); a head that mixes them is refused.
#[derive(Debug)]
pub(crate) struct HeadReader {
    bytes: Vec<u8>,
    /// No acceptable head is shorter. What a shorter one has behind it does not matter: the connection ends.
    shortest: usize,
    longest: usize,
    /// Whoever keeps what stands behind the head reads so much in one go.
    at_once: usize,
    ending: Option<LineEnding>,
    /// The head's length, once it is complete.
    len: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineEnding {
    Crlf,
    Lf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadError {
    TooLarge,
    MixedLineEndings,
}

impl HeadReader {
    pub(crate) fn new(shortest: usize) -> Self {
        Self { bytes: Vec::new(), shortest, longest: HEAD_MAX, at_once: 0, ending: None, len: None }
    }

    pub(crate) fn of_at_most(self, longest: usize) -> Self {
        Self { longest, ..self }
    }

    /// Asks for so many bytes however little is missing: heads without end come by the KiB, too.
    pub(crate) fn reading_ahead(self, at_once: usize) -> Self {
        Self { at_once, ..self }
    }

    /// How many bytes may be read now.
    pub(crate) fn next_read(&self) -> NonZeroUsize {
        let missing = match self.ending {
            Some(LineEnding::Crlf) => 4 - matched(&self.bytes, b"\r\n\r\n"),
            Some(LineEnding::Lf) | None => 2 - matched(&self.bytes, b"\n\n"),
        };
        let least = missing.max(self.shortest.saturating_sub(self.bytes.len())).max(self.at_once);
        NonZeroUsize::new(least).unwrap_or(NonZeroUsize::MIN)
    }

    /// Takes what was read. True once the head is complete.
    pub(crate) fn push(&mut self, data: &[u8]) -> Result<bool, HeadError> {
        self.bytes.reserve(data.len());
        let mut rest = data;
        while !rest.is_empty() {
            let end_of_line = rest.iter().position(|byte| *byte == b'\n');
            let (part, behind) = rest.split_at(end_of_line.map_or(rest.len(), |at| at + 1));
            if part.len() > self.longest - self.bytes.len() {
                return Err(HeadError::TooLarge);
            }
            self.bytes.extend_from_slice(part);
            rest = behind;
            if end_of_line.is_some() && self.end_of_line()? {
                self.len = Some(self.bytes.len());
                self.bytes.extend_from_slice(rest);
                break;
            }
        }
        Ok(self.len.is_some())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What was read so far, the whole head once complete.
    pub(crate) fn head(&self) -> &[u8] {
        &self.bytes[..self.len.unwrap_or(self.bytes.len())]
    }

    /// All that was read.
    pub(crate) fn all(&self) -> &[u8] {
        &self.bytes
    }

    /// What came behind the head: behind one that was shorter than was to be expected, that is.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.len.unwrap_or(self.bytes.len())..]
    }

    /// Whether the line that has just ended was the empty one behind the head.
    fn end_of_line(&mut self) -> Result<bool, HeadError> {
        let ending = if self.bytes.ends_with(b"\r\n") { LineEnding::Crlf } else { LineEnding::Lf };
        if *self.ending.get_or_insert(ending) != ending {
            return Err(HeadError::MixedLineEndings);
        }
        Ok(self.bytes.ends_with(b"\r\n\r\n") || self.bytes.ends_with(b"\n\n"))
    }
}

/// How much of `end` the bytes end with already.
fn matched(bytes: &[u8], end: &[u8]) -> usize {
    (1..end.len()).rev().find(|n| bytes.ends_with(&end[..*n])).unwrap_or(0)
}
