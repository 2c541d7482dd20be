//! What travels.

use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;

/// One datagram. NATs rewrite its addresses on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// From whom. The port of a router that reports an error is 0.
    pub src: SocketAddr,
    /// To whom.
    pub dst: SocketAddr,
    /// What it carries.
    pub body: Body,
}

/// What a packet carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// TCP.
    Tcp(Segment),
    /// ICMP's report that a packet could not be delivered.
    Unreachable(Unreachable),
}

/// A TCP segment (RFC 9293 section 3.1), less what no simulation here needs: windows and options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The control bits.
    pub flags: Flags,
    /// The sequence number of the first byte, or of the SYN or FIN. Wraps.
    pub seq: u32,
    /// The next sequence number expected from the other side, if `flags.ack`.
    pub ack: u32,
    /// The bytes.
    pub data: Bytes,
}

/// TCP's control bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Opens.
    pub syn: bool,
    /// `ack` is valid.
    pub ack: bool,
    /// No more bytes follow.
    pub fin: bool,
    /// Aborts.
    pub rst: bool,
}

/// An ICMP destination unreachable message (RFC 792, RFC 4443 section 3.1). It quotes the packet that was not
/// delivered; NATs translate the quote back along with the message's own destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// The reason.
    pub why: Why,
    /// The lost packet's source: who is to know.
    pub src: SocketAddr,
    /// The lost packet's destination.
    pub dst: SocketAddr,
    /// The lost segment's sequence number.
    pub seq: u32,
}

/// Why a packet was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// No route, or nobody there.
    Host,
    /// Nobody listens.
    Port,
    /// A firewall is against it.
    Prohibited,
}

/// As in a capture: `10.0.0.1:5 > 10.0.0.2:6 S seq=1 ack=2 len=0`.
impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} > {} ", self.src, self.dst)?;
        match &self.body {
            Body::Tcp(segment) => {
                let Flags { syn, ack, fin, rst } = segment.flags;
                let letters = [(syn, 'S'), (fin, 'F'), (rst, 'R'), (ack, '.')];
                let flags: String =
                    letters.iter().filter(|(set, _)| *set).map(|(_, letter)| letter).collect();
                write!(f, "{flags} seq={} ack={} len={}", segment.seq, segment.ack, segment.data.len())
            }
            Body::Unreachable(it) => write!(f, "unreachable ({:?}): {} > {}", it.why, it.src, it.dst),
        }
    }
}
