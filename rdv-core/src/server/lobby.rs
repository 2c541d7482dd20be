//! The lobby (rdv/1 sections 1 and 2): where clients wait, and are paired by their token.

mod doors;
mod events;
mod introduce;
mod leaving;
mod observe;
mod tables;

use std::collections::{BTreeMap, VecDeque};
use std::io::ErrorKind;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use log::debug;

use super::guest::{Guest, Seat, Stage};
use super::households::{Buckets, Households};
use super::metrics::{Census, HeadFault, Metrics};
use super::observed::{Advisor, Doubt};
use super::queues::{Guests, Patience};
use super::rate::Rates;
use super::{Caller, LobbyConfig};
use crate::Watch;
use crate::io::{ConnId, Input, Outbox, Output};
use crate::token::Token;
use crate::wire::{Asked, HeadError, HeadReader, Reject, Request, RequestHeaders, Visit, is_proxy_header};
pub use events::{LobbyEvent, Matched, Reason, TlsStart};
pub(super) use introduce::Introduction;
use tables::Table;

/// The machine of a server's front: one request head in, one answer out.
///
/// A client that waits costs its addresses, its token and one read of one byte. That read tells when a client
/// dies or speaks out of turn; once there is a pair, it becomes the [`Relay`](super::Relay)'s.
#[derive(Debug)]
pub struct Lobby {
    config: LobbyConfig,
    out: Outbox<LobbyEvent>,
    guests: Guests,
    tables: BTreeMap<Token, Table>,
    /// Tables whose pair is to be made, and since when.
    confirmed: VecDeque<(Instant, Token)>,
    per_addr: Households,
    buckets: Buckets,
    advisor: Advisor,
    /// Each pair holds a clone of it, until it is history.
    living_pairs: Arc<()>,
    rates: Rates,
    closed: bool,
    census: Census,
    watch: Watch,
}

impl Lobby {
    /// An empty lobby, with metrics of its own.
    pub fn new(config: LobbyConfig) -> Self {
        Self::with_metrics(config, Arc::default())
    }

    /// An empty lobby that counts in `metrics`, which others may count in too.
    pub fn with_metrics(config: LobbyConfig, metrics: Arc<Metrics>) -> Self {
        Self {
            census: Census::new(metrics, &config),
            rates: Rates::new(config.bytes),
            guests: Guests::new(&config),
            config,
            out: Outbox::new(),
            tables: BTreeMap::new(),
            confirmed: VecDeque::new(),
            per_addr: Households::default(),
            buckets: Buckets::default(),
            advisor: Advisor::default(),
            living_pairs: Arc::default(),
            closed: false,
            watch: Watch::later(),
        }
    }

