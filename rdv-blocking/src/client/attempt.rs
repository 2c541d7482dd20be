//! The client's loop: drives a [`Connector`] to its end.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{self, Context, Poll};
use std::time::Instant;

use mio::{Events, Interest, Token as Key, Waker};
use rdv_core::{
    Attempt, ConnId, Connector, Event, Intent, LocalAddr, MappedAddr, Output, Role, SelfAddrs, ServerUrl,
    Target, Token,
};
use rdv_socket::SharedPort;
use rustls::pki_types::ServerName;

use super::cancel::Watch;
use super::port_map::{PortMapping, WakePoll};
use super::resolve::Resolving;
use super::{Canceller, Client, Conn, Error, Via};
use crate::driver::{Answer, Driver, Socket, Stream};
use crate::tls;

pub(super) fn run(
    client: &Client,
    via: Option<Via>,
    role: Role,
    url: &ServerUrl,
    token: &Token,
    canceller: &Canceller,
) -> Result<Conn, Error> {
    let started = Instant::now();
    if canceller.is_cancelled() {
        return Err(Error::Cancelled);
    }
    let (port, known_addrs) = via.map(|via| (via.port, via.server_addrs)).unzip();
    let mut sockets = Sockets::open(client, url, port)?;
    let waker = Waker::new(sockets.driver.registry(), WAKER).map_err(Error::Socket)?;
    let waker = Arc::new(waker);
    let _watch: Watch<'_> = canceller.watch(waker.clone()).map_err(Error::Socket)?;

    // Until the attempt ends. It begins while the server's name is resolved.
    let mapping = PortMapping::begin(client, &sockets.port);
    let server_addrs = match known_addrs {
        Some(addrs) => addrs,
        None => sockets.resolve(client, url, started, waker.clone(), canceller)?,
    };
    let mapped = sockets.mapped(&mapping, waker, canceller)?;
    let attempt = Attempt {
        role,
        url: url.clone(),
        token: token.clone(),
        server_addrs,
        self_addrs: sockets.self_addrs(client, mapped)?,
        seed: rdv_socket::random_seed(),
    };
    let mut connector = Connector::new(started, Instant::now(), &attempt, client.config.clone());
    loop {
        match connector.poll_output() {
            Output::Intent(Intent::Connect { conn, remote, to }) => {
                if matches!(to, Target::Server | Target::Proxy) {
                    sockets.to_server.push(conn);
                }
                let stream = sockets.connect(remote, to);
                sockets.driver.add(stream.map(Socket::connecting), conn);
            }
            Output::Intent(Intent::Secure { conn, .. }) => sockets.secure(conn),
            Output::Intent(intent) => sockets.driver.perform(intent),
            Output::Event(Event::Selected(selected)) => {
                let stream = sockets.driver.remove(selected.conn).map(Socket::into_stream);
                let stream = stream.ok_or_else(|| Error::Socket(ErrorKind::NotConnected.into()))?;
                return Conn::new(*selected, stream).map_err(Error::Socket);
            }
            Output::Event(Event::Failed(failure)) => {
                return Err(Error::Connect { failure, cause: sockets.server_error });
            }
            Output::Event(_) => {}
            Output::Wait(deadline) => {
                if let Some(answer) = sockets.driver.next_answer() {
                    connector.handle_input(Instant::now(), answer.input());
                    sockets.keep_error(answer);
                    continue;
                }
                sockets.wait(deadline).map_err(Error::Socket)?;
                if canceller.is_cancelled() {
                    return Err(Error::Cancelled);
                }
                for (stream, remote) in sockets.accept() {
                    let conn = connector.handle_accept(Instant::now(), remote);
                    sockets.driver.add(Ok(Socket::connected(Stream::plain(stream))), conn);
                }
                connector.handle_timeout(Instant::now());
            }
        }
    }
}

/// The shared port and everything that hangs on it.
struct Sockets {
    driver: Driver,
    events: Events,
    port: SharedPort,
    /// Wake the poller; accepting is the shared port's.
    _listeners: Vec<mio::net::TcpListener>,
    tls: Option<(Arc<rustls::ClientConfig>, ServerName<'static>)>,
    to_server: Vec<ConnId>,
    server_error: Option<io::Error>,
}

impl Sockets {
    fn open(client: &Client, url: &ServerUrl, port: Option<SharedPort>) -> Result<Self, Error> {
        let tls = if url.is_https() {
            let config = client.tls.clone().map_or_else(|| tls::client_config(None), Ok)?;
            let name = ServerName::try_from(url.host().to_owned()).map_err(|_| {
                Error::Tls(format!("{:?} is no name that a certificate can be for", url.host()))
            })?;
            Some((config, name))
        } else {
            None
        };
        let port = port.map_or_else(SharedPort::bind, Ok);
        port.and_then(|port| Self::on(port, tls)).map_err(Error::Socket)
    }

