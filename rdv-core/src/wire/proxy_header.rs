//! The PROXY protocol, versions 1 and 2: what a proxy says first on a connection, of whom it speaks for.
//! (`proxy-protocol.txt` of HAProxy, sections 2.1 and 2.2.)

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroUsize;

use super::head::HEAD_MAX;
use crate::addr::unmapped;

/// Reads a PROXY header, asking for no byte that cannot belong to it; or finds out by the first bytes that there is
/// none, which no HTTP request and no TLS handshake can be mistaken for.
#[derive(Debug)]
pub(crate) struct ProxyHeaderReader {
    /// What was read, less what is skipped: that is the end of a long header of version 2.
    bytes: Vec<u8>,
    read: usize,
}

/// How a connection begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// With a PROXY header, which is read up to its end: the client's address, unless the proxy speaks for itself, as
    /// for a health check, or for a client that has none.
    Header(Option<SocketAddr>),
    /// With something else, of which this has been read. It is at most [`SHORTEST`] bytes.
    Other(Vec<u8>),
}

impl ProxyHeaderReader {
    pub(crate) fn new() -> Self {
        Self { bytes: Vec::new(), read: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.read == 0
    }

    /// How many bytes may be read now.
    pub(crate) fn next_read(&self) -> NonZeroUsize {
        let missing = match self.len_v2() {
            Some(len) => len.saturating_sub(self.read),
            None if self.read < SHORTEST => SHORTEST - self.read,
            None if self.bytes.starts_with(V1) => {
                missing_v1(&self.bytes).min(V1_MAX.saturating_sub(self.read))
            }
            None => V2_HEAD.saturating_sub(self.read),
        };
        NonZeroUsize::new(missing).unwrap_or(NonZeroUsize::MIN)
    }

    /// Takes what was read. `None` while something is missing; the error is for people.
    pub(crate) fn push(&mut self, data: &[u8]) -> Result<Option<Beginning>, String> {
        self.read += data.len();
        let kept = data.len().min(V1_MAX.saturating_sub(self.bytes.len()));
        self.bytes.extend_from_slice(&data[..kept]);
        if begins(&self.bytes, V2) {
            match self.len_v2() {
                Some(len) if len > HEAD_MAX => Err(format!("a header of {len} bytes")),
                Some(len) if self.read >= len => {
                    addr_v2(&self.bytes).map(|addr| Some(Beginning::Header(addr)))
                }
                Some(_) | None => Ok(None),
            }
        } else if begins(&self.bytes, V1) {
            match self.bytes.iter().position(|byte| *byte == b'\n') {
                Some(end) => addr_v1(&self.bytes[..=end]).map(|addr| Some(Beginning::Header(addr))),
                None if self.read >= V1_MAX => Err(format!("no line end within {V1_MAX} bytes")),
                None => Ok(None),
            }
        } else {
            Ok(Some(Beginning::Other(std::mem::take(&mut self.bytes))))
        }
    }

    /// How long a header of version 2 is, once that is known.
    fn len_v2(&self) -> Option<usize> {
        let len = [*self.bytes.get(14)?, *self.bytes.get(15)?];
        self.bytes.starts_with(V2).then(|| V2_HEAD + usize::from(u16::from_be_bytes(len)))
    }
}

/// Whether bytes begin as PROXY headers do.
pub(crate) fn is_proxy_header(bytes: &[u8]) -> bool {
    bytes.starts_with(V1) || bytes.starts_with(V2)
}

/// Whether a request's head is the beginning of a PROXY header: of version 2 there is nothing in it but its end.
pub(super) fn may_be_proxy_header(head: &[u8]) -> bool {
    head.starts_with(V1) || head == &V2[..4]
}

/// Whether `bytes` begin with `words`, as far as there are any.
fn begins(bytes: &[u8], words: &[u8]) -> bool {
    let len = bytes.len().min(words.len());
    bytes[..len] == words[..len]
}

/// The least that must still come: of each field that is missing one byte, and the space before it.
fn missing_v1(bytes: &[u8]) -> usize {
    let spaces = bytes.iter().filter(|byte| **byte == b' ').count();
    let fields = if bytes.starts_with(UNKNOWN) { 0 } else { V1_SPACES.saturating_sub(spaces) };
    let field_begun = usize::from(fields > 0 && bytes.ends_with(b" "));
    2 * fields + field_begun + if bytes.ends_with(b"\r") { 1 } else { 2 }
}

fn addr_v1(line: &[u8]) -> Result<Option<SocketAddr>, String> {
    let bad = |why: &str| Err(why.to_owned());
    let Some(Ok(text)) = line.strip_suffix(b"\r\n").map(std::str::from_utf8) else {
        return bad("its line does not end in CRLF, or is no text");
    };
    if line.starts_with(UNKNOWN) && matches!(text.as_bytes().get(UNKNOWN.len()), None | Some(b' ')) {
        return Ok(None);
    }
    let mut fields = text.split(' ').skip(1);
    let mut next = || fields.next().unwrap_or_default();
    let (family, [from, to], ports) = (next(), [next(), next()], [next(), next()]);
    if fields.next().is_some() {
        return bad("too many fields");
    }
    let ip = |text: &str| -> Option<IpAddr> {
        match family {
            "TCP4" => text.parse().ok().map(|ip: Ipv4Addr| ip.into()),
            "TCP6" => text.parse().ok().map(|ip: Ipv6Addr| ip.into()),
            _ => None,
        }
    };
    let (Some(from), Some(_)) = (ip(from), ip(to)) else {
        return bad("expected TCP4 or TCP6, and two such addresses, or UNKNOWN");
    };
    let [Some(port), Some(_)] = ports.map(port_number) else {
        return bad("its ports are no numbers up to 65535");
    };
    Ok(dialable(from, port))
}

fn addr_v2(bytes: &[u8]) -> Result<Option<SocketAddr>, String> {
    let (head, body) = bytes.split_at(V2_HEAD.min(bytes.len()));
    let [.., version_and_command, family, _, _] = *head else {
        return Err("it is cut short".into());
    };
    if family >> 4 > 3 || family & 0xf > 2 {
        return Err(format!("no address family and protocol is 0x{family:02x}"));
    }
    match version_and_command {
        LOCAL => return Ok(None),
        PROXY => {}
        _ => return Err(format!("no version and command is 0x{version_and_command:02x}")),
    }
    let (ip, rest): (IpAddr, &[u8]) = match family {
        TCP_OVER_IPV4 => match *body {
            [a, b, c, d, _, _, _, _, ref rest @ ..] => (Ipv4Addr::new(a, b, c, d).into(), rest),
            _ => return Err("too short for two IPv4 addresses".into()),
        },
        TCP_OVER_IPV6 => match body.split_first_chunk::<16>() {
            Some((ip, rest)) => (Ipv6Addr::from(*ip).into(), rest.get(16..).unwrap_or_default()),
            None => return Err("too short for two IPv6 addresses".into()),
        },
        // A Unix socket, datagrams, or what it does not say.
        _ => return Ok(None),
    };
    match *rest {
        [high, low, _, _, ..] => Ok(dialable(ip, u16::from_be_bytes([high, low]))),
        _ => Err("too short for two ports".into()),
    }
}

/// A port 0 is as good as no address.
fn dialable(ip: IpAddr, port: u16) -> Option<SocketAddr> {
    (port != 0).then(|| unmapped(SocketAddr::new(ip, port)))
}

/// A decimal number without a sign or leading zeros.
pub(super) fn port_number(text: &str) -> Option<u16> {
    let is_canonical = text == "0" || text.starts_with(|first: char| ('1'..='9').contains(&first));
    text.parse().ok().filter(|_| is_canonical)
}

/// No header is shorter: `PROXY UNKNOWN` and its CRLF. A request or a TLS handshake is longer.
const SHORTEST: usize = UNKNOWN.len() + 2;
const V1: &[u8] = b"PROXY ";
const UNKNOWN: &[u8] = b"PROXY UNKNOWN";
/// With its CRLF.
const V1_MAX: usize = 107;
const V1_SPACES: usize = 5;
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The signature, version and command, family and protocol, and the length of what follows.
const V2_HEAD: usize = 16;
const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;
const TCP_OVER_IPV4: u8 = 0x11;
const TCP_OVER_IPV6: u8 = 0x21;
