//! Who is let in, and who has a place: decided by numbers alone, before a client has said a word.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::debug;

use super::super::guest::{Guest, Stage};
use super::super::households::Household;
use super::super::metrics::HeadFault;
use super::super::queues::Patience;
use super::{Introduction, Lobby, LobbyEvent, Reason, TlsStart};
use crate::io::ConnId;
use crate::wire::Reject;

/// What awaits a connection that comes in.
pub(super) enum Door {
    /// It may speak.
    Open,
    /// It is told why not.
    Refused(Reject),
    /// So many are being told so already that this one is not: a refusal must cost less than it costs to ask for it.
    Shut(Reject),
}

impl Lobby {
    /// Names a connection that came in.
    ///
    /// It carries the client's bytes: where there is TLS on it, that is beneath.
    pub fn handle_accept(&mut self, now: Instant, remote: SocketAddr) -> ConnId {
        self.accept(now, remote, None)
    }

    /// Names a connection that came in to a server that speaks TLS, and says when that begins.
    pub fn handle_accept_tls(&mut self, now: Instant, remote: SocketAddr) -> (ConnId, TlsStart) {
        let start = if self.config.trusts(remote.ip()) { TlsStart::WhenTold } else { TlsStart::AtOnce };
        (self.accept(now, remote, Some(start)), start)
    }

    fn accept(&mut self, now: Instant, remote: SocketAddr, tls: Option<TlsStart>) -> ConnId {
        let conn = self.out.issue();
        self.watch.accepted(now, conn);
        self.census.metrics().connected();
        // A trusted proxy speaks for others, who are counted as soon as they are known.
        let household = (!self.config.trusts(remote.ip())).then(|| Household::of(remote.ip()));
        let door = match household {
            Some(household) => self.knock(now, household),
            None => self.room(),
        };
        if let Door::Shut(reject) = door {
            debug!("turned away {remote}: {reject}");
            self.census.metrics().refused(&reject);
            self.census.metrics().failed(HeadFault::NoRoom);
            self.out.close(conn);
            self.out.event(LobbyEvent::Left { remote, reason: Reason::Rejected(reject) });
            return conn;
        }
        let (stage, first_read) = if household.is_none() {
            let introduction = Introduction::new(tls == Some(TlsStart::WhenTold));
            let first_read = introduction.reader.next_read();
            (Stage::Introducing(Box::new(introduction)), first_read)
        } else {
            let reader = self.head_reader();
            let first_read = reader.next_read();
            (Stage::Asking(reader), first_read)
        };
        self.guests
            .insert(conn, Guest { is_tls: tls.is_some(), ..Guest::new(now, remote, household, stage) });
        if let Some(household) = household {
            self.per_addr.add(household);
        }
        if let Door::Refused(reject) = door {
            // It may be a trusted proxy's, and wait for no answer in clear.
            self.unintroduced(now, conn, reject);
        } else {
            self.guests.wait_for(now, conn, Patience::Head);
            self.read(conn, first_read);
        }
        conn
    }

    pub(super) fn knock(&mut self, now: Instant, household: Household) -> Door {
        match self.room() {
            Door::Open => self.allowance(now, household),
            door @ (Door::Refused(_) | Door::Shut(_)) => self.or_shut(door, household),
        }
    }

    /// By how many there are in all.
    pub(super) fn room(&self) -> Door {
        let open = self.open();
        if self.guests.len() >= self.config.max_waiting.saturating_mul(2) {
            Door::Shut(Reject::Full)
        } else if self.max_open() + OPEN_SPARE <= open {
            Door::Shut(Reject::Overloaded)
        } else if self.max_open() <= open {
            Door::Refused(Reject::Overloaded)
        } else {
            Door::Open
        }
    }

    /// By what this household has had already. If it is let in that counts.
    pub(super) fn allowance(&mut self, now: Instant, household: Household) -> Door {
        if self.per_addr.of(household).conns as usize >= self.config.max_conns_per_addr {
            return self.or_shut(Door::Refused(Reject::FullForAddr), household);
        }
        match self.take_token(now, household) {
            Ok(()) => Door::Open,
            Err(wait) => self.or_shut(Door::Refused(Reject::RateLimited(wait)), household),
        }
    }

    fn or_shut(&self, door: Door, household: Household) -> Door {
        match door {
            Door::Refused(reject) if self.per_addr.of(household).leaving >= LEAVING_MAX => Door::Shut(reject),
            Door::Open | Door::Refused(_) | Door::Shut(_) => door,
        }
    }

    /// Whether one more client may wait: there must be room for its peer, too.
    pub(super) fn has_room(&self) -> Result<(), Reject> {
        if self.tables.len() >= self.config.max_waiting {
            return Err(Reject::Full);
        }
        let peers = self.tables.len() + 1;
        if 2 * (peers + self.pairs()) > self.max_open() { Err(Reject::Overloaded) } else { Ok(()) }
    }

    /// How many pairs this lobby has made that are not history yet.
    pub fn pairs(&self) -> usize {
        Arc::strong_count(&self.living_pairs) - 1
    }

    /// Connections that are open, those of pairs included.
    fn open(&self) -> usize {
        self.guests.len() + 2 * self.pairs()
    }

    fn max_open(&self) -> usize {
        // Sums with it must not overflow.
        self.config.max_open.unwrap_or(usize::MAX).min(usize::MAX / 4)
    }

    fn take_token(&mut self, now: Instant, household: Household) -> Result<(), Duration> {
        match self.config.max_rate_per_addr {
            Some(rate) => self.buckets.take(now, household, rate, self.config.max_burst_per_addr),
            None => Ok(()),
        }
    }

    /// Counts a connection as one of this address, and of no other.
    pub(super) fn count(&mut self, now: Instant, conn: ConnId, ip: IpAddr) -> Result<(), Reject> {
        let household = Household::of(ip);
        let before = self.guests.get_mut(conn).and_then(|guest| guest.household.replace(household));
        if before == Some(household) {
            return Ok(());
        }
        if let Some(before) = before {
            self.per_addr.remove(before, false);
        }
        let door = self.allowance(now, household);
        self.per_addr.add(household);
        match door {
            Door::Open => Ok(()),
            Door::Refused(reject) | Door::Shut(reject) => Err(reject),
        }
    }
}

/// Connections beyond `max_open`, for refusals.
const OPEN_SPARE: usize = 32;
/// Of one household, connections that are being sent away before new ones are closed without a word.
const LEAVING_MAX: u32 = 16;
