//! The client's loop: drives a [`Connector`] to its end.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Instant;

use rdv_core::{
    Attempt, ConnId, Connector, Event, Intent, LocalAddr, MappedAddr, Output, Role, SelfAddrs, ServerUrl,
    Target, Token,
};
use rdv_socket::SharedPort;
use tokio::net::{TcpListener, TcpStream};

use super::port_map::PortMapping;
use super::resolve::resolve;
use super::secure::Secure;
use super::{Client, Conn, Error};
use crate::driver::{Answer, Driver, Socket, Stream, Timer, now};

pub(super) async fn run(client: &Client, role: Role, url: &ServerUrl, token: &Token) -> Result<Conn, Error> {
    let started = now();
    let deadline = client.config.timeout.and_then(|timeout| started.checked_add(timeout));
    let secure = Secure::new(client, url).await?;
    let mut sockets = Sockets::open(secure).map_err(Error::Socket)?;
    // Until the attempt ends. It begins while the server's name is resolved.
    let mapping = PortMapping::begin(client, &sockets.port);
    let server_addrs = resolve(client.config.first_hop(url), deadline).await?;
    let mapped = mapping.addr().await;
    let attempt = Attempt {
        role,
        url: url.clone(),
        token: token.clone(),
        server_addrs,
        self_addrs: sockets.self_addrs(client, mapped)?,
        seed: rdv_socket::random_seed(),
    };
    let mut connector = Connector::new(started, now(), &attempt, client.config.clone());
    loop {
        match connector.poll_output() {
            Output::Intent(Intent::Connect { conn, remote, to }) => sockets.connect(conn, remote, to),
            Output::Intent(Intent::Secure { conn, .. }) => sockets.secure(conn),
            Output::Intent(intent) => sockets.driver.perform(intent),
            Output::Event(Event::Selected(selected)) => {
                let stream = sockets.driver.remove(selected.conn).map(Socket::into_stream);
                let stream = stream.ok_or_else(|| Error::Socket(ErrorKind::NotConnected.into()))?;
                return Ok(Conn::new(*selected, stream));
            }
            Output::Event(Event::Failed(failure)) => {
                return Err(Error::Connect { failure, cause: sockets.server_error });
            }
            Output::Event(_) => {}
            Output::Wait(deadline) => {
                sockets.wait(deadline).await;
                while let Some(answer) = sockets.driver.next_answer() {
                    connector.handle_input(now(), answer.input());
                    sockets.keep_error(answer);
                }
                for (stream, remote) in std::mem::take(&mut sockets.accepted) {
                    let conn = connector.handle_accept(now(), remote);
                    sockets.driver.add(conn, Ok(Socket::connected(Stream::Plain(stream))));
                }
                connector.handle_timeout(now());
            }
        }
    }
}

/// The shared port and everything that hangs on it.
struct Sockets {
    driver: Driver,
    timer: Timer,
    port: SharedPort,
    /// Those of the port, once more.
    listeners: Vec<TcpListener>,
    accepted: Vec<(TcpStream, SocketAddr)>,
    secure: Option<Secure>,
    to_server: Vec<ConnId>,
    server_error: Option<io::Error>,
}

impl Sockets {
    fn open(secure: Option<Secure>) -> io::Result<Self> {
        let port = SharedPort::bind()?;
        let listeners = port.listeners().map(|listener| TcpListener::from_std(listener.try_clone()?));
        Ok(Self {
            driver: Driver::default(),
            timer: Timer::default(),
            listeners: listeners.collect::<io::Result<_>>()?,
            port,
            accepted: Vec::new(),
            secure,
            to_server: Vec::new(),
            server_error: None,
        })
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

    fn connect(&mut self, conn: ConnId, remote: SocketAddr, to: Target) {
        if matches!(to, Target::Server | Target::Proxy) {
            self.to_server.push(conn);
        }
        let tcp = match to {
            Target::Peer => self.port.connect_to_peer(remote),
            Target::Server | Target::Proxy => self.port.connect(remote),
        };
        let tcp = tcp.and_then(TcpStream::from_std);
        let stream = tcp.map(|tcp| match (to, &self.secure) {
            (Target::Server, Some(secure)) => secure.wrap(tcp),
            (Target::Server, None) | (Target::Proxy | Target::Peer, _) => Stream::Plain(tcp),
        });
        self.driver.add(conn, stream.map(Socket::connecting));
    }

    fn secure(&mut self, conn: ConnId) {
        let secure = &self.secure;
        self.driver.wrap(conn, |stream| {
            if let (Stream::Plain(tcp), Some(secure)) = (stream, secure) {
                Ok(secure.wrap(tcp))
            } else {
                Err(ErrorKind::Unsupported.into())
            }
        });
    }

    /// Remembers what is wrong with the server if a kind of error does not tell: TLS has much to say.
    fn keep_error(&mut self, answer: Answer) {
        if self.to_server.contains(&answer.conn) {
            let error = answer.into_error().filter(|err| err.raw_os_error().is_none());
            self.server_error = error.or(self.server_error.take());
        }
    }

    /// Waits for answers, for connections that come in, or for the deadline.
    async fn wait(&mut self, deadline: Option<Instant>) {
        poll_fn(|cx| {
            let answered = self.driver.poll(cx).is_ready();
            let accepted = self.poll_accept(cx).is_ready();
            let late = self.timer.poll(cx, deadline).is_ready();
            if answered || accepted || late { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Takes in all that have come. One that can't be accepted is not worth an attempt's end.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for listener in &self.listeners {
            while let Poll::Ready(result) = listener.poll_accept(cx) {
                match result {
                    Ok((stream, remote)) => {
                        rdv_socket::try_stream_options(&stream);
                        self.accepted.push((stream, remote));
                    }
                    Err(err) => {
                        log::debug!("cannot accept a connection: {err}");
                        if !rdv_socket::is_about_one(&err) {
                            break;
                        }
                    }
                }
            }
        }
        if self.accepted.is_empty() { Poll::Pending } else { Poll::Ready(()) }
    }
}
