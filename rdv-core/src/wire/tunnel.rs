//! What is said to a proxy to get through it to the server, and what it answers: HTTP CONNECT (RFC 9110 section
//! 9.3.6), and SOCKS5 (RFC 1928 and RFC 1929).

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::StatusCode;

use super::proxy::Credentials;
use super::{Answer, printable};

/// No head by which a proxy answers is shorter.
pub(crate) const SHORTEST_ANSWER: usize = "HTTP/1.1 200\n\n".len();

/// The whole request for a tunnel to the server.
pub(crate) fn connect(host: &str, port: u16, credentials: Option<&Credentials>) -> Bytes {
    let target = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let authorization = credentials.map_or_else(String::new, |Credentials { user, password }| {
        let userpass = [user.as_slice(), b":", password].concat();
        format!("Proxy-Authorization: Basic {}\r\n", STANDARD.encode(userpass))
    });
    format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{authorization}\r\n").into()
}

/// What a final answer to CONNECT comes to. Bodies of refusals are for people with browsers.
pub(crate) fn connected(answer: &Answer, has_credentials: bool) -> Result<(), ProxyFault> {
    match answer.status() {
        status if status.is_success() => Ok(()),
        // Who speaks is the proxy, so a 401 is about it too: tinyproxy has no other answer to a wrong password.
        StatusCode::PROXY_AUTHENTICATION_REQUIRED | StatusCode::UNAUTHORIZED => Err(match has_credentials {
            true => ProxyFault::BadCredentials,
            false => ProxyFault::NoCredentials,
        }),
        status => Err(ProxyFault::Refused { status, reason: answer.reason().to_owned() }),
    }
}

/// The methods of authentication that we have.
pub(crate) fn socks_greeting(credentials: Option<&Credentials>) -> Bytes {
    match credentials {
        None => Bytes::from_static(&[SOCKS, 1, NO_AUTHENTICATION]),
        Some(_) => Bytes::from_static(&[SOCKS, 2, NO_AUTHENTICATION, USER_AND_PASSWORD]),
    }
}

/// User name and password.
pub(crate) fn socks_proof(Credentials { user, password }: &Credentials) -> Bytes {
    let mut proof = vec![PROOF];
    for field in [user, password] {
        // A Proxy has none that are longer.
        proof.push(field.len() as u8);
        proof.extend_from_slice(field);
    }
    proof.into()
}

/// The request for a connection to the server. `None` if its name is too long to be said.
pub(crate) fn socks_connect(host: &str, port: u16) -> Option<Bytes> {
    let mut request = vec![SOCKS, CONNECT, 0];
    match host.parse() {
        Ok(IpAddr::V4(ip)) => {
            request.push(IPV4);
            request.extend_from_slice(&ip.octets());
        }
        Ok(IpAddr::V6(ip)) => {
            request.push(IPV6);
            request.extend_from_slice(&ip.octets());
        }
        Err(_) => {
            request.extend_from_slice(&[NAME, u8::try_from(host.len()).ok()?]);
            request.extend_from_slice(host.as_bytes());
        }
    }
    request.extend_from_slice(&port.to_be_bytes());
    Some(request.into())
}

/// Reads one message of a SOCKS5 proxy, and asks for no byte that is not its own.
#[derive(Debug)]
pub(crate) struct SocksReader {
    kind: Message,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// Which method it wants us to use.
    Choice { has_credentials: bool },
    /// What it thinks of user name and password.
    Verdict,
    /// What became of the connection to the server.
    Reply,
}

/// What a whole message of a SOCKS5 proxy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// That we are welcome.
    Welcome,
    /// That it wants to be told who we are.
    WhoAreYou,
    /// That the connection to the server stands.
    Connected,
}

