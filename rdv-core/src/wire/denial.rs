//! Why credentials do not do (RFC 6750 section 3).

use std::fmt;

/// Why a client may not use the server. Its `Display` is the answer's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denial {
    /// It has shown none.
    Missing,
    /// Not one `Authorization` header with one bearer token.
    Malformed,
    /// Nobody here knows them, or they are for something else.
    Wrong,
    /// They were good until some time ago.
    Expired,
    /// They are good for longer than this server allows.
    TooLong,
}

impl Denial {
    pub(super) fn code(self) -> &'static str {
        match self {
            Denial::Missing => "credentials-missing",
            Denial::Malformed => "credentials-malformed",
            Denial::Wrong => "credentials-wrong",
            Denial::Expired => "credentials-expired",
            Denial::TooLong => "credentials-too-long",
        }
    }

    /// The value of `WWW-Authenticate`.
    pub(super) fn challenge(self) -> String {
        let error = match self {
            // Whoever has not tried is told no error.
            Denial::Missing => return "Bearer realm=\"rdv\"".into(),
            Denial::Malformed => "invalid_request",
            Denial::Wrong | Denial::Expired | Denial::TooLong => "invalid_token",
        };
        format!("Bearer realm=\"rdv\", error=\"{error}\", error_description=\"{self}\"")
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Denial::Missing => "this server wants credentials: a bearer token in an Authorization header",
            Denial::Malformed => "expected one Authorization header with one bearer token",
            Denial::Wrong => "these credentials are not accepted here, or not for this rdv token",
            Denial::Expired => "these credentials have expired",
            Denial::TooLong => "these credentials are valid for longer than this server allows",
        })
    }
}
