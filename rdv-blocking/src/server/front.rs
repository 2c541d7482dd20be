//! The front's loop: accepts connections, drives the [`Lobby`], introduces pairs, and hands those over to the crew
//! that are to be relayed.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use rdv_core::{ConnId, Intent, Lobby, LobbyConfig, LobbyEvent, Output, TlsStart};
use rdv_relay::Crew;
use rdv_socket::Shortage;
use rdv_socket::relay::Pool;

use super::handle::Bell;
use super::undecided::{Decided, Undecided};
use super::{ServerHandle, WhileDraining};
use crate::driver::{Driver, Socket, Stream};

pub(super) struct Front {
    driver: Driver,
    lobby: Lobby,
    undecided: Undecided,
    /// And whether their streams come with their options.
    listeners: Vec<(mio::net::TcpListener, bool)>,
    handle: ServerHandle,
    crew: Arc<Crew<Socket, Bell>>,
    /// Accepting failed: file descriptors have run out, say. It goes on then.
    accept_again: Option<Instant>,
    shortage: Shortage,
}

impl Front {
    pub(super) fn new(
        listeners: Vec<TcpListener>,
        config: LobbyConfig,
        poll: Poll,
        workers: usize,
        handle: ServerHandle,
    ) -> io::Result<Self> {
        let driver = Driver::new(poll);
        let mut registered = Vec::new();
        for (i, listener) in listeners.into_iter().enumerate() {
            let with_options = rdv_socket::set_options_of_accepted(&listener);
            let mut listener = mio::net::TcpListener::from_std(listener);
            driver.registry().register(&mut listener, Token(WAKER.0 - 1 - i), Interest::READABLE)?;
            registered.push((listener, with_options));
        }
        let crew = Crew::new(workers, Pool::default());
        crew.start(workers)?;
        Ok(Self {
            driver,
            lobby: Lobby::with_metrics(config, handle.metrics().clone()),
            undecided: Undecided::new(handle.clone()),
            listeners: registered,
            crew: Arc::new(crew),
            handle,
            accept_again: None,
            shortage: Shortage::default(),
        })
    }

