//! The handshake with the server (rdv/1 sections 1 and 2): connect, perhaps through a proxy, ask, and read the answer.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::families::{in_order, other_family};
use super::observation::{Other, Question};
use super::tunnel::Tunnel;
use super::{Attempt, Config, ConnectError, Event, Phase};
use crate::io::{ConnId, Input, Outbox, Target, after, earlier};
use crate::states::{Current, NOWHERE, Named};
use crate::wire::{
    Answer, BadAnswer, HeadError, HeadReader, INTERIM_MAX, Proxy, ProxyFault, Request, ServerUrl, Switched,
};

#[derive(Debug)]
pub(super) struct Handshake {
    stage: Current<Stage>,
    request: Bytes,
    url: ServerUrl,
    proxy: Option<Proxy>,
    /// The addresses of the server, or of the proxy, that were not dialled yet.
    queue: VecDeque<SocketAddr>,
    failed: BTreeMap<ConnId, (SocketAddr, io::ErrorKind)>,
    pub(super) proxy_connected: Option<Instant>,
    pub(super) connected: Option<Instant>,
    pub(super) requested: Option<Instant>,
}

#[derive(Debug)]
enum Stage {
    Connecting { dials: Vec<(ConnId, SocketAddr)>, next_dial: Option<Instant>, deadline: Instant },
    Tunneling { tunnel: Box<Tunnel>, remote: SocketAddr, deadline: Instant },
    Securing { conn: ConnId, remote: SocketAddr, deadline: Instant },
    Requesting { conn: ConnId, remote: SocketAddr },
    Waiting { conn: ConnId, remote: SocketAddr, reader: HeadReader, interim: u8 },
    Refused { conn: ConnId, answer: Answer, body: Vec<u8>, deadline: Instant },
    Ended,
}

/// What came of an input.
#[derive(Debug)]
pub(super) enum Progress {
    Pending,
    /// The request goes out, from here on over one connection alone. This is where to have a second opinion.
    Connected(Option<Other>),
    Switched {
        conn: ConnId,
        remote: SocketAddr,
        switched: Switched,
    },
    Failed(ConnectError),
}

impl Handshake {
    pub(super) fn new(
        now: Instant,
        attempt: &Attempt,
        config: &Config,
        question: Option<&Question>,
        out: &mut Outbox<Event>,
    ) -> Self {
        let Attempt { role, url, token, self_addrs, .. } = attempt;
        let id = question.map(|question| question.attempt);
        let mut handshake = Self {
            stage: Current::new(Stage::Connecting {
                dials: Vec::new(),
                next_dial: None,
                deadline: after(now, config.connect_timeout),
            }),
            request: Request::encode(*role, url, token, self_addrs, id, &config.headers),
            url: url.clone(),
            proxy: config.proxy.clone(),
            queue: in_order(&attempt.server_addrs),
            failed: BTreeMap::new(),
            proxy_connected: None,
            connected: None,
            requested: None,
        };
        handshake.dial_next(now, out);
        handshake
    }

