//! Who may use an rdv server: those who show a bearer token that is in a file, and those who show a grant, which the
//! server can check without knowing anything of them.
//!
//! [`Gate`] is both, for [`LobbyConfig::admission`](rdv_core::LobbyConfig::admission) of any adapter's server:
//!
//! ```
//! use std::sync::Arc;
//!
//! use rdv_access::{Gate, GrantKeys};
//! use rdv_core::{LobbyConfig, Token};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A secret that the server and the application's backend share. Lines of a file, in general: see `Gate::open`.
//! let keys = GrantKeys::parse("b1946ac92492d2347c6235b4d2611184\n")?;
//!
//! // The backend lets two of its users meet, for an hour. It does not talk to the server.
//! let token = Token::new("7f3a9c")?;
//! let grant = keys.grant(&token, rdv_access::now() + 3600);
//! assert!(grant.starts_with("rdv1."));
//! // Both send it along: `-H "Authorization: Bearer rdv1...."`.
//!
//! let mut config = LobbyConfig::default();
//! config.admission = Arc::new(Gate::new().with_grants(keys));
//! # Ok(())
//! # }
//! ```
//!
//! Credentials are compared in constant time, and nothing here shows or logs them.
#![forbid(unsafe_code)]

mod bearers;
mod file;
mod gate;
mod grants;

pub use bearers::Bearers;
pub use file::FileError;
pub use gate::Gate;
pub use grants::{GrantKeys, LEEWAY, now};

/// Why lines are of no use; it never shows what is in them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LineError {
    /// There is none but comments and empty ones.
    Empty,
    /// This line, counted from 1, has characters that it must not have.
    BadCharacter(usize),
    /// This line, counted from 1, is shorter than so many bytes.
    TooShort(usize, usize),
}

impl std::fmt::Display for LineError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LineError::Empty => f.write_str("it has nothing but comments and empty lines"),
            LineError::BadCharacter(line) => {
                write!(f, "line {line} has other characters than letters, digits and -._~+/=")
            }
            LineError::TooShort(line, least) => {
                write!(f, "line {line} is shorter than {least} characters, and so could be guessed")
            }
        }
    }
}

impl std::error::Error for LineError {}