impl SocksReader {
    pub(crate) fn new(kind: Message) -> Self {
        Self { kind, bytes: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many bytes may be read now.
    pub(crate) fn next_read(&self) -> NonZeroUsize {
        let missing = self.len().unwrap_or(REPLY_HEAD).saturating_sub(self.bytes.len());
        NonZeroUsize::new(missing).unwrap_or(NonZeroUsize::MIN)
    }

    /// Takes what was read. `None` while something is missing.
    pub(crate) fn push(&mut self, data: &[u8]) -> Result<Option<Said>, ProxyFault> {
        self.bytes.extend_from_slice(data);
        match (self.kind, &self.bytes[..]) {
            (_, []) => Ok(None),
            // Some proxies repeat their own version here, so it is not looked at.
            (Message::Verdict, [_]) => Ok(None),
            (Message::Verdict, [_, 0, ..]) => Ok(Some(Said::Welcome)),
            (Message::Verdict, _) => Err(ProxyFault::BadCredentials),
            (Message::Choice { .. } | Message::Reply, [version, ..]) if *version != SOCKS => {
                let hint = if *version == b'H' { ": it is HTTP" } else { "" };
                let why = format!("it begins with the byte 0x{version:02x}, not with 0x05{hint}");
                Err(ProxyFault::BadAnswer(why))
            }
            (Message::Choice { .. } | Message::Reply, [_]) => Ok(None),
            (Message::Choice { .. }, [_, NO_AUTHENTICATION, ..]) => Ok(Some(Said::Welcome)),
            (Message::Choice { has_credentials: true }, [_, USER_AND_PASSWORD, ..]) => {
                Ok(Some(Said::WhoAreYou))
            }
            (Message::Choice { has_credentials: true }, [_, NONE_OF_THESE, ..]) => {
                Err(ProxyFault::BadCredentials)
            }
            (Message::Choice { has_credentials: false }, [_, NONE_OF_THESE, ..]) => {
                Err(ProxyFault::NoCredentials)
            }
            (Message::Choice { .. }, [_, method, ..]) => Err(ProxyFault::BadAnswer(format!(
                "it chose the method 0x{method:02x}, which was not offered"
            ))),
            (Message::Reply, [_, 0, ..]) => match self.len() {
                Some(len) if self.bytes.len() >= len => Ok(Some(Said::Connected)),
                Some(_) => Ok(None),
                None if self.bytes.len() < REPLY_HEAD => Ok(None),
                None => {
                    Err(ProxyFault::BadAnswer(format!("its address is of the type 0x{:02x}", self.bytes[3])))
                }
            },
            // Some proxies end behind this byte.
            (Message::Reply, [_, code, ..]) => Err(ProxyFault::SocksRefused(*code)),
        }
    }

    /// How long the message is, as far as that is known.
    fn len(&self) -> Option<usize> {
        match (self.kind, &self.bytes[..]) {
            (Message::Choice { .. } | Message::Verdict, _) => Some(2),
            (Message::Reply, [_, _, _, IPV4, ..]) => Some(4 + 4 + 2),
            (Message::Reply, [_, _, _, IPV6, ..]) => Some(4 + 16 + 2),
            (Message::Reply, [_, _, _, NAME, len, ..]) => Some(5 + usize::from(*len) + 2),
            (Message::Reply, _) => None,
        }
    }
}

/// Why there is no way through a proxy to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyFault {
    /// None of the proxy's addresses could be reached.
    Unreachable {
        /// Each with what became of it, in the order of trying. Empty if the name has no addresses.
        tried: Vec<(SocketAddr, io::ErrorKind)>,
    },
    /// The connection to the proxy broke before it had answered.
    Lost(io::ErrorKind),
    /// The proxy ended the connection without an answer, or in the middle of one.
    NoAnswer,
    /// What came is no answer of a proxy of this kind.
    BadAnswer(String),
    /// The proxy wants to be told who we are, and its URL has no user name and password.
    NoCredentials,
    /// The proxy does not accept the URL's user name and password.
    BadCredentials,
    /// An HTTP proxy answered by a status other than 2xx.
    Refused {
        /// The status.
        status: StatusCode,
        /// The words behind it, perhaps none.
        reason: String,
    },
    /// A SOCKS5 proxy answered by a reply other than 0, RFC 1928 section 6.
    SocksRefused(u8),
    /// The server's name has more than the 255 bytes that SOCKS5 has room for.
    NameTooLong,
    /// The way to the server did not stand in time.
    TimedOut,
}

impl fmt::Display for ProxyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProxyFault::Unreachable { tried } if tried.is_empty() => f.write_str("it has no address"),
            ProxyFault::Unreachable { tried } => {
                f.write_str("it cannot be reached: ")?;
                for (i, (addr, kind)) in tried.iter().enumerate() {
                    let comma = if i > 0 { ", " } else { "" };
                    write!(f, "{comma}{addr} {kind}")?;
                }
                Ok(())
            }
            ProxyFault::Lost(kind) => write!(f, "its connection is lost: {kind}"),
            ProxyFault::NoAnswer => {
                f.write_str("it closed the connection without an answer: is it a proxy of this kind?")
            }
            ProxyFault::BadAnswer(why) => write!(f, "this is no answer of a proxy of this kind: {why}"),
            ProxyFault::NoCredentials => f.write_str(
                "it wants a user name and a password: put them into its URL, as in user:password@host",
            ),
            ProxyFault::BadCredentials => f.write_str("it does not accept this user name and password"),
            ProxyFault::Refused { status, reason } => {
                let reason = match reason.as_str() {
                    "" => status.canonical_reason().unwrap_or_default(),
                    reason => reason,
                };
                let advice = match status.as_u16() {
                    403 | 405 => ": does it allow connections to the server's port?",
                    502..=504 => ": it cannot reach the server",
                    _ => "",
                };
                write!(f, "it refuses: {} {}{advice}", status.as_str(), printable(reason, 100))
            }
            ProxyFault::SocksRefused(code) => {
                let why = match code {
                    1 => "general failure",
                    2 => "its rules do not allow the connection",
                    3 => "it cannot reach the server: network unreachable",
                    4 => "it cannot reach the server: host unreachable",
                    5 => "it cannot reach the server: connection refused",
                    6 => "it cannot reach the server: time to live expired",
                    7 => "it does not know the command CONNECT",
                    8 => "it does not know addresses of this type",
                    _ => "for a reason that SOCKS5 has no word for",
                };
                write!(f, "it refuses: {why} (reply 0x{code:02x})")
            }
            ProxyFault::NameTooLong => f.write_str("the server's name is too long for it"),
            ProxyFault::TimedOut => f.write_str("the way through it to the server did not stand in time"),
        }
    }
}

impl std::error::Error for ProxyFault {}

/// The version of the protocol.
const SOCKS: u8 = 5;
/// The version of the negotiation about user name and password.
const PROOF: u8 = 1;
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NONE_OF_THESE: u8 = 0xff;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;
/// So much of a reply tells how long it is; none is shorter.
const REPLY_HEAD: usize = 5;
