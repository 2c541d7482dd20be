//! The front's loop: accepts connections, drives the [`Lobby`], and starts a task for each pair.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

#[cfg(feature = "tls")]
use rdv_core::{ConnId, Intent, TlsStart};
use rdv_core::{Lobby, LobbyEvent, Matched, Metrics, Output};
use rdv_socket::Shortage;
use rdv_socket::relay::Pool;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::ServerConfig;
use super::pair::Pair;
use super::threads::{Relayed, Threads};
use crate::driver::{Driver, Socket, Stream, Timer, now};
use crate::handler::Hook;
#[cfg(feature = "http")]
use crate::http::Arrivals;
#[cfg(feature = "tls")]
use crate::tls::TlsStream;

pub(crate) struct Front {
    driver: Driver,
    timer: Timer,
    lobby: Lobby,
    /// And whether their streams come with their options.
    listeners: Vec<(TcpListener, bool)>,
    accepted: Vec<(Stream, SocketAddr)>,
    /// Accepting failed: file descriptors have run out, say. It goes on then.
    accept_again: Option<Instant>,
    shortage: Shortage,
    pairs: JoinSet<Option<Relayed>>,
    pool: Pool,
    threads: Threads,
    handler: Hook,
    drain: Option<Duration>,
    is_draining: bool,
    #[cfg(feature = "http")]
    arrivals: Option<Arrivals>,
    #[cfg(feature = "tls")]
    tls: Option<Arc<rustls::ServerConfig>>,
}

impl Front {
    pub(super) fn new(
        listeners: Vec<TcpListener>,
        config: ServerConfig,
        handler: Hook,
        metrics: Arc<Metrics>,
    ) -> Self {
        let with_options = |listener| {
            let with_options = rdv_socket::set_options_of_accepted(&listener);
            (listener, with_options)
        };
        let pool = Pool::default();
        let threads = Threads::new(config.relay_threads, pool.clone(), handler.clone());
        Self {
            driver: Driver::default(),
            timer: Timer::default(),
            lobby: Lobby::with_metrics(config.lobby, metrics),
            listeners: listeners.into_iter().map(with_options).collect(),
            accepted: Vec::new(),
            accept_again: None,
            shortage: Shortage::default(),
            pairs: JoinSet::new(),
            pool,
            threads,
            handler,
            drain: Some(config.drain).filter(|time| !time.is_zero()),
            is_draining: false,
            #[cfg(feature = "http")]
            arrivals: None,
            #[cfg(feature = "tls")]
            tls: config.tls,
        }
    }

    #[cfg(test)]
    pub(super) fn threads(&self) -> &Threads {
        &self.threads
    }

    /// Takes in what comes by an HTTP stack, too.
    #[cfg(feature = "http")]
    pub(crate) fn with_arrivals(mut self, arrivals: Arrivals) -> Self {
        self.arrivals = Some(arrivals);
        self
    }