    fn on(
        port: SharedPort,
        tls: Option<(Arc<rustls::ClientConfig>, ServerName<'static>)>,
    ) -> io::Result<Self> {
        let driver = Driver::new(mio::Poll::new()?);
        let mut listeners = Vec::new();
        for (i, listener) in port.listeners().enumerate() {
            let mut listener = mio::net::TcpListener::from_std(listener.try_clone()?);
            driver.registry().register(&mut listener, Key(LISTENERS.0 - i), Interest::READABLE)?;
            listeners.push(listener);
        }
        let events = Events::with_capacity(64);
        Ok(Self {
            driver,
            events,
            port,
            _listeners: listeners,
            tls,
            to_server: Vec::new(),
            server_error: None,
        })
    }

    fn resolve(
        &mut self,
        client: &Client,
        url: &ServerUrl,
        started: Instant,
        waker: Arc<Waker>,
        canceller: &Canceller,
    ) -> Result<Vec<SocketAddr>, Error> {
        let (host, port) = client.config.first_hop(url);
        let failed = |source| Error::Resolve { host: host.to_owned(), source };
        let deadline = client.config.timeout.and_then(|timeout| started.checked_add(timeout));
        let mut resolving = Resolving::begin(host, port, waker).map_err(Error::Socket)?;
        loop {
            if canceller.is_cancelled() {
                return Err(Error::Cancelled);
            }
            if let Some(result) = resolving.poll() {
                return result.map_err(failed);
            }
            if deadline.is_some_and(|at| at <= Instant::now()) {
                return Err(failed(io::Error::new(ErrorKind::TimedOut, "not resolved in time")));
            }
            self.wait(deadline).map_err(Error::Socket)?;
        }
    }

    /// What the NAT has mapped to us. That comes to an end by itself, after a second.
    fn mapped(
        &mut self,
        mapping: &PortMapping,
        waker: Arc<Waker>,
        canceller: &Canceller,
    ) -> Result<Option<MappedAddr>, Error> {
        let waker = task::Waker::from(Arc::new(WakePoll(waker)));
        let mut cx = Context::from_waker(&waker);
        loop {
            if canceller.is_cancelled() {
                return Err(Error::Cancelled);
            }
            if let Poll::Ready(mapped) = mapping.poll_addr(&mut cx) {
                return Ok(mapped);
            }
            self.wait(None).map_err(Error::Socket)?;
        }
    }

    /// What to offer the peer of this machine's addresses.
    fn self_addrs(&self, client: &Client, mapped: Option<MappedAddr>) -> Result<SelfAddrs, Error> {
        let local = self.port.local_addrs().map_err(Error::Socket)?;
        let local = local.into_iter().map(|addr| LocalAddr {
            ip: addr.ip,
            interface: addr.interface,
            is_default_route: addr.is_default_route,
            is_temporary: addr.is_temporary,
            is_deprecated: addr.is_deprecated,
        });
        let config = &client.config;
        SelfAddrs::select_with_mapped(local, self.port.port(), config.spaces, &config.interfaces, mapped)
            .map_err(Error::Interface)
    }

    fn connect(&mut self, remote: SocketAddr, to: Target) -> io::Result<Stream> {
        let stream = match to {
            Target::Peer => self.port.connect_to_peer(remote)?,
            Target::Server | Target::Proxy => self.port.connect(remote)?,
        };
        match (to, &self.tls) {
            (Target::Server, Some((config, name))) => Stream::tls(stream, config.clone(), name.clone()),
            (Target::Server, None) | (Target::Proxy | Target::Peer, _) => Ok(Stream::plain(stream)),
        }
    }

    fn secure(&mut self, conn: ConnId) {
        let tls = self.tls.clone();
        self.driver.wrap(conn, |stream| {
            let (config, name) = tls.ok_or(ErrorKind::Unsupported)?;
            stream.secured(config, name)
        });
    }

    /// All connections that have come in. One that can't be accepted is not worth an attempt's end.
    fn accept(&self) -> Vec<(std::net::TcpStream, SocketAddr)> {
        let accept = |listener| match rdv_socket::accept(listener) {
            Err(err) if err.kind() == ErrorKind::WouldBlock => None,
            Err(err) => {
                log::debug!("cannot accept a connection: {err}");
                None
            }
            Ok(accepted) => Some(accepted),
        };
        self.port.listeners().flat_map(|listener| std::iter::from_fn(move || accept(listener))).collect()
    }

    /// Remembers what is wrong with the server if a kind of error does not tell: TLS has much to say.
    fn keep_error(&mut self, answer: Answer) {
        if self.to_server.contains(&answer.conn) {
            let error = answer.into_error().filter(|err| err.raw_os_error().is_none());
            self.server_error = error.or(self.server_error.take());
        }
    }

    fn wait(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        self.driver.wait(&mut self.events, deadline).map(drop)
    }
}

const WAKER: Key = Key(usize::MAX);
const LISTENERS: Key = Key(usize::MAX - 1);