    pub(super) fn run(mut self, while_draining: WhileDraining) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let served = self.serve(&mut events, while_draining).and_then(|()| self.close(&mut events));
        self.crew.stop();
        served
    }

    #[cfg(test)]
    pub(super) fn crew(&self) -> &Arc<Crew<Socket, Bell>> {
        &self.crew
    }

    fn serve(&mut self, events: &mut Events, while_draining: WhileDraining) -> io::Result<()> {
        let mut end = None;
        while !self.handle.is_shut_down() {
            let deadline = self.drain();
            let now = Instant::now();
            if let (None, Some(time)) = (end, self.handle.draining()) {
                end = Some(now + time);
                self.begin_to_drain(now, time, while_draining);
                continue;
            }
            // While there are listeners there are always some in the lobby; they have time for their answer afterwards.
            let is_deserted = self.lobby.is_empty() || !self.listeners.is_empty();
            let has_drained = is_deserted && self.lobby.pairs() == 0;
            if end.is_some_and(|end| now >= end || has_drained) {
                return Ok(());
            }
            let deadline = [deadline, self.accept_again, end].into_iter().flatten().min();
            if self.wait(events, deadline)? || self.accept_again.is_some() {
                self.accept();
            }
        }
        Ok(())
    }

    fn begin_to_drain(&mut self, now: Instant, time: Duration, listeners: WhileDraining) {
        let (waiting, pairs) = (self.lobby.waiting(), self.lobby.pairs());
        log::info!(
            target: "server", waiting = waiting, pairs = pairs, seconds = time.as_secs();
            "draining waiting={waiting} pairs={pairs} for={}s", time.as_secs()
        );
        self.lobby.close(now);
        match listeners {
            WhileDraining::Refuse => return,
            WhileDraining::Leave => {}
            WhileDraining::Close => {
                for _ in 0..LAST_BATCHES {
                    self.accept();
                    if self.accept_again.take().is_none() {
                        break;
                    }
                }
            }
        }
        self.listeners.clear();
    }

    /// Sends everybody away who is still here.
    fn close(&mut self, events: &mut Events) -> io::Result<()> {
        let waiting = self.lobby.waiting();
        log::info!(target: "server", waiting = waiting; "shutting down waiting={waiting}");
        self.listeners.clear();
        self.crew.stop();
        self.undecided.close(&mut self.driver);
        self.lobby.close(Instant::now());
        let patience = Instant::now() + FAREWELL;
        loop {
            let deadline = self.drain();
            if self.lobby.is_empty() || Instant::now() >= patience {
                return Ok(());
            }
            self.wait(events, [deadline, Some(patience)].into_iter().flatten().min())?;
        }
    }

    /// Has the lobby and the pairs do what they want; returns until when that is enough. Those who send without end would
    /// keep it busy without end, so after some answers others get their turn.
    fn drain(&mut self) -> Option<Instant> {
        let mut left = ANSWER_BATCH;
        loop {
            match self.lobby.poll_output() {
                Output::Intent(Intent::Secure { conn, early }) => self.secure(conn, &early),
                Output::Intent(intent) => self.driver.perform(intent),
                Output::Event(LobbyEvent::Matched(matched)) => {
                    let pair = self.undecided.begin(&mut self.driver, *matched);
                    self.relay(pair);
                }
                Output::Event(_) => {}
                Output::Wait(_) if left == 0 => return Some(Instant::now()),
                Output::Wait(deadline) => match self.driver.next_answer() {
                    Some(answer) => {
                        left -= 1;
                        if self.undecided.has(answer.conn) {
                            let pair = self.undecided.handle(&mut self.driver, &answer);
                            self.relay(pair);
                        } else {
                            self.lobby.handle_input(Instant::now(), answer.input());
                        }
                    }
                    None => return [deadline, self.undecided.deadline()].into_iter().flatten().min(),
                },
            }
        }
    }

    fn relay(&self, pair: Option<Decided>) {
        if let Some(Err(_)) = pair.map(|pair| self.crew.serve(pair)) {
            log::error!(target: "server", "there is no relay thread");
        }
    }

    /// Whether somebody may have come, or the server is to end.
    fn wait(&mut self, events: &mut Events, deadline: Option<Instant>) -> io::Result<bool> {
        self.handle.has_turned();
        let others = self.driver.wait(events, deadline)?;
        self.lobby.handle_timeout(Instant::now());
        self.undecided.time_passes(&mut self.driver);
        Ok(others)
    }

    /// Takes in all that have come, but for a pause after a failure.
    fn accept(&mut self) {
        if self.accept_again.is_some_and(|at| Instant::now() < at) {
            return;
        }
        self.accept_again = None;
        for i in 0..self.listeners.len() {
            // The poller reports edges: whoever is left in the queue after a batch is fetched at once.
            let mut left = ACCEPT_BATCH;
            while left > 0 {
                left -= 1;
                let (listener, with_options) = &self.listeners[i];
                match listener.accept() {
                    Ok((stream, remote)) => {
                        if !with_options {
                            rdv_socket::try_stream_options(&stream);
                        }
                        self.welcome(stream, remote);
                    }
                    Err(err) if err.kind() == ErrorKind::WouldBlock => break,
                    Err(err) if rdv_socket::is_about_one(&err) => {}
                    Err(err) => {
                        let now = Instant::now();
                        self.shortage.begins(now, &err);
                        self.accept_again = Some(now + ACCEPT_PAUSE);
                        return;
                    }
                }
            }
            if left == 0 {
                self.accept_again = Some(Instant::now());
            }
        }
        self.shortage.ends();
    }

    fn welcome(&mut self, stream: TcpStream, remote: SocketAddr) {
        let (now, stream) = (Instant::now(), Stream::Plain(stream));
        let (conn, tls) = match self.handle.tls() {
            Some(config) => match self.lobby.handle_accept_tls(now, remote) {
                (conn, TlsStart::AtOnce) => (conn, Some(config)),
                (conn, TlsStart::WhenTold) => (conn, None),
            },
            None => (self.lobby.handle_accept(now, remote), None),
        };
        let socket = match tls {
            // The lobby's patience for a head includes the handshake.
            Some(config) => stream.secured_for(config, &[]).map(Socket::accepting),
            None => Ok(Socket::connected(stream)),
        };
        self.driver.add(socket, conn);
    }

    /// A trusted proxy has said its word: now it is the client's turn.
    fn secure(&mut self, conn: ConnId, early: &[u8]) {
        let tls = self.handle.tls();
        self.driver.wrap(conn, |stream| stream.secured_for(tls.ok_or(ErrorKind::Unsupported)?, early));
    }
}

pub(super) const WAKER: Token = Token(usize::MAX);
/// Batches of connections that are still taken in from a queue that is about to be closed.
const LAST_BATCHES: usize = 64;
/// After accepting has failed for want of resources.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections that are taken in before others get their turn.
const ACCEPT_BATCH: usize = 256;
/// Answers to what the lobby wanted that are told to it before others get their turn.
const ANSWER_BATCH: usize = 512;
/// For clients to read why they are sent away.
const FAREWELL: Duration = Duration::from_secs(2);
