//! Tokens: what two peers agree on beforehand, and the server matches them by.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode, percent_encode};

use crate::wire::HELLO_MAX;

/// A non-empty string of bytes that both peers know and nobody else should.
///
/// A token is a secret: `Debug` and `Display` show its first bytes only. It travels percent-encoded, in the
/// request target (rdv/1 section 1) and in the line on every direct connection (section 3).
///
/// ```
/// use rdv_core::Token;
/// let token: Token = "kitchen/7f3a9c".parse().unwrap();
/// assert_eq!(token.escaped(), "kitchen%2F7f3a9c");
/// assert_eq!(token.to_string(), "kitc…");
/// assert!(Token::new("").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(Arc<[u8]>);

impl Token {
    /// Takes any bytes but none at all; and no more than fit a direct connection's line once escaped.
    pub fn new(token: impl AsRef<[u8]>) -> Result<Token, TokenError> {
        let token = Token::on_server(token.as_ref())?;
        // The longer of the two lines is "rdv/1 ACCEPT <token>\n".
        let room = HELLO_MAX - "rdv/1 ACCEPT \n".len();
        let escaped = token.escaped().len();
        if escaped > room { Err(TokenError::TooLong { escaped, room }) } else { Ok(token) }
    }

    /// What a server takes: a token too long for a direct connection can still be relayed.
    pub(crate) fn on_server(token: &[u8]) -> Result<Token, TokenError> {
        if token.is_empty() { Err(TokenError::Empty) } else { Ok(Token(token.into())) }
    }

    /// The token's bytes. Mind that it is a secret.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The token percent-encoded, for targets and lines alike.
    pub fn escaped(&self) -> String {
        percent_encode(&self.0, ESCAPED).to_string()
    }
}

/// Decodes percent-encoding strictly: every `%` must begin an escape.
pub(crate) fn unescape(text: &[u8]) -> Result<Vec<u8>, TokenError> {
    let mut escapes = text.iter().enumerate().filter(|(_, byte)| **byte == b'%');
    let is_escape =
        |at: usize| text.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
    if escapes.all(|(at, _)| is_escape(at)) {
        Ok(percent_decode(text).collect())
    } else {
        Err(TokenError::BadEscape)
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(token: &str) -> Result<Token, TokenError> {
        Token::new(token)
    }
}

impl fmt::Display for Token {
    /// The first bytes, at most 4 and at most a third of the token, escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.len().div_euclid(3).min(4);
        write!(f, "{}…", percent_encode(&self.0[..shown], ESCAPED))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({self})")
    }
}

/// Why something is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenError {
    /// It has no bytes.
    Empty,
    /// Escaped, it does not fit the line on a direct connection.
    TooLong {
        /// Its length when escaped, in bytes.
        escaped: usize,
        /// The most that fits, in bytes.
        room: usize,
    },
    /// A `%` that two hexadecimal digits do not follow.
    BadEscape,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TokenError::Empty => f.write_str("token must not be empty"),
            TokenError::TooLong { escaped, room } => {
                write!(
                    f,
                    "token is too long: {escaped} bytes when percent-encoded, at most {room} are allowed"
                )
            }
            TokenError::BadEscape => f.write_str("token has a % that does not begin a percent-encoded byte"),
        }
    }
}

impl std::error::Error for TokenError {}

/// All but letters, digits and `-._~$&+=:@`: the reference's set for its lines, so that both write the same.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'!')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'\'')
    .add(b'(')
    .add(b')')
    .add(b'*')
    .add(b',')
    .add(b'/')
    .add(b';')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

#[cfg(test)]
mod tests;
