//! Grants: credentials that carry their own proof (`EXTENSIONS.md`).

use std::fmt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use rdv_core::{Denial, Token};
use sha2::Sha256;

use crate::file::{self, secrets};
use crate::{FileError, LineError};

/// Keys by which grants are made and checked: HMAC-SHA256 over an rdv token and the time at which the grant expires.
///
/// ```
/// use rdv_access::GrantKeys;
/// use rdv_core::{Denial, Token};
///
/// let keys = GrantKeys::parse("0123456789abcdef0123456789abcdef").unwrap();
/// let (token, other) = (Token::new("7f3a9c").unwrap(), Token::new("7f3a9d").unwrap());
/// let grant = keys.grant(&token, 1_893_456_000);
/// assert_eq!(keys.check(&grant, &token, 1_893_450_000, None), Ok(()));
/// assert_eq!(keys.check(&grant, &other, 1_893_450_000, None), Err(Denial::Wrong));
/// assert_eq!(keys.check(&grant, &token, 1_893_460_000, None), Err(Denial::Expired));
/// ```
#[derive(Clone)]
pub struct GrantKeys(Vec<Hmac<Sha256>>);

impl GrantKeys {
    /// The shortest key that is taken, in characters: 128 bits in hexadecimal digits.
    pub const SHORTEST: usize = 32;

    /// One key in each line: its characters are the key's bytes, as they stand. Empty lines and those that begin with `#`
    /// mean nothing, nor do blanks around a key. Grants are made with the first one, and all are good for checking: so a key
    /// is replaced by putting the new one in front, and taking the old one away when its last grant has expired.
    ///
    /// # Errors
    /// For a line with other characters than bearer tokens have, or a short one, and if there is none.
    ///
    /// # Panics
    /// Never: HMAC takes keys of any length.
    pub fn parse(text: &str) -> Result<GrantKeys, LineError> {
        let key = |line: &str| Hmac::new_from_slice(line.as_bytes()).expect("HMAC takes keys of any length");
        let keys = secrets(text, Self::SHORTEST).map(|line| line.map(key)).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(LineError::Empty) } else { Ok(GrantKeys(keys)) }
    }

    /// [Reads](Self::parse) a file.
    ///
    /// # Errors
    /// If it can't be read, is longer than 1 MiB, or has a line that is of no use.
    pub fn open(path: &Path) -> Result<GrantKeys, FileError> {
        file::read(path, Self::parse)
    }

    /// A grant for whoever comes with this token, in either role and as often as it likes, until then (in seconds since
    /// 1970, UTC): the credentials behind `Authorization: Bearer`.
    pub fn grant(&self, token: &Token, expires: u64) -> String {
        let expires = expires.to_string();
        let mac = self.0.first().map(|key| input(key, &expires, token).finalize().into_bytes());
        format!("{VERSION}{expires}.{}", URL_SAFE_NO_PAD.encode(mac.unwrap_or_default()))
    }

    /// Whether it is such a grant, for this token, and not expired `now` (in seconds since 1970) nor [`LEEWAY`] before.
    /// If there is a `longest` time for grants to be valid (in seconds), it must not go on for longer than that.
    ///
    /// # Errors
    /// Why it is not. Whether it is genuine comes first, and that takes the same time for each key.
    pub fn check(&self, grant: &str, token: &Token, now: u64, longest: Option<u64>) -> Result<(), Denial> {
        let (expires, mac) = parts(grant).ok_or(Denial::Wrong)?;
        // All of them: it need not be known which one it was.
        let genuine =
            self.0.iter().filter(|key| input(key, expires, token).verify_slice(&mac).is_ok()).count();
        if genuine == 0 {
            return Err(Denial::Wrong);
        }
        let expires: u64 = expires.parse().map_err(|_| Denial::Wrong)?;
        if now > expires.saturating_add(LEEWAY) {
            return Err(Denial::Expired);
        }
        if longest.is_some_and(|longest| expires > now.saturating_add(longest).saturating_add(LEEWAY)) {
            return Err(Denial::TooLong);
        }
        Ok(())
    }
}

/// How many there are.
impl fmt::Debug for GrantKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GrantKeys({})", self.0.len())
    }
}

/// By how many seconds the clocks of those who make grants and of the server may differ.
pub const LEEWAY: u64 = 30;

/// This machine's time, in seconds since 1970, UTC. A clock that stands before that is as good as none: 0.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// Whether credentials are meant as a grant.
pub(crate) fn is_grant(credentials: &str) -> bool {
    credentials.starts_with(VERSION)
}

/// The time as it is written, and the MAC.
fn parts(grant: &str) -> Option<(&str, Vec<u8>)> {
    let (expires, mac) = grant.strip_prefix(VERSION)?.split_once('.')?;
    let is_number =
        (1..=EXPIRES_MAX).contains(&expires.len()) && expires.bytes().all(|it| it.is_ascii_digit());
    // One way to write each number, and each MAC.
    if !is_number || expires.starts_with('0') || mac.len() != MAC_LEN {
        return None;
    }
    Some((expires, URL_SAFE_NO_PAD.decode(mac).ok()?))
}

/// Nothing else that this key may be used for begins like this; digits end at the line's end, and all that follows is the
/// token.
fn input(key: &Hmac<Sha256>, expires: &str, token: &Token) -> Hmac<Sha256> {
    let mut mac = key.clone();
    for part in [b"rdv-grant-1\n", expires.as_bytes(), b"\n", token.as_bytes()] {
        mac.update(part);
    }
    mac
}

const VERSION: &str = "rdv1.";
/// Enough for 30,000 years.
const EXPIRES_MAX: usize = 12;
/// 32 bytes in base64, without padding.
const MAC_LEN: usize = 43;

#[cfg(test)]
mod tests;
