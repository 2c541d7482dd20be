//! A second opinion on a client's address: our extension of rdv/1, see `EXTENSIONS.md`.
//!
//! A client that waits on one address family asks over the other by which address it is seen there. The id of its
//! attempt tells the server whose address that is.

use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;
use http::header::CONNECTION;

use super::fields::Fields;
use super::{
    ATTEMPT, Answer, Headers, NOTED, OBSERVED_ADDR, RequestHeaders, Role, ServerUrl, lists, push_headers,
};
use crate::addr::parse_addr;
use crate::token::Token;

/// Names one attempt to the server, on both of its connections. Like a token, it is shown to nobody else.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct AttemptId([u8; 8]);

impl AttemptId {
    /// Two peers with the same seed still have ids of their own.
    pub(crate) fn of(seed: u64, role: Role) -> Self {
        let salt = match role {
            Role::Dial => DIALERS,
            Role::Accept => ACCEPTERS,
        };
        AttemptId(fastrand::Rng::with_seed(seed ^ salt).u64(..).to_be_bytes())
    }

    /// What the header says. Anything but 16 hexadecimal digits is as good as nothing.
    pub(super) fn in_fields(fields: Fields<'_>) -> Option<AttemptId> {
        let digits = str::from_utf8(fields.only(ATTEMPT)?).ok()?;
        let is_hex = digits.len() == 16 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_hex.then(|| u64::from_str_radix(digits, 16).ok()).flatten().map(|id| AttemptId(id.to_be_bytes()))
    }
}

/// The header's value.
impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AttemptId")
    }
}

/// A client asks for the address by which it is seen.
#[derive(Clone, Debug)]
pub(crate) struct Observe {
    pub(crate) token: Token,
    pub(crate) attempt: Option<AttemptId>,
    pub(crate) headers: RequestHeaders,
}

impl Observe {
    pub(super) const METHOD: &str = "OBSERVE";

    /// The whole request. Without the upgrade, so that a server that does not know of it refuses it before it looks
    /// at the method, and does not take it for a newer connection of the client.
    pub(crate) fn encode(url: &ServerUrl, token: &Token, attempt: AttemptId, extra: &Headers) -> Bytes {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\nRdv-Attempt: {attempt}\r\n",
            Self::METHOD,
            url.target(token),
            url.authority(),
        )
        .into_bytes();
        push_headers(&mut head, extra);
        head.into()
    }
}

/// What the server answers to [`Observe`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opinion {
    /// The address that it sees.
    pub(crate) observed: SocketAddr,
    /// Whether the client's peer will be told of it.
    pub(crate) noted: bool,
    /// Whether it may be worth asking again on the same connection: the client itself was not there yet.
    pub(crate) ask_again: bool,
}

impl Opinion {
    pub(crate) fn encode(self) -> Bytes {
        let Self { observed, noted, ask_again } = self;
        format!(
            "HTTP/1.1 200 OK\r\nConnection: {}\r\nContent-Length: 0\r\nRdv-Noted: {}\r\nRdv-Observed-Addr: {observed}\r\n\r\n",
            if ask_again { "keep-alive" } else { "close" },
            if noted { "yes" } else { "no" },
        )
        .into()
    }

    /// What a head says; `None` if it is no such answer, as those of the reference are not.
    pub(crate) fn parse(head: &[u8]) -> Option<Opinion> {
        let answer = Answer::parse(head).ok()?;
        let headers = answer.succeeded()?;
        let observed = parse_addr(headers.get(OBSERVED_ADDR)?.to_str().ok()?)?;
        let noted = lists(headers, NOTED, "yes");
        let closes = lists(headers, CONNECTION, "close") || answer.body_len() > 0;
        Some(Opinion { observed, noted, ask_again: !noted && !closes })
    }
}

const DIALERS: u64 = 0x6469_616c;
const ACCEPTERS: u64 = 0x6163_6370;
