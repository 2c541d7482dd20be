//! The thread: asks the gateway in each way until one leads to a mapping, keeps that, and takes it back.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use log::debug;

use crate::error::{MapError, Protocol, Why};
use crate::gateway::default_gateway;
use crate::mapper::{Mapping, Order, Shared, is_usable};
use crate::udp::{NatPmp, Pcp};
use crate::upnp::Igd;

/// From the first packet to the last.
pub(crate) fn run(shared: &Shared, order: &Order) {
    let started = Instant::now();
    let mut search = Acquire { order, until: started + order.patience, tried: Vec::new(), loose: None };
    let acquired = search.run(shared);
    let took = started.elapsed();
    let Some((held, external, lease)) = acquired else {
        let error = MapError { tried: search.tried };
        debug!("no port is mapped: {error} (after {} ms)", took.as_millis());
        shared.publish(Err(error));
        if let Some(igd) = search.loose {
            Held::Upnp(igd).release(order);
        }
        return;
    };
    let mapping = Mapping { external, internal: held.local(), protocol: held.protocol() };
    debug!(
        "port {} is mapped to {external} by {} for {} s (after {} ms)",
        order.port,
        mapping.protocol,
        lease.as_secs(),
        took.as_millis()
    );
    shared.publish(Ok(mapping));
    keep(shared, order, held, external, lease);
}

/// Renews a mapping until nobody needs it any more.
fn keep(shared: &Shared, order: &Order, mut held: Held, external: SocketAddr, lease: Duration) {
    let half = |lease: Duration| (lease / 2).clamp(SHORTEST, LONGEST);
    let mut pause = half(lease);
    while !shared.released_within(pause) {
        pause = match held.map(Instant::now() + PATIENCE, PATIENCE / 4) {
            Ok((now, lease)) => {
                if now == external {
                    debug!("{external} is mapped for {} s more", lease.as_secs());
                } else {
                    debug!("{external} has become {now}, of which the peer does not know");
                }
                half(lease)
            }
            Err(why) => {
                debug!("cannot renew the mapping of {external}: {why}");
                (pause / 4).max(SHORTEST)
            }
        };
    }
    held.release(order);
}

/// On the way to a mapping.
struct Acquire<'a> {
    order: &'a Order,
    until: Instant,
    tried: Vec<(Protocol, Why)>,
    /// A mapping by UPnP may have come about, but too late.
    loose: Option<Igd>,
}

type Acquired = (Held, SocketAddr, Duration);

