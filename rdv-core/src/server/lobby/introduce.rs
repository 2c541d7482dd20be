//! What a trusted proxy says first on a connection: of whom it speaks. Then TLS may begin, and the client is heard.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use log::debug;

use super::super::guest::Stage;
use super::{Lobby, LobbyEvent, Reason};
use crate::io::ConnId;
use crate::wire::{Beginning, ProxyHeaderReader, Reject, RequestHeaders};

/// A PROXY header that may come, and whether TLS is to begin behind it.
#[derive(Debug)]
pub(in crate::server) struct Introduction {
    pub(super) reader: ProxyHeaderReader,
    tls: bool,
}

impl Introduction {
    pub(super) fn new(tls: bool) -> Self {
        Self { reader: ProxyHeaderReader::new(), tls }
    }
}

impl Lobby {
    /// Some of the first bytes have come.
    pub(super) fn introduced(&mut self, now: Instant, conn: ConnId, data: &[u8]) {
        let Some(Stage::Introducing(introduction)) = self.guests.get_mut(conn).map(|it| &mut *it.stage)
        else {
            return;
        };
        let tls = introduction.tls;
        let beginning = match introduction.reader.push(data) {
            Ok(Some(beginning)) => beginning,
            Ok(None) => {
                let next = introduction.reader.next_read();
                return self.read(conn, next);
            }
            Err(why) => return self.unintroduced(now, conn, Reject::BadProxyHeader(why)),
        };
        let (client, early) = match beginning {
            Beginning::Header(client) => (client, Vec::new()),
            Beginning::Other(early) => (None, early),
        };
        if let Some(client) = client {
            self.speaks_for(conn, client);
        }
        if tls {
            if let Some(guest) = self.guests.get_mut(conn) {
                guest.stage.enter(Stage::Securing);
            }
            self.out.secure(conn, Bytes::from(early));
        } else {
            self.hear(now, conn, &early);
        }
    }

    /// There will be no introduction that is any good. Where TLS is expected, an answer in clear would be none.
    pub(super) fn unintroduced(&mut self, now: Instant, conn: ConnId, reject: Reject) {
        match self.guests.get(conn).map(|guest| (guest.remote.unpack(), &*guest.stage)) {
            Some((remote, Stage::Introducing(introduction))) if introduction.tls => {
                debug!("rejected {remote}: {reject}");
                self.census.metrics().refused(&reject);
                self.out.event(LobbyEvent::Left { remote, reason: Reason::Rejected(reject) });
                self.dismiss(conn);
            }
            Some(_) | None => self.reject(now, conn, reject),
        }
    }

    /// The request may come, of which this has come already.
    pub(super) fn hear(&mut self, now: Instant, conn: ConnId, early: &[u8]) {
        let reader = self.head_reader();
        let Some(guest) = self.guests.get_mut(conn) else {
            return;
        };
        guest.stage.enter(Stage::Asking(reader));
        let remote = guest.remote.unpack();
        if !self.config.trusts(remote.ip())
            && let Err(reject) = self.count(now, conn, remote.ip())
        {
            return self.reject(now, conn, reject);
        }
        self.heard(now, conn, early);
    }

    fn speaks_for(&mut self, conn: ConnId, client: SocketAddr) {
        if let Some(guest) = self.guests.get_mut(conn) {
            debug!("the proxy {} speaks for {client}", guest.remote.unpack());
            guest.remote = client.into();
        }
    }

    /// The address by which a client is seen, which from now on is the one that counts.
    pub(super) fn sight(
        &mut self,
        now: Instant,
        conn: ConnId,
        headers: &RequestHeaders,
    ) -> Result<SocketAddr, Reject> {
        let remote = self.guests.get(conn).map(|guest| guest.remote.unpack()).ok_or(Reject::Closed)?;
        let sighting = self.config.sight(remote, headers)?;
        self.advisor.look_at(remote.ip(), &sighting);
        if let Some(client) = sighting.client {
            self.count(now, conn, client)?;
        }
        Ok(sighting.observed)
    }
}
