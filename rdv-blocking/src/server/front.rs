//! The front's loop: accepts connections, drives the [`Lobby`], introduces pairs, and deals those out to the workers that
//! are to be relayed.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use rdv_core::{Lobby, LobbyConfig, LobbyEvent, Output};
use rdv_socket::relay::Pool;

use super::ServerHandle;
use super::undecided::Undecided;
use super::worker::{Pair, Worker};
use crate::driver::{Driver, Socket, Stream};

pub(super) struct Front {
    driver: Driver,
    lobby: Lobby,
    undecided: Undecided,
    /// And whether their streams come with their options.
    listeners: Vec<(mio::net::TcpListener, bool)>,
    handle: ServerHandle,
    workers: Vec<Worker>,
    next_worker: usize,
    /// Accepting failed: file descriptors have run out, say. It goes on then.
    accept_again: Option<Instant>,
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
        let (mut registered, pool) = (Vec::new(), Pool::default());
        for (i, listener) in listeners.into_iter().enumerate() {
            let with_options = rdv_socket::set_options_of_accepted(&listener);
            let mut listener = mio::net::TcpListener::from_std(listener);
            driver.registry().register(&mut listener, Token(WAKER.0 - 1 - i), Interest::READABLE)?;
            registered.push((listener, with_options));
        }
        Ok(Self {
            driver,
            lobby: Lobby::new(config),
            undecided: Undecided::default(),
            listeners: registered,
            handle,
            workers: (0..workers).map(|_| Worker::start(&pool)).collect::<io::Result<_>>()?,
            next_worker: 0,
            accept_again: None,
        })
    }

    pub(super) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let served = self.serve(&mut events).and_then(|()| self.close(&mut events));
        for worker in &self.workers {
            worker.stop();
        }
        self.workers.into_iter().for_each(Worker::join);
        served
    }

    fn serve(&mut self, events: &mut Events) -> io::Result<()> {
        while !self.handle.is_shut_down() {
            let deadline = self.drain();
            let deadline = [deadline, self.accept_again].into_iter().flatten().min();
            if self.wait(events, deadline)? || self.accept_again.is_some() {
                self.accept();
            }
        }
        Ok(())
    }

    /// Sends everybody away who is still here.
    fn close(&mut self, events: &mut Events) -> io::Result<()> {
        log::info!(target: "server", "shutting down waiting={}", self.lobby.waiting());
        self.listeners.clear();
        for worker in &self.workers {
            worker.stop();
        }
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

    /// Has the lobby and the pairs do what they want; returns until when that is enough.
    fn drain(&mut self) -> Option<Instant> {
        loop {
            match self.lobby.poll_output() {
                Output::Intent(intent) => self.driver.perform(intent),
                Output::Event(LobbyEvent::Matched(matched)) => {
                    let pair = self.undecided.begin(&mut self.driver, *matched);
                    self.deal(pair);
                }
                Output::Event(_) => {}
                Output::Wait(deadline) => match self.driver.next_answer() {
                    Some(answer) if self.undecided.has(answer.conn) => {
                        let pair = self.undecided.handle(&mut self.driver, &answer);
                        self.deal(pair);
                    }
                    Some(answer) => self.lobby.handle_input(Instant::now(), answer.input()),
                    None => return [deadline, self.undecided.deadline()].into_iter().flatten().min(),
                },
            }
        }
    }

    /// Whether somebody may have come, or the server is to end.
    fn wait(&mut self, events: &mut Events, deadline: Option<Instant>) -> io::Result<bool> {
        let others = self.driver.wait(events, deadline, |_, _| {})?;
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
                        log::warn!(target: "server", "cannot accept connections, pausing: {err}");
                        self.accept_again = Some(Instant::now() + ACCEPT_PAUSE);
                        return;
                    }
                }
            }
            if left == 0 {
                self.accept_again = Some(Instant::now());
            }
        }
    }

    fn welcome(&mut self, stream: TcpStream, remote: SocketAddr) {
        let conn = self.lobby.handle_accept(Instant::now(), remote);
        let socket = match self.handle.tls() {
            // The lobby's patience for a head includes the handshake.
            Some(config) => Stream::tls_accepted(stream, config).map(|tls| Socket::accepting(conn, tls)),
            None => Ok(Socket::connected(conn, Stream::Plain(stream))),
        };
        self.driver.add(socket, conn);
    }

    fn deal(&mut self, pair: Option<Pair>) {
        if let Some(pair) = pair {
            self.workers[self.next_worker].serve(pair);
            self.next_worker = (self.next_worker + 1) % self.workers.len();
        }
    }
}

pub(super) const WAKER: Token = Token(usize::MAX);
/// After accepting has failed for want of resources.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections that are taken in before others get their turn.
const ACCEPT_BATCH: usize = 256;
/// For clients to read why they are sent away.
const FAREWELL: Duration = Duration::from_secs(2);
