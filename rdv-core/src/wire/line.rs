//! Lines: the hello on every direct connection (rdv/1 section 3) and the dialer's command (sections 4 and 5).

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::str;

use bytes::Bytes;

use super::{PROTOCOL, Role};
use crate::addr::parse_addr;
use crate::token::{Token, unescape};

/// The longest line, its LF included.
pub(crate) const HELLO_MAX: usize = 4096;

/// Reads one line, asking for no byte that may belong to what follows.
#[derive(Debug)]
pub(crate) struct LineReader {
    bytes: Vec<u8>,
    /// No acceptable line is shorter, LF included. What stands behind a shorter one does not matter.
    shortest: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LineTooLong;

impl LineReader {
    pub(crate) fn new(shortest: usize) -> Self {
        Self { bytes: Vec::new(), shortest }
    }

    /// For a command: nothing shorter than `CONTINUE` leaves a connection open.
    pub(crate) fn for_command() -> Self {
        Self::new(CONTINUE.len() + 1)
    }

    pub(crate) fn next_read(&self) -> NonZeroUsize {
        let least = if self.bytes.starts_with(OTHER.as_bytes()) {
            HELLO_MAX // This line ends the connection: nothing of worth follows.
        } else {
            self.shortest
        };
        NonZeroUsize::new(least.saturating_sub(self.bytes.len())).unwrap_or(NonZeroUsize::MIN)
    }

    /// Takes what was read; the line, without its LF, once it is whole.
    pub(crate) fn push(&mut self, data: &[u8]) -> Result<Option<&[u8]>, LineTooLong> {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(&data[..data.len().min(HELLO_MAX - from)]);
        match self.bytes[from..].iter().position(|b| *b == b'\n') {
            Some(at) => Ok(Some(&self.bytes[..from + at])),
            None if self.bytes.len() == HELLO_MAX => Err(LineTooLong),
            None => Ok(None),
        }
    }
}

/// The line a client writes on every direct connection.
pub(crate) fn hello(role: Role, token: &Token) -> Bytes {
    format!("{PROTOCOL} {role} {}\n", token.escaped()).into()
}

/// The length of the shortest line by which a client with this role and token can make itself known.
pub(crate) fn shortest_hello(role: Role, token: &Token) -> usize {
    // Nothing says that a peer must escape as much as we do.
    PROTOCOL.len() + role.method().len() + token.as_bytes().len() + "  \n".len()
}

/// Why a hello is not the peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HelloError {
    Malformed,
    WrongRole,
    WrongToken,
}

/// Whether `line` is what a client with this role and token writes.
pub(crate) fn check_hello(line: &[u8], role: Role, token: &Token) -> Result<(), HelloError> {
    let mut words = words(line);
    let (Some(protocol), Some(method), Some(escaped), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(HelloError::Malformed);
    };
    if protocol != PROTOCOL.as_bytes() {
        return Err(HelloError::Malformed);
    }
    let claimed = unescape(escaped).map_err(|_| HelloError::Malformed)?;
    if method != role.method().as_bytes() {
        return Err(HelloError::WrongRole);
    }
    if claimed != token.as_bytes() { Err(HelloError::WrongToken) } else { Ok(()) }
}

/// What a dialer says of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// This connection is the chosen one.
    Continue,
    /// Another one is; its address as the dialer saw it, where it can be read.
    Other(Option<SocketAddr>),
    Unknown,
}

impl Command {
    pub(crate) fn parse(line: &[u8]) -> Command {
        let mut words = words(line);
        match (words.next(), words.next(), words.next()) {
            (Some(word), _, _) if word == CONTINUE.as_bytes() => Command::Continue,
            (Some(word), Some(addr), None) if word == b"OTHER" => {
                Command::Other(str::from_utf8(addr).ok().and_then(parse_addr))
            }
            _ => Command::Unknown,
        }
    }

    /// The line that takes this connection.
    pub(crate) fn take() -> Bytes {
        Bytes::from_static(b"CONTINUE\n")
    }
}

/// The line that tells the server of a direct connection.
pub(crate) fn other(chosen: SocketAddr) -> Bytes {
    format!("{OTHER}{chosen}\n").into()
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

const CONTINUE: &str = "CONTINUE";
const OTHER: &str = "OTHER ";
