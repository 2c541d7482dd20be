//! Bearer tokens that are known beforehand.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::LineError;
use crate::file::secrets;

/// Bearer tokens (RFC 6750), of which nothing is kept but their hashes.
///
/// ```
/// let bearers = rdv_access::Bearers::parse("# alice\nmF_9.B5f-4.1JqM0\n\n# bob\n2YotnFZFEjr1zCsicMWpAA\n").unwrap();
/// assert!(bearers.knows("2YotnFZFEjr1zCsicMWpAA"));
/// assert!(!bearers.knows("mF_9.B5f-4.1JqM"));
/// ```
#[derive(Clone, Default)]
pub struct Bearers(Vec<[u8; 32]>);

impl Bearers {
    /// The shortest that is taken, in characters: whoever can try may try often.
    pub const SHORTEST: usize = 16;

    /// One in each line. Empty lines and those that begin with `#` mean nothing, nor do blanks around a token.
    ///
    /// # Errors
    /// For a line that is no bearer token, or a short one, and if there is none.
    pub fn parse(text: &str) -> Result<Bearers, LineError> {
        let hashes =
            secrets(text, Self::SHORTEST).map(|line| line.map(hash)).collect::<Result<Vec<_>, _>>()?;
        if hashes.is_empty() { Err(LineError::Empty) } else { Ok(Bearers(hashes)) }
    }

    /// Whether this is one of them. It takes the same time whichever it is, or none: in proportion to how many there are,
    /// about 50 ns each.
    pub fn knows(&self, presented: &str) -> bool {
        let presented = hash(presented);
        let found = self.0.iter().fold(Choice::from(0), |found, known| found | known.ct_eq(&presented));
        found.into()
    }
}

/// How many there are.
impl fmt::Debug for Bearers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bearers({})", self.0.len())
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests;