    pub(crate) async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        while !self.turn(shutdown.as_mut()).await {}
        self.wind_down().await;
        let waiting = self.lobby.waiting();
        log::info!(target: "server", waiting = waiting; "shutting down waiting={waiting}");
        self.listeners.clear();
        self.accept_again = None;
        self.pairs.abort_all();
        self.threads.stop().await;
        self.lobby.close(now());
        let mut patience = pin!(tokio::time::sleep(FAREWELL));
        while !self.lobby.is_empty() && !self.turn(patience.as_mut()).await {}
        self.pairs.shutdown().await;
        self.threads.settle().await;
    }

    /// Lets the relays go on for a while, but takes nobody in.
    async fn wind_down(&mut self) {
        let Some(time) = self.drain.take() else {
            return;
        };
        let (waiting, pairs) = (self.lobby.waiting(), self.pairs.len() + self.threads.pairs());
        log::info!(
            target: "server", waiting = waiting, pairs = pairs, seconds = time.as_secs();
            "draining waiting={waiting} pairs={pairs} for={}s", time.as_secs()
        );
        self.lobby.close(now());
        self.is_draining = true;
        let mut end = pin!(tokio::time::sleep(time));
        // Whoever is still in the lobby then has time for its answer afterwards.
        while !self.has_drained() && !self.turn(end.as_mut()).await {}
        self.is_draining = false;
    }

    fn has_drained(&self) -> bool {
        self.pairs.is_empty() && self.threads.pairs() == 0
    }

    /// Has the lobby do what it wants, then waits for something to happen. Whether `end` has come.
    async fn turn(&mut self, mut end: Pin<&mut impl Future<Output = ()>>) -> bool {
        let deadline = loop {
            match self.lobby.poll_output() {
                #[cfg(feature = "tls")]
                Output::Intent(Intent::Secure { conn, early }) => self.secure(conn, &early),
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
            let finished = self.poll_pairs(cx);
            if ended || answered || accepted || late || (finished && self.is_draining) {
                Poll::Ready(ended)
            } else {
                Poll::Pending
            }
        })
        .await;
        while let Some(answer) = self.driver.next_answer() {
            self.lobby.handle_input(now(), answer.input());
        }
        for (stream, remote) in std::mem::take(&mut self.accepted) {
            self.welcome(stream, remote);
        }
        self.lobby.handle_timeout(now());
        ended
    }

    fn welcome(&mut self, stream: Stream, remote: SocketAddr) {
        #[cfg(feature = "tls")]
        let stream = match (stream, &self.tls) {
            (Stream::Plain(tcp), Some(config)) => {
                let (conn, start) = self.lobby.handle_accept_tls(now(), remote);
                let socket = match start {
                    // The lobby's patience for a head includes the handshake.
                    TlsStart::AtOnce => {
                        let tls = TlsStream::accepted(tcp, config.clone(), &[]);
                        Socket::accepting(Stream::Tls(Box::new(tls)))
                    }
                    TlsStart::WhenTold => Socket::connected(Stream::Plain(tcp)),
                };
                return self.driver.add(conn, Ok(socket));
            }
            (stream, _) => stream,
        };
        let conn = self.lobby.handle_accept(now(), remote);
        self.driver.add(conn, Ok(Socket::connected(stream)));
    }

    /// A trusted proxy has said its word: now it is the client's turn.
    #[cfg(feature = "tls")]
    fn secure(&mut self, conn: ConnId, early: &[u8]) {
        let tls = &self.tls;
        self.driver.wrap(conn, |stream| {
            if let (Stream::Plain(tcp), Some(config)) = (stream, tls) {
                Ok(Stream::Tls(Box::new(TlsStream::accepted(tcp, config.clone(), early))))
            } else {
                Err(std::io::ErrorKind::Unsupported.into())
            }
        });
    }

    /// Takes in those that have come, but for a pause after a failure. Ready if there is anything to be done.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        #[cfg(feature = "http")]
        while let Some(arrivals) = &mut self.arrivals
            && let Poll::Ready(Some((stream, remote))) = arrivals.poll_recv(cx)
        {
            self.accepted.push((Stream::Http(stream), remote));
        }
        if self.accept_again.is_some_and(|at| now() < at) {
            return if self.accepted.is_empty() { Poll::Pending } else { Poll::Ready(()) };
        }
        self.accept_again = None;
        for (listener, with_options) in &self.listeners {
            // Whoever is left in the queue after a batch is fetched at the next turn.
            for _ in 0..ACCEPT_BATCH {
                match listener.poll_accept(cx) {
                    Poll::Pending => break,
                    Poll::Ready(Ok((stream, remote))) => {
                        if !with_options {
                            rdv_socket::try_stream_options(&stream);
                        }
                        self.accepted.push((Stream::Plain(stream), remote));
                    }
                    Poll::Ready(Err(err)) if rdv_socket::is_about_one(&err) => {}
                    Poll::Ready(Err(err)) => {
                        self.shortage.begins(now(), &err);
                        self.accept_again = Some(now() + ACCEPT_PAUSE);
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
        let pair = Pair::new(relay, sockets, self.pool.clone(), self.handler.clone(), self.threads.office());
        self.pairs.spawn(pair);
    }

    /// Has the threads copy what pairs are to relay, and forgets those that are history. Whether there were any.
    fn poll_pairs(&mut self, cx: &mut Context<'_>) -> bool {
        let (before, any) = (self.pairs.len(), self.threads.poll(cx));
        while let Poll::Ready(Some(result)) = self.pairs.poll_join_next(cx) {
            match result {
                Ok(Some(pair)) => self.threads.serve(pair),
                Ok(None) => {}
                Err(err) if err.is_panic() => log::error!(target: "server", "a relay has panicked: {err}"),
                Err(_) => {}
            }
        }
        any || self.pairs.len() < before
    }
}

/// After accepting has failed for want of resources.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections that are taken in before others get their turn.
const ACCEPT_BATCH: usize = 256;
/// For clients to read why they are sent away.
const FAREWELL: Duration = Duration::from_secs(2);
