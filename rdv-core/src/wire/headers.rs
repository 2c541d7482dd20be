//! The application's own request headers, such as `Authorization`.

use std::fmt;
use std::str::FromStr;

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderName, HeaderValue};

use super::{ATTEMPT, SELF_ADDRS};

/// Headers that a client adds to its request, in order. Those that the protocol itself sets are refused.
///
/// ```
/// use rdv_core::Headers;
/// let mut headers = Headers::default();
/// headers.add_line("Authorization: Bearer 7f3a").unwrap();
/// assert!(headers.add_line("Host: elsewhere").is_err());
/// assert!(headers.add("X-Note", "two\r\nlines").is_err());
/// ```
#[derive(Clone, Default)]
pub struct Headers(Vec<(HeaderName, HeaderValue)>);

impl Headers {
    /// Adds one header.
    pub fn add(&mut self, name: &str, value: &str) -> Result<(), HeaderError> {
        let header = HeaderName::from_str(name).map_err(|_| HeaderError::BadName(name.to_owned()))?;
        if [HOST, CONNECTION, UPGRADE, CONTENT_LENGTH, TRANSFER_ENCODING].contains(&header)
            || [SELF_ADDRS, ATTEMPT].contains(&header.as_str())
        {
            return Err(HeaderError::Reserved(header));
        }
        let value = HeaderValue::from_str(value).map_err(|_| HeaderError::BadValue(header.clone()))?;
        self.0.push((header, value));
        Ok(())
    }

    /// Adds one header given as `Name: value`.
    pub fn add_line(&mut self, line: &str) -> Result<(), HeaderError> {
        let (name, value) = line.split_once(':').ok_or_else(|| HeaderError::NoColon(line.to_owned()))?;
        self.add(name, value.trim())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.0.iter()
    }
}

impl fmt::Debug for Headers {
    /// Names only: values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Why a header can't be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderError {
    /// The line has no colon.
    NoColon(String),
    /// The name is no HTTP header name.
    BadName(String),
    /// The value has characters that no header may have, such as a line break.
    BadValue(HeaderName),
    /// The protocol sets this header itself.
    Reserved(HeaderName),
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeaderError::NoColon(line) => write!(f, "expected a header as 'Name: value', got {line:?}"),
            HeaderError::BadName(name) => write!(f, "{name:?} is no HTTP header name"),
            HeaderError::BadValue(name) => {
                write!(f, "the value of header {name} has characters that are not allowed")
            }
            HeaderError::Reserved(name) => write!(f, "header {name} is set by rdv itself"),
        }
    }
}

impl std::error::Error for HeaderError {}
