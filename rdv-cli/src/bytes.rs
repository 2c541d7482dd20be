//! Amounts of data on the command line: `4096`, `500k`, `64M`, `1G`.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

/// A number of bytes, of which there is at least one. The units are those of memory: a k is 1024, and KiB means the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub NonZeroU64);

/// Why a text is no number of [`Bytes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BytesError {
    /// It is no number with a unit.
    Malformed,
    /// It is nothing, or more than can be counted.
    OutOfRange,
}

impl FromStr for Bytes {
    type Err = BytesError;

    fn from_str(text: &str) -> Result<Self, BytesError> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = match unit.trim_start().to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kib" => 1 << 10,
            "m" | "mib" => 1 << 20,
            "g" | "gib" => 1 << 30,
            "t" | "tib" => 1 << 40,
            _ => return Err(BytesError::Malformed),
        };
        if number.is_empty() {
            return Err(BytesError::Malformed);
        }
        // What does not fit is too large as well.
        let bytes = number.parse().ok().and_then(|number: u64| number.checked_mul(unit));
        bytes.and_then(NonZeroU64::new).map(Bytes).ok_or(BytesError::OutOfRange)
    }
}

impl fmt::Display for BytesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BytesError::Malformed => "expected a number of bytes, such as 4096, 500k, 64M or 1G",
            BytesError::OutOfRange => "expected 1 byte at least, and less than 16 million TiB",
        })
    }
}

impl std::error::Error for BytesError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_those_of_memory() {
        let rows = [
            ("1", Ok(1)),
            ("4096b", Ok(4096)),
            ("500k", Ok(500 << 10)),
            ("500 KiB", Ok(500 << 10)),
            ("64M", Ok(64 << 20)),
            ("1g", Ok(1 << 30)),
            ("3T", Ok(3 << 40)),
            ("0", Err(BytesError::OutOfRange)),
            ("99999999999999999999", Err(BytesError::OutOfRange)),
            ("16777216T", Err(BytesError::OutOfRange)),
            ("", Err(BytesError::Malformed)),
            ("M", Err(BytesError::Malformed)),
            ("1.5G", Err(BytesError::Malformed)),
            ("-1", Err(BytesError::Malformed)),
            ("10M/s", Err(BytesError::Malformed)),
        ];
        for (text, expected) in rows {
            assert_eq!(text.parse().map(|Bytes(bytes)| bytes.get()), expected, "{text:?}");
        }
    }
}