impl Acquire<'_> {
    /// PCP and NAT-PMP have three tenths of the time each. Where PCP does not answer at once, UPnP's search begins beside
    /// it, which changes nothing; what it leads to is made use of if they fail.
    fn run(&mut self, shared: &Shared) -> Option<Acquired> {
        let (order, gateway) = (self.order, default_gateway());
        let upnp = order.tries(Protocol::Upnp).then(|| self.search(gateway));
        let is_needless = || shared.released_within(Duration::ZERO);

        if order.tries(Protocol::Pcp) {
            let made = match gateway.ok_or(Why::NoGateway).and_then(|gateway| Pcp::new(gateway, order)) {
                Ok(pcp) => self.ask(Held::Pcp(pcp)),
                Err(why) => self.failed(Protocol::Pcp, why),
            };
            if made.is_some() || is_needless() {
                return made;
            }
        }
        if let Some(search) = &upnp {
            search.begin();
        }
        // Where nobody listens, nobody does for NAT-PMP either: it has the same port.
        let is_closed = matches!(self.tried.last(), Some((_, Why::Io(ErrorKind::ConnectionRefused))));
        if order.tries(Protocol::NatPmp) && !is_closed {
            let made = match gateway.ok_or(Why::NoGateway).and_then(|gateway| NatPmp::new(gateway, order)) {
                Ok(natpmp) => self.ask(Held::NatPmp(natpmp)),
                Err(why) => self.failed(Protocol::NatPmp, why),
            };
            if made.is_some() || is_needless() {
                return made;
            }
        }
        let left = self.until.saturating_duration_since(Instant::now());
        match upnp?.found.recv_timeout(left).unwrap_or(Err(Why::NoAnswer)) {
            Ok(_) if is_needless() => None,
            Ok(igd) => self.ask(Held::Upnp(igd)),
            Err(why) => self.failed(Protocol::Upnp, why),
        }
    }

    fn search(&self, gateway: Option<Ipv4Addr>) -> Search {
        let ((begin, begun), (sender, found)) = (channel(), channel());
        let (order, until) = (self.order.clone(), self.until);
        let spawned = thread::Builder::new().name("rdv-upnp".into()).spawn(move || {
            let is_needless = begun.recv_timeout(order.patience / 20) == Err(RecvTimeoutError::Disconnected);
            if !is_needless {
                // Nobody listens any more if another protocol was first.
                let _ = sender.send(Igd::find(gateway, &order, until));
            }
        });
        if let Err(err) = spawned {
            debug!("cannot search for UPnP: {err}");
        }
        Search { begin, found }
    }

    fn ask(&mut self, mut held: Held) -> Option<Acquired> {
        let share = self.order.patience * 3 / 10;
        let until = match held {
            Held::Pcp(_) | Held::NatPmp(_) => self.until.min(Instant::now() + share),
            Held::Upnp(_) => self.until,
        };
        match held.map(until, share / 2) {
            Ok((external, lease)) if is_usable(external.ip()) && external.port() != 0 && !lease.is_zero() => {
                Some((held, external, lease))
            }
            Ok((external, _)) => {
                let protocol = held.protocol();
                self.discard(held);
                self.failed(protocol, Why::Unusable(external.ip()))
            }
            Err(why) => {
                let protocol = held.protocol();
                if why == Why::NoAnswer {
                    self.discard(held);
                }
                self.failed(protocol, why)
            }
        }
    }

    /// There may be a mapping, which is not made use of.
    fn discard(&mut self, held: Held) {
        match held {
            Held::Pcp(pcp) => pcp.forget(),
            Held::NatPmp(natpmp) => natpmp.forget(),
            Held::Upnp(igd) => self.loose = Some(igd),
        }
    }

    fn failed(&mut self, protocol: Protocol, why: Why) -> Option<Acquired> {
        self.tried.push((protocol, why));
        None
    }
}

/// UPnP's search. If it is dropped before it has begun, it does not.
struct Search {
    begin: Sender<()>,
    found: Receiver<Result<Igd, Why>>,
}

impl Search {
    /// There is no waiting for PCP any more.
    fn begin(&self) {
        // It may have begun, and ended, by itself.
        let _ = self.begin.send(());
    }
}

/// A mapping, by whichever protocol.
enum Held {
    Pcp(Pcp),
    NatPmp(NatPmp),
    Upnp(Igd),
}

impl Held {
    fn protocol(&self) -> Protocol {
        match self {
            Held::Pcp(_) => Protocol::Pcp,
            Held::NatPmp(_) => Protocol::NatPmp,
            Held::Upnp(_) => Protocol::Upnp,
        }
    }

    fn local(&self) -> IpAddr {
        match self {
            Held::Pcp(pcp) => pcp.local(),
            Held::NatPmp(natpmp) => natpmp.local(),
            Held::Upnp(igd) => igd.local(),
        }
    }

    /// Makes it, or renews it.
    fn map(&mut self, until: Instant, pause: Duration) -> Result<(SocketAddr, Duration), Why> {
        match self {
            Held::Pcp(pcp) => pcp.map(until, pause),
            Held::NatPmp(natpmp) => natpmp.map(until, pause),
            Held::Upnp(igd) => igd.map(until),
        }
    }

    /// Has it deleted, if the gateway answers within the patience. If it does not, it lapses by itself.
    fn release(&self, order: &Order) {
        let (until, pause) = (Instant::now() + PATIENCE, PATIENCE / 4);
        let deleted = match self {
            Held::Pcp(pcp) => pcp.delete(until, pause),
            Held::NatPmp(natpmp) => natpmp.delete(until, pause),
            Held::Upnp(igd) => igd.delete(until),
        };
        match deleted {
            Ok(()) => debug!("the mapping of port {} is deleted", order.port),
            Err(why) => debug!("the mapping of port {} is left to lapse: {why}", order.port),
        }
    }
}

/// Of a renewal, and of the release.
const PATIENCE: Duration = Duration::from_secs(1);
/// A gateway that grants less has the mapping renewed no more often than this.
const SHORTEST: Duration = Duration::from_secs(1);
/// A gateway that grants far more may forget it all the same.
const LONGEST: Duration = Duration::from_secs(3600);
