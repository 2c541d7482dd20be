//! The front's loop: accepts connections, drives the [`Lobby`], and runs the pairs.

use std::future::poll_fn;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_io::Async;
use futures_lite::StreamExt;
use futures_lite::future::yield_now;
use futures_util::stream::FuturesUnordered;
use rdv_core::{Lobby, LobbyEvent, Matched, Metrics, Output};
use rdv_socket::Shortage;
use rdv_socket::relay::Pool;

use super::ServerConfig;
use super::pair::Pair;
use crate::driver::{Driver, Socket, Stream, Timer, poll_accept};

pub(super) struct Front {
    driver: Driver,
    timer: Timer,
    lobby: Lobby,
    listeners: Vec<Async<TcpListener>>,
    accepted: Vec<(Async<TcpStream>, SocketAddr)>,
    /// Accepting failed: file descriptors have run out, say. It goes on then.
    accept_again: Option<Instant>,
    shortage: Shortage,
    pairs: FuturesUnordered<Pair>,
    pool: Pool,
    drain: Option<Duration>,
    is_draining: bool,
}

impl Front {
    pub(super) fn new(
        listeners: Vec<Async<TcpListener>>,
        config: ServerConfig,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            driver: Driver::default(),
            timer: Timer::default(),
            lobby: Lobby::with_metrics(config.lobby, metrics),
            listeners,
            accepted: Vec::new(),
            accept_again: None,
            shortage: Shortage::default(),
            pairs: FuturesUnordered::new(),
            pool: Pool::default(),
            drain: Some(config.drain).filter(|time| !time.is_zero()),
            is_draining: false,
        }
    }

    pub(super) async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        while !self.turn(shutdown.as_mut()).await {}
        self.wind_down().await;
        let waiting = self.lobby.waiting();
        log::info!(target: "server", waiting = waiting; "shutting down waiting={waiting}");
        self.listeners.clear();
        self.accept_again = None;
        self.pairs.clear();
        self.lobby.close(Instant::now());
        let mut patience = pin!(async_io::Timer::after(FAREWELL));
        while !self.lobby.is_empty() && !self.turn(patience.as_mut()).await {}
    }

    /// Lets the relays go on for a while, but takes nobody in.
    async fn wind_down(&mut self) {
        let Some(time) = self.drain.take() else {
            return;
        };
        let (waiting, pairs) = (self.lobby.waiting(), self.pairs.len());
        log::info!(
            target: "server", waiting = waiting, pairs = pairs, seconds = time.as_secs();
            "draining waiting={waiting} pairs={pairs} for={}s", time.as_secs()
        );
        self.lobby.close(Instant::now());
        self.is_draining = true;
        let mut end = pin!(async_io::Timer::after(time));
        // Whoever is still in the lobby then has time for its answer afterwards.
        while !self.pairs.is_empty() && !self.turn(end.as_mut()).await {}
        self.is_draining = false;
    }

    /// Has the lobby do what it wants, then waits for something to happen. Whether `end` has come.
    async fn turn<T>(&mut self, mut end: Pin<&mut impl Future<Output = T>>) -> bool {
        let deadline = loop {
            match self.lobby.poll_output() {
                Output::Intent(intent) => self.driver.perform(intent),
                Output::Event(LobbyEvent::Matched(matched)) => self.start(*matched),
                Output::Event(_) => {}
                Output::Wait(deadline) => break deadline,
            }
        };
        let deadline = [deadline, self.accept_again].into_iter().flatten().min();
        let ended = poll_fn(|cx| {
            let ended = end.as_mut().poll(cx).is_ready();
            let answered = self.driver.poll(cx).is_ready();
            let accepted = self.poll_accept(cx).is_ready();
            let late = self.timer.poll(cx, deadline).is_ready();
            let mut finished = false;
            while let Poll::Ready(Some(())) = self.pairs.poll_next(cx) {
                finished = true;
            }
            if ended || answered || accepted || late || (finished && self.is_draining) {
                Poll::Ready(ended)
            } else {
                Poll::Pending
            }
        })
        .await;
        while let Some(answer) = self.driver.next_answer() {
            self.lobby.handle_input(Instant::now(), answer.input());
        }
        for (stream, remote) in std::mem::take(&mut self.accepted) {
            let conn = self.lobby.handle_accept(Instant::now(), remote);
            self.driver.add(conn, Ok(Socket::connected(Stream::Plain(stream))));
        }
        self.lobby.handle_timeout(Instant::now());
        // No runtime sees to it that others get their turn.
        yield_now().await;
        ended
    }

    /// Takes in those that have come, but for a pause after a failure. Ready if there is anything to be done.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.accept_again.is_some_and(|at| Instant::now() < at) {
            return Poll::Pending;
        }
        self.accept_again = None;
        for listener in &self.listeners {
            // Whoever is left in the queue after a batch is fetched at the next turn.
            for _ in 0..ACCEPT_BATCH {
                match poll_accept(listener, cx) {
                    Poll::Pending => break,
                    Poll::Ready(Ok(accepted)) => self.accepted.push(accepted),
                    Poll::Ready(Err(err)) if rdv_socket::is_about_one(&err) => {}
                    Poll::Ready(Err(err)) => {
                        self.shortage.begins(Instant::now(), &err);
                        self.accept_again = Some(Instant::now() + ACCEPT_PAUSE);
                        return Poll::Ready(());
                    }
                }
            }
        }
        self.shortage.ends();
        if self.accepted.is_empty() { Poll::Pending } else { Poll::Ready(()) }
    }

    fn start(&mut self, matched: Matched) {
        let Matched { relay, dialer, accepter, .. } = matched;
        let sockets = [dialer, accepter].map(|conn| (conn, self.driver.remove(conn)));
        self.pairs.push(Pair::new(relay, sockets, self.pool.clone()));
    }
}

/// After accepting has failed for want of resources.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections that are taken in before others get their turn.
const ACCEPT_BATCH: usize = 256;
/// For clients to read why they are sent away.
const FAREWELL: Duration = Duration::from_secs(2);
