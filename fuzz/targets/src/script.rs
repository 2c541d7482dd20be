//! Scripts: what a fuzzer's bytes say is to happen, one deed after the other.

use std::io::ErrorKind;
use std::net::SocketAddr;

use arbitrary::{Arbitrary, Result, Unstructured};
use rdv_core::{AddrList, Role};

/// How things stand at first, and what happens then. The operations go on for as long as there are bytes.
#[derive(Debug)]
pub(crate) struct Script<S, O> {
    pub(crate) setup: S,
    pub(crate) ops: Vec<O>,
}

impl<'a, S: Arbitrary<'a>, O: Arbitrary<'a>> Arbitrary<'a> for Script<S, O> {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        let setup = bytes.arbitrary()?;
        let mut ops = Vec::new();
        while !bytes.is_empty() && ops.len() < OPS_MAX {
            ops.push(bytes.arbitrary()?);
        }
        Ok(Script { setup, ops })
    }
}

/// The script that bytes stand for; there is none if they are too few to set the scene.
pub(crate) fn script_of<'a, S: Arbitrary<'a>>(bytes: &'a [u8]) -> Option<S> {
    S::arbitrary_take_rest(Unstructured::new(bytes)).ok()
}

/// What happens on a connection, or to all of them. Connections are counted among those that are open.
#[derive(Arbitrary, Debug)]
pub(crate) enum Deed {
    /// The other side sends.
    Says(u8, Text),
    /// The other side sends a FIN.
    Fins(u8),
    /// What is under way fails.
    Fails(u8, Fault),
    /// The connection that is being dialled stands.
    Connects(u8),
    /// Nothing that is under way comes to an end any more.
    Stalls(u8),
    /// It does so again.
    Resumes(u8),
    /// An answer comes for a connection that the machine has closed.
    Late(u8, LateAnswer),
    /// So many milliseconds pass, with a timeout at each deadline.
    Passes(u16),
    /// The next deadline comes.
    Due,
    /// Reads bring no more bytes than this at once.
    Chops(u8),
    /// Whether all answers that there are are fed before the machine is drained.
    Hastens(bool),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum LateAnswer {
    Connected,
    Read,
    Eof,
    Wrote,
    Quiet,
    Failed(Fault),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum Fault {
    Refused,
    Reset,
    TimedOut,
    InUse,
    Invalid,
}

impl Fault {
    pub(crate) fn kind(self) -> ErrorKind {
        match self {
            Fault::Refused => ErrorKind::ConnectionRefused,
            Fault::Reset => ErrorKind::ConnectionReset,
            Fault::TimedOut => ErrorKind::TimedOut,
            Fault::InUse => ErrorKind::AddrInUse,
            Fault::Invalid => ErrorKind::InvalidInput,
        }
    }
}

/// Whatever is said on connections, well-formed or not.
#[derive(Arbitrary, Debug)]
pub(crate) enum Text {
    Raw(Raw),
    Request { dials: bool, token: u8, self_addrs: Addrs, observed: Addr },
    Switching { observed: Addr, peer_addrs: Addrs },
    Interim,
    Refusal { status: u8, len: Option<u8>, body: Raw },
    Hello { dials: bool, token: u8 },
    Continue,
    Other(Addr),
}

impl Text {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let upgrade = "Connection: upgrade\r\nUpgrade: rdv/1\r\n";
        match self {
            Text::Raw(Raw(bytes)) => return bytes.clone(),
            // Most requests can be asked about, and some of them are questions themselves.
            Text::Request { token: token @ 0xc0.., observed, .. } => format!(
                "OBSERVE /{} HTTP/1.1\r\nHost: h\r\n{ATTEMPT}{OBSERVED}: {}\r\n\r\n",
                token_of(*token),
                observed.get(),
            ),
            Text::Request { dials, token, self_addrs, observed } => format!(
                "{} /{} HTTP/1.1\r\nHost: h\r\n{upgrade}{ATTEMPT}Rdv-Self-Addrs: {}\r\n{OBSERVED}: {}\r\n\r\n",
                role(*dials),
                token_of(*token),
                self_addrs.list::<9>(),
                observed.get(),
            ),
            Text::Switching { observed, peer_addrs } => format!(
                "HTTP/1.1 101 Switching Protocols\r\n{upgrade}Rdv-Observed-Addr: {}\r\nRdv-Peer-Addrs: {}\r\n\r\n",
                observed.get(),
                peer_addrs.list::<10>(),
            ),
            Text::Interim => "HTTP/1.1 103 Early Hints\r\n\r\n".to_owned(),
            // What a question may be answered.
            Text::Refusal { status: status @ 0xf0.., len, .. } => format!(
                "HTTP/1.1 200 OK\r\nConnection: {}\r\nContent-Length: 0\r\nRdv-Noted: {}\r\n\
                 Rdv-Observed-Addr: {}\r\n\r\n",
                if *status & 1 == 0 { "close" } else { "keep-alive" },
                if *status & 2 == 0 { "yes" } else { "no" },
                Addr(len.unwrap_or_default()).get(),
            ),
            Text::Refusal { status, len, body: Raw(body) } => {
                let len = len.map_or(String::new(), |len| format!("Content-Length: {len}\r\n"));
                let head = format!("HTTP/1.1 {} No\r\n{len}\r\n", 400 + u16::from(*status));
                return [head.as_bytes(), body].concat();
            }
            Text::Hello { dials, token } => format!("rdv/1 {} {}\n", role(*dials), token_of(*token)),
            Text::Continue => "CONTINUE\n".to_owned(),
            Text::Other(addr) => format!("OTHER {}\n", addr.get()),
        }
        .into()
    }
}

pub(crate) fn role(dials: bool) -> Role {
    if dials { Role::Dial } else { Role::Accept }
}

/// The first of three is the one that clients ask for.
pub(crate) fn token_of(token: u8) -> &'static str {
    ["tok", "tok1", "a%2Fb"][usize::from(token % 3)]
}

