//! Amounts of data: `500k`, `64M`, `1G`.

use std::fmt;
use std::str::FromStr;

use rdv_cli::bytes::{Bytes, BytesError};

/// How much the demo sends each way: 1 byte to 1 GiB, since it is held in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(usize);

impl Size {
    pub(crate) fn bytes(self) -> usize {
        self.0
    }
}

impl Default for Size {
    /// What takes about a second; without optimisation, hashing is slow.
    fn default() -> Self {
        Size(if cfg!(debug_assertions) { 8 * MIB } else { 64 * MIB })
    }
}

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Size, SizeError> {
        let bytes = match text.parse() {
            Ok(Bytes(bytes)) => usize::try_from(bytes.get()).ok(),
            Err(BytesError::OutOfRange) => None,
            Err(BytesError::Malformed) => return Err(SizeError::Malformed),
        };
        bytes.filter(|bytes| *bytes <= GIB).map(Size).ok_or(SizeError::OutOfRange)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = [(GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")]
            .into_iter()
            .find(|(unit, _)| self.0.is_multiple_of(*unit))
            .unwrap_or((1, "B"));
        write!(f, "{} {name}", self.0 / unit)
    }
}

/// Why a text is no [`Size`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SizeError {
    Malformed,
    OutOfRange,
}

impl fmt::Display for SizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SizeError::Malformed => "expected a number of bytes, such as 4096, 500k, 64M or 1G",
            SizeError::OutOfRange => "expected 1 byte to 1 GiB",
        })
    }
}

impl std::error::Error for SizeError {}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const GIB: usize = 1024 * MIB;

#[cfg(test)]
mod tests;
