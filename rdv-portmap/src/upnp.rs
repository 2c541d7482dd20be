//! UPnP-IGD: a gateway found by SSDP, described in XML, and asked by SOAP.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::codec::http::{self, Answer, Url};
use crate::codec::igd::{self, Action, Service};
use crate::codec::{Refusal, ssdp};
use crate::error::Why;
use crate::mapper::{Order, chance, is_usable};
use crate::udp::is_silence;

/// A gateway that can be asked for a mapping, or has made one.
#[derive(Debug)]
pub(crate) struct Igd {
    service: Service,
    external_ip: Ipv4Addr,
    local: Ipv4Addr,
    port: u16,
    lifetime: u32,
    seed: u64,
    mapped: Option<u16>,
}

impl Igd {
    /// Finds a gateway, and asks for its address. Nothing is changed by that.
    ///
    /// Where the default gateway is known, it must be that one: another machine would have to be in the way of what we
    /// send, too.
    pub(crate) fn find(gateway: Option<Ipv4Addr>, order: &Order, until: Instant) -> Result<Igd, Why> {
        let mut search = Search::begin(gateway)?;
        let mut last = Why::NoAnswer;
        for _ in 0..MOST_DEVICES {
            let Some(description) = search.next(until, order.patience * 3 / 10)? else { break };
            match Self::described(&description, order, until) {
                Ok(igd) => return Ok(igd),
                Err(why) => last = why,
            }
        }
        Err(last)
    }

    fn described(description: &Url, order: &Order, until: Instant) -> Result<Igd, Why> {
        let (answer, local) = exchange(description, &http::get(description), until)?;
        if answer.status != 200 {
            return Err(Why::Malformed);
        }
        let mut last = Why::Malformed;
        // One that is not connected has no address.
        for service in igd::services(&answer.body, description) {
            match ask(&service, &Action::Address, until).map(|answer| igd::address(&answer)) {
                Ok(Some(external_ip)) if is_usable(external_ip.into()) => {
                    let (port, seed, lifetime) = (order.port, order.seed, order.lease_secs());
                    return Ok(Igd { service, external_ip, local, port, lifetime, seed, mapped: None });
                }
                Ok(Some(ip)) => last = Why::Unusable(ip.into()),
                Ok(None) => last = Why::Malformed,
                Err(why) => last = why,
            }
        }
        Err(last)
    }

    pub(crate) fn local(&self) -> IpAddr {
        self.local.into()
    }

    /// Maps the port, or renews what is mapped.
    pub(crate) fn map(&mut self, until: Instant) -> Result<(SocketAddr, Duration), Why> {
        let (external_port, lease) = match self.mapped {
            Some(port) => (port, self.add(port, until)?),
            None => self.add_somewhere(until)?,
        };
        Ok(((self.external_ip, external_port).into(), lease))
    }

    /// Has the mapping deleted.
    pub(crate) fn delete(&self, until: Instant) -> Result<(), Why> {
        let Some(external_port) = self.mapped else { return Ok(()) };
        ask(&self.service, &Action::Delete { external_port }, until).map(drop)
    }

    /// Our own port, or another one if that is taken.
    fn add_somewhere(&mut self, until: Instant) -> Result<(u16, Duration), Why> {
        let others = (2..4).map(|i| 0x4000 | (chance(self.seed, i) as u16 & 0x7fff));
        let mut last = Why::NoAnswer;
        for port in [self.port].into_iter().chain(others) {
            // If the answer does not come, it may be there all the same.
            self.mapped = Some(port);
            match self.add(port, until) {
                Ok(lease) => return Ok((port, lease)),
                Err(why @ Why::Refused(_)) => {
                    self.mapped = None;
                    last = why;
                }
                Err(why) => return Err(why),
            }
            if !matches!(last, Why::Refused(Refusal { code: igd::CONFLICT, .. })) {
                break;
            }
        }
        Err(last)
    }

    fn add(&self, external_port: u16, until: Instant) -> Result<Duration, Why> {
        let (internal_port, client, lifetime) = (self.port, self.local, self.lifetime);
        ask(&self.service, &Action::Add { external_port, internal_port, client, lifetime }, until)?;
        Ok(Duration::from_secs(lifetime.into()))
    }
}

/// A search under way.
struct Search {
    socket: UdpSocket,
    gateway: Option<Ipv4Addr>,
    /// Descriptions that have been looked at.
    seen: Vec<Url>,
    next: Instant,
    faults: u32,
}

