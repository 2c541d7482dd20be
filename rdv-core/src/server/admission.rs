//! Who may use a server.

use std::fmt;
use std::net::SocketAddr;

use http::header::AUTHORIZATION;

use crate::token::Token;
use crate::wire::{Denial, Reject, RequestHeaders, Role};

/// The operator's word on who may use a server, asked for each request before its client gets a place, and for each
/// question for an address alone (`EXTENSIONS.md`).
///
/// It is called on the thread that serves everybody who waits, so it must be quick, and must not block: what takes longer
/// has to be known before. `rdv-access` has one for bearer tokens, and for grants that prove themselves. An application has
/// its own:
///
/// ```
/// use rdv_core::http::StatusCode;
/// use rdv_core::{Admission, Caller, LobbyConfig, Reject};
///
/// /// Tokens that begin with the name of a room that is open.
/// #[derive(Debug)]
/// struct Rooms(Vec<String>);
///
/// impl Admission for Rooms {
///     fn admit(&self, caller: &Caller<'_>) -> Result<(), Reject> {
///         if self.0.iter().any(|room| caller.token.as_bytes().starts_with(room.as_bytes())) {
///             return Ok(());
///         }
///         Err(Reject::Application(StatusCode::FORBIDDEN, "there is no such room".into()))
///     }
/// }
///
/// let mut config = LobbyConfig::default();
/// config.admission = std::sync::Arc::new(Rooms(vec!["kitchen/".into()]));
/// ```
pub trait Admission: fmt::Debug + Send + Sync {
    /// Whether a client may come in; the error is its answer. Never to be put into it: credentials and the token, since
    /// refusals are logged.
    ///
    /// # Errors
    /// [`Reject::Unauthorized`], [`Reject::Application`] or any other.
    fn admit(&self, caller: &Caller<'_>) -> Result<(), Reject>;
}

/// Everybody may use the server. The default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Open;

impl Admission for Open {
    fn admit(&self, _: &Caller<'_>) -> Result<(), Reject> {
        Ok(())
    }
}

/// Who asks to be let in.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Caller<'a> {
    /// The client's role. `None` if it asks for no peer, but for its address: on behalf of one that waits, or is about to.
    pub role: Option<Role>,
    /// What it is to be matched by.
    pub token: &'a Token,
    /// All headers of its request.
    pub headers: &'a RequestHeaders,
    /// Its address, as its peer will be told.
    pub observed: SocketAddr,
}

impl<'a> Caller<'a> {
    /// The bearer token that it shows (RFC 6750 section 2.1), of which nothing is known but that its characters are those
    /// of one.
    ///
    /// # Errors
    /// [`Denial::Missing`] without an `Authorization` header, and with one of another scheme; [`Denial::Malformed`].
    pub fn bearer(&self) -> Result<&'a str, Denial> {
        let mut values = self.headers.get_all(AUTHORIZATION).iter();
        let value = values.next().ok_or(Denial::Missing)?;
        if values.next().is_some() {
            return Err(Denial::Malformed);
        }
        let value = value.to_str().map_err(|_| Denial::Malformed)?;
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Denial::Missing);
        }
        let token = token.trim_matches(' ');
        let is_b64token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        if token.is_empty() || !token.bytes().all(is_b64token) {
            return Err(Denial::Malformed);
        }
        Ok(token)
    }
}
