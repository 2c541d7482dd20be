//! Durations: how they are written on the command line, and how they are shown.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A duration on the command line: `500ms`, `3s`, `1m30s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

/// A duration that can be left open: `0` and `none` are no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(pub Option<Duration>);

/// Shows a duration with as many digits as a person wants: `816us`, `2.7ms`, `45ms`, `1.2s`, `1m15s`.
#[derive(Clone, Copy, Debug)]
pub struct Pretty(pub Duration);

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Span, SpanError> {
        let span = humantime::parse_duration(text).map_err(|_| SpanError::Malformed)?;
        if span > MAX { Err(SpanError::TooLong) } else { Ok(Span(span)) }
    }
}

impl FromStr for Limit {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Limit, SpanError> {
        if text == "none" {
            return Ok(Limit(None));
        }
        let Span(span) = text.parse()?;
        Ok(Limit(Some(span).filter(|span| !span.is_zero())))
    }
}

impl fmt::Display for Pretty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded first, so that 999.9 ms is "1s" and not "1000ms".
        let micros = self.0.as_micros();
        let tenths_of_millis = (micros + 50) / 100;
        let millis = (micros + 500) / 1_000;
        let tenths_of_seconds = (micros + 50_000) / 100_000;
        let seconds = (micros + 500_000) / 1_000_000;
        let text = if micros < 1_000 {
            format!("{micros}us")
        } else if tenths_of_millis < 100 {
            format!("{}ms", Tenths(tenths_of_millis))
        } else if millis < 1_000 {
            format!("{millis}ms")
        } else if tenths_of_seconds < 600 {
            format!("{}s", Tenths(tenths_of_seconds))
        } else if seconds < 3_600 {
            format!("{}m{}s", seconds / 60, seconds % 60)
        } else {
            format!("{}h{}m", seconds / 3_600, seconds % 3_600 / 60)
        };
        f.pad(&text)
    }
}

struct Tenths(u128);

impl fmt::Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 % 10 {
            0 => write!(f, "{}", self.0 / 10),
            tenth => write!(f, "{}.{tenth}", self.0 / 10),
        }
    }
}

/// Why a text is no [`Span`]. It does not repeat the text, which may have been meant for another argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanError {
    /// It is no duration with a unit.
    Malformed,
    /// It is more than a year.
    TooLong,
}

impl fmt::Display for SpanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SpanError::Malformed => "expected a duration with its unit, such as 500ms, 3s or 1m30s",
            SpanError::TooLong => "a duration of more than 365 days is not supported",
        })
    }
}

impl std::error::Error for SpanError {}

/// Far from where adding to the clock's time overflows.
const MAX: Duration = Duration::from_secs(365 * 24 * 3600);

#[cfg(test)]
mod tests;