impl Search {
    fn begin(gateway: Option<Ipv4Addr>) -> Result<Self, Why> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        // Multicast leaves where the gateway is. To connect a UDP socket sends nothing.
        if let Some(gateway) = gateway {
            let probe = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
            probe.connect((gateway, ssdp::GROUP.port()))?;
            if let IpAddr::V4(local) = probe.local_addr()?.ip() {
                SockRef::from(&socket).set_multicast_if_v4(&local)?;
            }
        }
        SockRef::from(&socket).set_multicast_ttl_v4(2)?;
        Ok(Self { socket, gateway, seen: Vec::new(), next: Instant::now(), faults: 0 })
    }

    /// Where the next device says that its description is; `None` if no more do in time.
    fn next(&mut self, until: Instant, pause: Duration) -> Result<Option<Url>, Why> {
        let mut buf = [0; ssdp::MOST];
        loop {
            let now = Instant::now();
            if now >= until {
                return Ok(None);
            }
            if now >= self.next {
                self.ask()?;
                self.next = now + pause;
            }
            let patience = self.next.min(until).saturating_duration_since(now);
            self.socket.set_read_timeout(Some(patience.max(Duration::from_millis(1))))?;
            match self.socket.recv_from(&mut buf) {
                Ok((len, from)) => {
                    let is_asked = self.gateway.is_none_or(|gateway| from.ip() == IpAddr::V4(gateway));
                    let location = ssdp::location(&buf[..len], from.ip()).filter(|_| is_asked);
                    if let Some(url) = location.filter(|url| !self.seen.contains(url)) {
                        self.seen.push(url.clone());
                        return Ok(Some(url));
                    }
                }
                Err(err) if is_silence(err.kind()) => {}
                // A machine that has been asked by itself may say that nobody listens there; and to Windows, an
                // answer that is too long is an error.
                Err(_) if self.faults < MOST_FAULTS => self.faults += 1,
                Err(err) => return Err(err.into()),
            }
        }
    }

    /// The group, and the gateway by itself: not every switch lets multicast through.
    fn ask(&self) -> Result<(), Why> {
        let gateway = self.gateway.map(|gateway| SocketAddrV4::new(gateway, ssdp::GROUP.port()));
        let mut sent = Err(Why::NoAnswer);
        for to in [ssdp::GROUP].into_iter().chain(gateway) {
            for target in ssdp::TARGETS {
                match self.socket.send_to(ssdp::search(to, target).as_bytes(), to) {
                    Ok(_) => sent = Ok(()),
                    Err(err) if sent.is_err() => sent = Err(err.into()),
                    Err(_) => {}
                }
            }
        }
        sent
    }
}

/// Has an action done.
fn ask(service: &Service, action: &Action, until: Instant) -> Result<Vec<u8>, Why> {
    let (header, body) = action.request(service.kind);
    let request = http::post(&service.control, &header, &body);
    let (answer, _) = exchange(&service.control, &request, until)?;
    match answer.status {
        200 => Ok(answer.body),
        _ => Err(igd::fault(&answer.body).map_or(Why::Malformed, Why::Refused)),
    }
}

/// One request, one answer, and the address from which it was asked.
fn exchange(url: &Url, request: &[u8], until: Instant) -> Result<(Answer, Ipv4Addr), Why> {
    let left = || {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::Error::from(ErrorKind::TimedOut)) } else { Ok(left) }
    };
    let mut stream = TcpStream::connect_timeout(&url.host.into(), left()?)?;
    let IpAddr::V4(local) = stream.local_addr()?.ip() else { return Err(Why::NoGateway) };
    stream.set_write_timeout(Some(left()?))?;
    stream.write_all(request)?;
    let mut received = Vec::new();
    let mut buf = [0; 4096];
    loop {
        stream.set_read_timeout(Some(left()?))?;
        let len = match stream.read(&mut buf) {
            Ok(len) => len,
            Err(err) if err.kind() == ErrorKind::Interrupted => continue,
            // Some reset a connection once they have said all.
            Err(err) if err.kind() == ErrorKind::ConnectionReset && !received.is_empty() => 0,
            Err(err) => return Err(err.into()),
        };
        received.extend_from_slice(&buf[..len]);
        match http::answer(&received, len == 0) {
            Ok(Some(answer)) => return Ok((answer, local)),
            Ok(None) => {}
            Err(http::Malformed) => return Err(Why::Malformed),
        }
    }
}

/// Errors while answers are awaited.
const MOST_FAULTS: u32 = 16;
/// Whose descriptions are looked at.
const MOST_DEVICES: usize = 4;