    /// Takes the answer to an intent.
    pub fn handle_input(&mut self, now: Instant, input: Input<'_>) {
        self.watch.input(now, &input);
        let conn = input.conn();
        let Some(guest) = self.guests.get_mut(conn) else {
            return;
        };
        if let Input::Read(..) = input {
            guest.reading = false;
        }
        match (&mut *guest.stage, input) {
            (Stage::Leaving(farewell), input) => {
                if farewell.handle_input(input, &mut self.out) {
                    self.dismiss(conn);
                }
            }
            // Plain TCP has no data that is invalid.
            (Stage::Asking(_), Input::Failed(_, ErrorKind::InvalidData)) => {
                self.gone(now, conn, HeadFault::Tls);
            }
            (Stage::Asking(reader), Input::Failed(..)) => {
                let fault = if reader.is_empty() { HeadFault::Silent } else { HeadFault::CutOff };
                self.gone(now, conn, fault);
            }
            (Stage::Seated(_), Input::Failed(..)) => {
                self.census.metrics().waiter_gone();
                self.leave(now, conn, Reason::Gone);
            }
            (Stage::Asking(reader), Input::Read(_, [])) => {
                if reader.is_empty() {
                    self.gone(now, conn, HeadFault::Silent);
                } else {
                    self.census.metrics().failed(HeadFault::CutOff);
                    self.reject(now, conn, Reject::Malformed("the head is not complete".into()));
                }
            }
            (Stage::Asking(_), Input::Read(_, data)) => self.heard(now, conn, data),
            (Stage::Introducing(introduction), Input::Failed(..)) => {
                let is_silent = introduction.reader.is_empty();
                self.gone(now, conn, if is_silent { HeadFault::Silent } else { HeadFault::CutOff });
            }
            (Stage::Introducing(introduction), Input::Read(_, [])) => {
                if introduction.reader.is_empty() {
                    self.gone(now, conn, HeadFault::Silent);
                } else {
                    self.census.metrics().failed(HeadFault::CutOff);
                    self.unintroduced(now, conn, Reject::BadProxyHeader("it is not complete".into()));
                }
            }
            (Stage::Introducing(_), Input::Read(_, data)) => self.introduced(now, conn, data),
            (Stage::Securing, Input::Failed(..)) => self.gone(now, conn, HeadFault::Tls),
            (Stage::Securing, Input::Connected(_)) => self.hear(now, conn, &[]),
            (Stage::Seated(_), Input::Read(..)) => self.reject(now, conn, Reject::NotIdle),
            (Stage::Seated(seat), Input::Quiet(_)) => {
                let token = seat.token.clone();
                self.confirmed(now, conn, &token);
            }
            // It has been told its address, and may ask again.
            (Stage::Asking(_), Input::Wrote(_)) if !guest.reading => {
                let behind = std::mem::take(&mut guest.behind);
                self.heard(now, conn, &behind);
            }
            (
                Stage::Introducing(_) | Stage::Asking(_),
                Input::Connected(_) | Input::Wrote(_) | Input::Quiet(_),
            )
            | (Stage::Securing, Input::Read(..) | Input::Wrote(_) | Input::Quiet(_))
            | (Stage::Seated(_), Input::Connected(_) | Input::Wrote(_)) => {}
        }
    }