    pub(super) fn handle_input(
        &mut self,
        now: Instant,
        input: Input<'_>,
        out: &mut Outbox<Event>,
    ) -> Progress {
        match &mut *self.stage {
            Stage::Connecting { dials, deadline, .. } => {
                let Some(at) = dials.iter().position(|(conn, _)| *conn == input.conn()) else {
                    return Progress::Pending;
                };
                let (conn, remote) = dials.remove(at);
                match input {
                    Input::Connected(_) => {
                        let deadline = *deadline;
                        if let Some(proxy) = self.proxy.clone() {
                            dials.iter().for_each(|(dial, _)| out.close(*dial));
                            self.proxy_connected = Some(now);
                            let tunnel = Tunnel::open(conn, proxy, self.url.clone(), out).into();
                            self.stage.enter(Stage::Tunneling { tunnel, remote, deadline });
                            return Progress::Pending;
                        }
                        let other = other_family(remote, dials, &self.queue);
                        let is_kept = |dial| matches!(other, Some(Other::Dialing(kept, _)) if kept == dial);
                        let given_up = dials.iter().filter(|(dial, _)| !is_kept(*dial));
                        given_up.for_each(|(dial, _)| out.close(*dial));
                        self.ask(now, conn, remote, out);
                        Progress::Connected(other)
                    }
                    Input::Failed(_, kind) => {
                        self.failed.insert(conn, (remote, kind));
                        self.dial_next(now, out)
                    }
                    Input::Read(..) | Input::Wrote(_) | Input::Quiet(_) => Progress::Pending,
                }
            }
            Stage::Tunneling { tunnel, remote, deadline } if tunnel.conn() == input.conn() => {
                let (conn, remote, deadline) = (tunnel.conn(), *remote, *deadline);
                match tunnel.handle_input(input, out) {
                    Ok(false) => {}
                    Ok(true) if self.url.is_https() => {
                        out.secure(conn, Bytes::new());
                        self.stage.enter(Stage::Securing { conn, remote, deadline });
                    }
                    Ok(true) => self.ask(now, conn, remote, out),
                    Err(fault) => return self.proxy_fault(fault, out),
                }
                Progress::Pending
            }
            Stage::Securing { conn, remote, .. } if *conn == input.conn() => match input {
                Input::Connected(_) => {
                    let (conn, remote) = (*conn, *remote);
                    self.ask(now, conn, remote, out);
                    Progress::Pending
                }
                Input::Failed(_, kind) => self.fail(ConnectError::NotSecured(kind), out),
                Input::Read(..) | Input::Wrote(_) | Input::Quiet(_) => Progress::Pending,
            },
            Stage::Requesting { conn, remote } if *conn == input.conn() => match input {
                Input::Wrote(_) => {
                    let (conn, remote) = (*conn, *remote);
                    let reader = HeadReader::new(Answer::SHORTEST);
                    out.read(conn, reader.next_read());
                    self.requested = Some(now);
                    self.stage.enter(Stage::Waiting { conn, remote, reader, interim: 0 });
                    Progress::Pending
                }
                Input::Failed(_, kind) => self.fail(ConnectError::ServerLost(kind), out),
                Input::Connected(_) | Input::Read(..) | Input::Quiet(_) => Progress::Pending,
            },
            Stage::Waiting { conn, reader, .. } if *conn == input.conn() => match input {
                Input::Read(_, []) if reader.is_empty() => self.fail(ConnectError::NoAnswer, out),
                Input::Read(_, []) => {
                    self.bad_answer(BadAnswer::Malformed("the head is not complete".into()), out)
                }
                Input::Read(_, data) => self.read_head(now, data, out),
                Input::Failed(_, kind) => self.fail(ConnectError::ServerLost(kind), out),
                Input::Connected(_) | Input::Wrote(_) | Input::Quiet(_) => Progress::Pending,
            },
            Stage::Refused { conn, .. } if *conn == input.conn() => match input {
                Input::Read(_, []) | Input::Failed(..) => self.refused(out),
                Input::Read(_, data) => self.read_body(data, out),
                Input::Connected(_) | Input::Wrote(_) | Input::Quiet(_) => Progress::Pending,
            },
            Stage::Tunneling { .. }
            | Stage::Securing { .. }
            | Stage::Requesting { .. }
            | Stage::Waiting { .. }
            | Stage::Refused { .. }
            | Stage::Ended => Progress::Pending,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, out: &mut Outbox<Event>) -> Progress {
        match &*self.stage {
            Stage::Connecting { dials, deadline, .. } if *deadline <= now => {
                self.failed
                    .extend(dials.iter().map(|(conn, remote)| (*conn, (*remote, io::ErrorKind::TimedOut))));
                self.unreachable(out)
            }
            Stage::Tunneling { deadline, .. } if *deadline <= now => {
                self.proxy_fault(ProxyFault::TimedOut, out)
            }
            Stage::Securing { deadline, .. } if *deadline <= now => {
                self.fail(ConnectError::NotSecured(io::ErrorKind::TimedOut), out)
            }
            Stage::Connecting { next_dial: Some(at), .. } if *at <= now => self.dial_next(now, out),
            Stage::Refused { deadline, .. } if *deadline <= now => self.refused(out),
            Stage::Connecting { .. }
            | Stage::Tunneling { .. }
            | Stage::Securing { .. }
            | Stage::Requesting { .. }
            | Stage::Waiting { .. }
            | Stage::Refused { .. }
            | Stage::Ended => Progress::Pending,
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match &*self.stage {
            Stage::Connecting { next_dial, deadline, .. } => earlier(*next_dial, Some(*deadline)),
            Stage::Tunneling { deadline, .. }
            | Stage::Securing { deadline, .. }
            | Stage::Refused { deadline, .. } => Some(*deadline),
            Stage::Requesting { .. } | Stage::Waiting { .. } | Stage::Ended => None,
        }
    }

    pub(super) fn phase(&self) -> Phase {
        match &*self.stage {
            Stage::Connecting { .. }
            | Stage::Tunneling { .. }
            | Stage::Securing { .. }
            | Stage::Requesting { .. } => Phase::Connecting,
            Stage::Waiting { .. } | Stage::Refused { .. } | Stage::Ended => Phase::Waiting,
        }
    }

    /// Closes whatever is open.
    pub(super) fn close(&mut self, out: &mut Outbox<Event>) {
        match self.stage.enter(Stage::Ended) {
            Stage::Connecting { dials, .. } => dials.iter().for_each(|(conn, _)| out.close(*conn)),
            Stage::Tunneling { mut tunnel, .. } => {
                tunnel.give_up();
                out.close(tunnel.conn());
            }
            Stage::Securing { conn, .. }
            | Stage::Requesting { conn, .. }
            | Stage::Waiting { conn, .. }
            | Stage::Refused { conn, .. } => out.close(conn),
            Stage::Ended => {}
        }
    }

    /// Dials the next address; the one behind it follows if this one fails, or has no result soon (RFC 8305
    /// section 5).
    fn dial_next(&mut self, now: Instant, out: &mut Outbox<Event>) -> Progress {
        let Stage::Connecting { dials, next_dial, .. } = &mut *self.stage else {
            return Progress::Pending;
        };
        *next_dial = None;
        let Some(remote) = self.queue.pop_front() else {
            return if dials.is_empty() { self.unreachable(out) } else { Progress::Pending };
        };
        if dials.len() == DIALS_MAX {
            // The eldest has had its time.
            let (conn, remote) = dials.remove(0);
            out.close(conn);
            self.failed.insert(conn, (remote, io::ErrorKind::TimedOut));
        }
        let to = if self.proxy.is_some() { Target::Proxy } else { Target::Server };
        dials.push((out.connect(remote, to), remote));
        *next_dial = self.queue.front().map(|_| now + DIAL_STAGGER);
        Progress::Pending
    }

    /// The connection to the server stands.
    fn ask(&mut self, now: Instant, conn: ConnId, remote: SocketAddr, out: &mut Outbox<Event>) {
        out.write(conn, self.request.clone());
        self.connected = Some(now);
        self.stage.enter(Stage::Requesting { conn, remote });
    }

    fn read_head(&mut self, now: Instant, data: &[u8], out: &mut Outbox<Event>) -> Progress {
        let Stage::Waiting { conn, remote, reader, interim } = &mut *self.stage else {
            return Progress::Pending;
        };
        let (conn, remote) = (*conn, *remote);
        let mut data = data.to_vec();
        loop {
            match reader.push(&data) {
                Ok(true) => {}
                Ok(false) => {
                    out.read(conn, reader.next_read());
                    return Progress::Pending;
                }
                Err(HeadError::TooLarge) => return self.bad_answer(BadAnswer::TooLarge, out),
                Err(HeadError::MixedLineEndings) => {
                    return self.bad_answer(BadAnswer::Malformed("lines end in CRLF and in LF".into()), out);
                }
            }
            let answer = match Answer::parse(reader.head()) {
                Ok(answer) => answer,
                Err(why) => return self.bad_answer(why, out),
            };
            data = reader.rest().to_vec();
            if answer.is_switch() {
                return match answer.into_switched() {
                    Ok(switched) => {
                        self.stage.enter(Stage::Ended);
                        Progress::Switched { conn, remote, switched }
                    }
                    Err(why) => self.bad_answer(why, out),
                };
            }
            if !answer.is_interim() {
                let deadline = now + BODY_TIMEOUT;
                self.stage.enter(Stage::Refused { conn, answer, body: Vec::new(), deadline });
                return self.read_body(&data, out);
            }
            *interim += 1;
            if *interim > INTERIM_MAX {
                return self.bad_answer(BadAnswer::TooLarge, out);
            }
            *reader = HeadReader::new(Answer::SHORTEST);
        }
    }

    fn read_body(&mut self, data: &[u8], out: &mut Outbox<Event>) -> Progress {
        let Stage::Refused { conn, answer, body, .. } = &mut *self.stage else {
            return Progress::Pending;
        };
        let room = answer.body_len().saturating_sub(body.len());
        body.extend_from_slice(&data[..data.len().min(room)]);
        match NonZeroUsize::new(room.saturating_sub(data.len())) {
            Some(missing) => {
                out.read(*conn, missing);
                Progress::Pending
            }
            None => self.refused(out),
        }
    }

    fn refused(&mut self, out: &mut Outbox<Event>) -> Progress {
        let Stage::Refused { conn, answer, body, .. } = self.stage.enter(Stage::Ended) else {
            return Progress::Pending;
        };
        out.close(conn);
        Progress::Failed(ConnectError::Refused(Box::new(answer.into_refusal(body))))
    }

    fn unreachable(&mut self, out: &mut Outbox<Event>) -> Progress {
        let tried = std::mem::take(&mut self.failed).into_values().collect();
        let error = ConnectError::unreachable(self.proxy.clone(), tried);
        self.fail(error, out)
    }

    fn proxy_fault(&mut self, fault: ProxyFault, out: &mut Outbox<Event>) -> Progress {
        let Some(proxy) = self.proxy.clone().map(Box::new) else {
            return Progress::Pending;
        };
        self.fail(ConnectError::Proxy { proxy, fault }, out)
    }

    fn bad_answer(&mut self, why: BadAnswer, out: &mut Outbox<Event>) -> Progress {
        self.fail(ConnectError::BadAnswer(why), out)
    }

    fn fail(&mut self, error: ConnectError, out: &mut Outbox<Event>) -> Progress {
        self.close(out);
        Progress::Failed(error)
    }
}

impl Named for Stage {
    const MACHINE: &'static str = "handshake";

    fn name(&self) -> &'static str {
        match self {
            Stage::Connecting { .. } => "Connecting",
            Stage::Tunneling { .. } => "Tunneling",
            Stage::Securing { .. } => "Securing",
            Stage::Requesting { .. } => "Requesting",
            Stage::Waiting { .. } => "Waiting",
            Stage::Refused { .. } => "Refused",
            Stage::Ended => NOWHERE,
        }
    }
}

/// Between the dials of two addresses (RFC 8305 section 8), and so the head start of IPv4.
const DIAL_STAGGER: Duration = Duration::from_millis(250);
/// Dials of the server's addresses that are under way at once.
const DIALS_MAX: usize = 6;
/// For a refusal's body, which some servers neither end nor give a length.
const BODY_TIMEOUT: Duration = Duration::from_secs(2);