/// A few bytes: their number, then the bytes as they are.
#[derive(Clone, Debug)]
pub(crate) struct Raw(pub(crate) Vec<u8>);

impl<'a> Arbitrary<'a> for Raw {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        let len = usize::from(u8::arbitrary(bytes)?).min(bytes.len());
        Ok(Raw(bytes.bytes(len)?.to_vec()))
    }
}

/// One of a few addresses, of every space.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) struct Addr(pub(crate) u8);

impl Addr {
    pub(crate) fn get(self) -> SocketAddr {
        ADDRS[usize::from(self.0) % ADDRS.len()].parse().expect("an address")
    }
}

/// A set of them.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) struct Addrs(pub(crate) u16);

impl Addrs {
    pub(crate) fn iter(self) -> impl Iterator<Item = SocketAddr> {
        (0..16).filter(move |bit| self.0 & (1 << bit) != 0).map(|bit| Addr(bit).get())
    }

    /// As many of them as a list may have.
    pub(crate) fn list<const MAX: usize>(self) -> AddrList<MAX> {
        AddrList::new(self.iter().take(MAX)).expect("not too many")
    }
}

const ATTEMPT: &str = "Rdv-Attempt: 00ff00ff00ff00ff\r\n";
/// What a proxy says of its client.
pub(crate) const OBSERVED: &str = "x-observed";
const OPS_MAX: usize = 256;
const ADDRS: [&str; 16] = [
    "203.0.113.1:80",
    "[2001:db8::1]:80",
    "10.0.0.5:7000",
    "10.0.0.9:4000",
    "198.51.100.9:4000",
    "[2001:db8:9::9]:4000",
    "[2001:db8:9::a]:4000",
    "127.0.0.1:4000",
    "[::1]:4000",
    "169.254.1.1:4000",
    "[fe80::9]:4000",
    "[fd00::9]:4000",
    "[::ffff:10.0.0.9]:4000",
    "10.0.0.9:0",
    "224.0.0.1:4000",
    "0.0.0.0:4000",
];