    /// Takes note of the time. Harmless when nothing is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.watch.timeout(now);
        self.buckets.forget_full(now);
        while let Some(conn) = self.guests.next_due(now) {
            match self.guests.get(conn).map(|guest| &*guest.stage) {
                Some(Stage::Asking(reader)) if reader.is_empty() => self.gone(now, conn, HeadFault::Silent),
                Some(Stage::Asking(_)) => {
                    self.census.metrics().failed(HeadFault::Late);
                    self.reject(now, conn, Reject::HeadTimeout);
                }
                Some(Stage::Introducing(introduction)) if introduction.reader.is_empty() => {
                    self.gone(now, conn, HeadFault::Silent);
                }
                Some(Stage::Introducing(_)) => {
                    self.census.metrics().failed(HeadFault::Late);
                    self.unintroduced(now, conn, Reject::HeadTimeout);
                }
                Some(Stage::Securing) => self.gone(now, conn, HeadFault::Silent),
                Some(Stage::Seated(_)) => self.reject(now, conn, Reject::NoPeer),
                Some(Stage::Leaving(_)) | None => self.dismiss(conn),
            }
        }
    }

    /// The next thing to do or to know.
    pub fn poll_output(&mut self) -> Output<LobbyEvent> {
        self.pair_confirmed();
        let Self { out, guests, .. } = self;
        let output = out.poll(|| guests.deadline());
        if let Output::Wait(_) = output {
            self.census.take(self.guests.len(), self.tables.len());
            self.census.metrics().turned();
        }
        self.watch.output(&output);
        output
    }

    /// Shuts down: all that wait are told so, and all that come are, with a word on when to try again. Relays go on: when
    /// they have to end, and when the driver stops, is decided there.
    pub fn close(&mut self, now: Instant) {
        self.watch.called(now);
        self.closed = true;
        self.census.metrics().drains();
        // No table may seat a client again while they all leave.
        self.tables.clear();
        let seated = self.guests.iter().filter(|(_, guest)| guest.seat().is_some());
        for conn in seated.map(|(conn, _)| conn).collect::<Vec<_>>() {
            self.reject(now, conn, Reject::ShuttingDown);
        }
    }

    /// Whether no connection is left.
    pub fn is_empty(&self) -> bool {
        self.guests.len() == 0
    }

    /// What it has counted.
    pub fn metrics(&self) -> &Arc<Metrics> {
        self.census.metrics()
    }

    /// How many clients wait for their peer.
    pub fn waiting(&self) -> usize {
        self.tables.len()
    }

    /// Some of a head has come, or nothing of it yet.
    fn heard(&mut self, now: Instant, conn: ConnId, data: &[u8]) {
        let Some(Guest { stage, behind, .. }) = self.guests.get_mut(conn) else {
            return;
        };
        let Stage::Asking(reader) = &mut **stage else {
            return;
        };
        match reader.push(data) {
            Ok(true) => {
                *behind = reader.rest().into();
                self.asked(now, conn);
            }
            Ok(false) => {
                let next = reader.next_read();
                self.read(conn, next);
            }
            Err(HeadError::TooLarge) => {
                let max = self.config.head_max();
                self.reject(now, conn, Reject::HeadTooLarge(max));
            }
            Err(HeadError::MixedLineEndings) => {
                self.reject(now, conn, Reject::Malformed("lines end in CRLF and in LF".into()));
            }
        }
    }

    /// A head is complete.
    fn asked(&mut self, now: Instant, conn: ConnId) {
        let Some(guest) = self.guests.get(conn) else {
            return;
        };
        let Stage::Asking(reader) = &*guest.stage else {
            return;
        };
        if self.closed {
            return self.reject(now, conn, Reject::Closed);
        }
        let mut request = match Asked::parse(reader.head()) {
            Ok(Asked::Peer(request)) => request,
            Ok(Asked::Addr(observe)) => return self.observe(now, conn, &observe),
            Ok(Asked::Page(visit)) if self.config.page => return self.show(now, conn, &visit),
            Ok(Asked::Page(_)) => return self.reject(now, conn, Reject::NotAnUpgrade),
            Err(reject) => {
                if is_proxy_header(reader.all()) {
                    self.advisor.doubt(guest.remote.unpack().ip(), Doubt::Stranger);
                }
                return self.reject(now, conn, reject);
            }
        };
        let observed = match self.sight(now, conn, &request.headers) {
            Ok(observed) => observed,
            Err(reject) => return self.reject(now, conn, reject),
        };
        let Request { token, headers, .. } = &request;
        let caller = Caller { role: Some(request.role), token, headers, observed };
        if let Err(reject) = self.config.admission.admit(&caller) {
            return self.reject(now, conn, reject);
        }
        if !self.config.keep_headers {
            request.headers = RequestHeaders::default();
        }
        let (role, token) = (request.role, request.token.clone());
        debug!("joined: {role} {token} from {observed}");
        if let Some(guest) = self.guests.get_mut(conn) {
            let seat = Seat::new(request, guest.remote.unpack(), observed);
            guest.stage.enter(Stage::Seated(seat));
        }
        self.guests.wait_for(now, conn, Patience::Peer);
        self.seat(now, conn, role, token);
    }

    /// For a person with a browser.
    fn show(&mut self, now: Instant, conn: ConnId, visit: &Visit) {
        self.census.metrics().showed_page();
        let is_tls = self.guests.get(conn).is_some_and(|guest| guest.is_tls);
        self.see_off(now, conn, visit.answer(is_tls), Reason::Visited);
    }

    fn head_reader(&self) -> HeadReader {
        HeadReader::new(0).reading_ahead(Asked::AT_ONCE).of_at_most(self.config.head_max())
    }

    fn read(&mut self, conn: ConnId, max: NonZeroUsize) {
        if let Some(guest) = self.guests.get_mut(conn) {
            guest.reading = true;
            self.out.read(conn, max);
        }
    }
}
