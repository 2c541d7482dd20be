//! PCP and NAT-PMP over UDP to the gateway, whose answers alone get through a connected socket.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::codec::{Refusal, natpmp, pcp};
use crate::error::Why;
use crate::mapper::{Order, chance};

/// Made or wanted by PCP.
#[derive(Debug)]
pub(crate) struct Pcp {
    line: Line,
    request: pcp::Request,
}

/// Made or wanted by NAT-PMP.
#[derive(Debug)]
pub(crate) struct NatPmp {
    line: Line,
    request: natpmp::Request,
}

impl Pcp {
    pub(crate) fn new(gateway: Ipv4Addr, order: &Order) -> Result<Self, Why> {
        let line = Line::open(gateway)?;
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&chance(order.seed, 0).to_be_bytes());
        nonce[8..].copy_from_slice(&chance(order.seed, 1).to_be_bytes()[..4]);
        let request = pcp::Request {
            client: line.local,
            nonce,
            internal_port: order.port,
            suggested_port: order.port,
            lifetime: order.lease_secs(),
        };
        Ok(Self { line, request })
    }

    pub(crate) fn local(&self) -> IpAddr {
        self.line.local.into()
    }

    /// Maps the port, or renews what is mapped.
    pub(crate) fn map(&mut self, until: Instant, pause: Duration) -> Result<(SocketAddr, Duration), Why> {
        let Self { line, request } = self;
        let granted = line.exchange(&[&request.packet()], until, pause, |packet| request.answer(packet))?;
        request.suggested_port = granted.external.port();
        Ok((granted.external, Duration::from_secs(granted.lifetime.into())))
    }

    /// Has the mapping deleted. Whether there is one need not be known.
    pub(crate) fn delete(&self, until: Instant, pause: Duration) -> Result<(), Why> {
        let request = pcp::Request { lifetime: 0, ..self.request };
        let answer = |packet: &[u8]| request.answer(packet);
        self.line.exchange(&[&request.packet()], until, pause, answer).map(drop)
    }

    /// As `delete`, but without waiting for the answer.
    pub(crate) fn forget(&self) {
        self.line.tell(&pcp::Request { lifetime: 0, ..self.request }.packet());
    }
}

impl NatPmp {
    pub(crate) fn new(gateway: Ipv4Addr, order: &Order) -> Result<Self, Why> {
        let (internal_port, lifetime) = (order.port, order.lease_secs());
        let request = natpmp::Request { internal_port, suggested_port: internal_port, lifetime };
        Ok(Self { line: Line::open(gateway)?, request })
    }

    pub(crate) fn local(&self) -> IpAddr {
        self.line.local.into()
    }

    /// Maps the port, or renews what is mapped.
    pub(crate) fn map(&mut self, until: Instant, pause: Duration) -> Result<(SocketAddr, Duration), Why> {
        let Self { line, request } = self;
        let (mut ip, mut granted) = (None, None);
        let (ip, granted) =
            line.exchange(&[&natpmp::ASK_ADDRESS, &request.packet()], until, pause, |packet| {
                match (natpmp::address(packet), request.answer(packet)) {
                    (Some(Err(refusal)), _) | (_, Some(Err(refusal))) => return Some(Err(refusal)),
                    (Some(Ok(told)), _) => ip = Some(told),
                    (None, Some(Ok(told))) => granted = Some(told),
                    (None, None) => {}
                }
                Some(Ok((ip?, granted?)))
            })?;
        request.suggested_port = granted.external_port;
        Ok(((ip, granted.external_port).into(), Duration::from_secs(granted.lifetime.into())))
    }

    /// Has the mapping deleted.
    pub(crate) fn delete(&self, until: Instant, pause: Duration) -> Result<(), Why> {
        let request = self.deletion();
        let answer = |packet: &[u8]| request.answer(packet);
        self.line.exchange(&[&request.packet()], until, pause, answer).map(drop)
    }

    /// As `delete`, but without waiting for the answer.
    pub(crate) fn forget(&self) {
        self.line.tell(&self.deletion().packet());
    }

    fn deletion(&self) -> natpmp::Request {
        natpmp::Request { suggested_port: 0, lifetime: 0, ..self.request }
    }
}

/// A socket to the gateway.
#[derive(Debug)]
struct Line {
    socket: UdpSocket,
    local: Ipv4Addr,
}

impl Line {
    fn open(gateway: Ipv4Addr) -> Result<Self, Why> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect((gateway, PORT))?;
        match socket.local_addr()?.ip() {
            IpAddr::V4(local) => Ok(Self { socket, local }),
            IpAddr::V6(_) => Err(Why::NoGateway),
        }
    }

    /// Sends requests, again after each pause, until what comes is an answer. What is none is passed over.
    fn exchange<T>(
        &self,
        requests: &[&[u8]],
        until: Instant,
        pause: Duration,
        mut answer: impl FnMut(&[u8]) -> Option<Result<T, Refusal>>,
    ) -> Result<T, Why> {
        let mut buf = [0; pcp::MOST + 1];
        let mut next = Instant::now();
        loop {
            let now = Instant::now();
            if now >= until {
                return Err(Why::NoAnswer);
            }
            if now >= next {
                for request in requests {
                    self.socket.send(request)?;
                }
                next = now + pause;
            }
            let patience = next.min(until).saturating_duration_since(now);
            self.socket.set_read_timeout(Some(patience.max(Duration::from_millis(1))))?;
            match self.socket.recv(&mut buf) {
                Ok(len) => {
                    if let Some(answer) = answer(&buf[..len]) {
                        return answer.map_err(Why::Refused);
                    }
                }
                Err(err) if is_silence(err.kind()) => {}
                Err(err) => return Err(err.into()),
            }
        }
    }

    /// Sends a packet. If that fails, the mapping lapses by itself.
    fn tell(&self, packet: &[u8]) {
        if let Err(err) = self.socket.send(packet) {
            log::debug!("cannot send to the gateway: {err}");
        }
    }
}

/// Whether a read has only ended, and nothing has come.
pub(crate) fn is_silence(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// Of PCP and NAT-PMP servers.
const PORT: u16 = 5351;
