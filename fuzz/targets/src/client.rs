//! A client to whom nothing happens but what strangers say.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rdv_core::{
    AddrSpaces, Attempt, Config, ConnId, Connector, Event, Input, Intent, Output, Proxy, Role, SelfAddrs,
    Target, Token,
};

use crate::stream::Stream;

/// Whatever it wants to connect or to write is done at once; what it reads comes from streams.
pub(crate) struct Client<'a> {
    now: Instant,
    connector: Connector,
    /// What the server will say.
    server: Option<Stream<'a>>,
    /// What comes on each connection. Where there is no stream, nothing comes.
    pub(crate) heard: BTreeMap<ConnId, Stream<'a>>,
    pub(crate) written: BTreeMap<ConnId, Vec<u8>>,
}

impl<'a> Client<'a> {
    pub(crate) fn new(attempt: &Attempt, spaces: AddrSpaces, server: Stream<'a>) -> Self {
        Self::through(None, attempt, spaces, server)
    }

    /// By a proxy, whose part of the stream comes first.
    pub(crate) fn through(
        proxy: Option<Proxy>,
        attempt: &Attempt,
        spaces: AddrSpaces,
        server: Stream<'a>,
    ) -> Self {
        let now = Instant::now();
        let mut config = Config::default();
        config.spaces = spaces;
        config.proxy = proxy;
        config.timeout = Some(Duration::from_secs(60));
        Self {
            now,
            connector: Connector::new(now, now, attempt, config),
            server: Some(server),
            heard: BTreeMap::new(),
            written: BTreeMap::new(),
        }
    }

    /// The peer, or a stranger, connects.
    pub(crate) fn accept(&mut self, remote: SocketAddr, says: Stream<'a>) -> ConnId {
        let conn = self.connector.handle_accept(self.now, remote);
        self.heard.insert(conn, says);
        conn
    }

    /// Goes on until the attempt has ended.
    pub(crate) fn run(&mut self) -> Event {
        loop {
            match self.connector.poll_output() {
                Output::Intent(intent) => self.obey(intent),
                Output::Event(event) => return event,
                Output::Wait(deadline) => {
                    let deadline = deadline.expect("nothing is under way, and nothing is to come");
                    assert!(deadline > self.now, "a deadline that is not in the future");
                    self.now = deadline;
                    self.connector.handle_timeout(self.now);
                }
            }
        }
    }

    fn obey(&mut self, intent: Intent) {
        let input = match intent {
            Intent::Connect { conn, to: Target::Server | Target::Proxy, .. } => {
                self.heard.extend(self.server.take().map(|server| (conn, server)));
                Input::Connected(conn)
            }
            Intent::Secure { conn, .. } => Input::Connected(conn),
            Intent::Write { conn, data } => {
                self.written.entry(conn).or_default().extend_from_slice(&data);
                Input::Wrote(conn)
            }
            Intent::Read { conn, max } => match self.heard.get_mut(&conn) {
                Some(stream) => Input::Read(conn, stream.next(max)),
                None => return,
            },
            Intent::Connect { to: Target::Peer, .. }
            | Intent::Check { .. }
            | Intent::StopRead { .. }
            | Intent::Shutdown { .. }
            | Intent::Close { .. }
            | Intent::Reset { .. } => return,
        };
        self.connector.handle_input(self.now, input);
    }
}

/// An attempt by way of [`SERVER`].
pub(crate) fn attempt(role: Role, token: &Token, self_addrs: SelfAddrs) -> Attempt {
    Attempt {
        role,
        url: "http://rdv.example/?q".parse().expect("a URL"),
        token: token.clone(),
        server_addrs: vec![SERVER],
        self_addrs,
        seed: 0,
    }
}

pub(crate) const SERVER: SocketAddr = addr([203, 0, 113, 1], 80);

pub(crate) const fn addr(ip: [u8; 4], port: u16) -> SocketAddr {
    let [a, b, c, d] = ip;
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(a, b, c, d)), port)
}
