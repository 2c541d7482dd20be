//! A proxy on the way to the server: HTTP CONNECT or SOCKS5, which may leave at any point.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::Bytes;
use rdv_core::Role;

use crate::net::tcp::{Notice, Read, SocketId};
use crate::net::{HostId, Internet};
use crate::scenario::{PROXY_PORT, Proxy as Spec, Scenario, Temper};

pub(super) struct Proxy {
    spec: Spec,
    server: Option<SocketAddr>,
    /// Each client's connection.
    desks: BTreeMap<SocketId, Desk>,
    /// The client of each connection to the server.
    clients: BTreeMap<SocketId, SocketId>,
    /// The next port to dial the server from.
    port: u16,
}

/// What is going on with one client.
struct Desk {
    heard: Vec<u8>,
    /// How many answers it has had.
    answers: usize,
    server: Option<SocketId>,
    /// Whether bytes are passed on, both ways.
    passes: bool,
    /// Which streams have ended: the client's, the server's.
    ended: [bool; 2],
}

impl Proxy {
    pub(super) fn new(scenario: &Scenario, spec: Spec, net: &mut Internet<'_>) -> Self {
        net.listen(spec.host, PROXY_PORT);
        let reachable = |addr: &SocketAddr| scenario.topology.route(spec.host, addr.ip()).is_some();
        let server = scenario.server_addrs(Role::Dial).into_iter().find(reachable);
        Self { spec, server, desks: BTreeMap::new(), clients: BTreeMap::new(), port: FIRST_PORT }
    }

    pub(super) fn host(&self) -> HostId {
        self.spec.host
    }

    pub(super) fn noticed(&mut self, net: &mut Internet<'_>, notice: &Notice) {
        match notice {
            Notice::Accepted { socket, .. } => {
                let desk =
                    Desk { heard: Vec::new(), answers: 0, server: None, passes: false, ended: [false; 2] };
                self.desks.insert(*socket, desk);
                self.lose_temper(net, *socket);
            }
            Notice::Connected(socket) => {
                if let Some(client) = self.clients.get(socket).copied() {
                    self.answer(net, client, true);
                }
            }
            Notice::Failed(socket, _) if self.clients.contains_key(socket) => {
                let client = self.clients[socket];
                if self.desks.get(&client).is_some_and(|desk| !desk.passes) {
                    self.answer(net, client, false);
                }
                self.reset(net, client);
            }
            Notice::Readable(socket) | Notice::Failed(socket, _) => {
                if let Some(client) = self.clients.get(socket).copied() {
                    self.pass(net, client);
                } else if self.desks.get(socket).is_some_and(|desk| desk.passes) {
                    self.pass(net, *socket);
                } else if self.desks.contains_key(socket) {
                    self.listen(net, *socket);
                }
            }
        }
    }

    /// Hangs up on everybody.
    pub(super) fn leave(&mut self, net: &mut Internet<'_>) {
        net.unlisten(self.spec.host, PROXY_PORT);
        while let Some(client) = self.desks.keys().next().copied() {
            self.reset(net, client);
        }
    }

    /// Hears the client out, and answers what is whole.
    fn listen(&mut self, net: &mut Internet<'_>, client: SocketId) {
        loop {
            let Some(desk) = self.desks.get_mut(&client).filter(|desk| desk.server.is_none()) else {
                return;
            };
            // One byte at a time: what is behind the request is the server's.
            match net.read(self.spec.host, client, 1) {
                Read::Data(data) => desk.heard.extend(data),
                Read::Nothing => return,
                Read::Eof | Read::Failed(_) => return self.reset(net, client),
            }
            if self.spec.temper == Temper::Hangs(desk.answers) {
                continue;
            }
            let is_whole = match (self.spec.socks, desk.answers, &desk.heard[..]) {
                (false, _, heard) => heard.ends_with(b"\r\n\r\n"),
                (true, 0, [_, count, methods @ ..]) => methods.len() == usize::from(*count),
                (true, 1, [_, len, rest @ ..]) if self.spec.locked => {
                    let password = rest.get(usize::from(*len)).copied();
                    password.is_some_and(|it| rest.len() == usize::from(*len) + 1 + usize::from(it))
                }
                (true, 1.., [_, _, _, 3, len, rest @ ..]) => rest.len() == usize::from(*len) + 2,
                (true, _, _) => false,
            };
            if is_whole {
                desk.heard.clear();
                self.take(net, client);
            }
        }
    }

    /// The client has said something.
    fn take(&mut self, net: &mut Internet<'_>, client: SocketId) {
        let Some(desk) = self.desks.get(&client) else {
            return;
        };
        if desk.answers + 1 == self.spec.answers() {
            return self.dial(net, client);
        }
        let good = self.spec.temper != Temper::Refuses(desk.answers);
        let answer: &'static [u8] = match (desk.answers, good) {
            (0, true) if self.spec.locked => &[5, 2],
            (0, true) => &[5, 0],
            (0, false) => &[5, 0xff],
            (_, true) => &[1, 0],
            (_, false) => &[1, 1],
        };
        self.say(net, client, answer);
    }

    fn dial(&mut self, net: &mut Internet<'_>, client: SocketId) {
        let refuses = matches!(self.spec.temper, Temper::Refuses(at) if at + 1 >= self.spec.answers());
        self.port += 1;
        let socket = match self.server.filter(|_| !refuses) {
            Some(server) => net.connect(self.spec.host, self.port, server).ok(),
            None => None,
        };
        match (socket, self.desks.get_mut(&client)) {
            (Some(socket), Some(desk)) => {
                desk.server = Some(socket);
                self.clients.insert(socket, client);
            }
            _ => self.answer(net, client, false),
        }
    }

    /// Says whether the server is reached.
    fn answer(&mut self, net: &mut Internet<'_>, client: SocketId, stands: bool) {
        let answer: &'static [u8] = match (self.spec.socks, stands) {
            (false, true) => b"HTTP/1.1 200 Connection established\r\n\r\n",
            (false, false) => b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
            (true, true) => &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0],
            (true, false) => &[5, 5, 0, 1, 0, 0, 0, 0, 0, 0],
        };
        if let Some(desk) = self.desks.get_mut(&client) {
            desk.passes = stands;
        }
        self.say(net, client, answer);
        if stands {
            self.pass(net, client);
        } else if self.desks.contains_key(&client) {
            net.shutdown(self.spec.host, client);
        }
    }

    fn say(&mut self, net: &mut Internet<'_>, client: SocketId, answer: &'static [u8]) {
        if let Some(desk) = self.desks.get_mut(&client) {
            desk.answers += 1;
            net.write(self.spec.host, client, Bytes::from_static(answer));
            self.lose_temper(net, client);
        }
    }

    fn lose_temper(&mut self, net: &mut Internet<'_>, client: SocketId) {
        let answers = self.desks.get(&client).map_or(0, |desk| desk.answers);
        if self.spec.temper == Temper::Resets(answers) {
            self.reset(net, client);
        }
    }

    /// Passes on what has come from either side.
    fn pass(&mut self, net: &mut Internet<'_>, client: SocketId) {
        let host = self.spec.host;
        let Some(desk) = self.desks.get_mut(&client) else {
            return;
        };
        let Some(server) = desk.server else {
            return;
        };
        for (side, [from, to]) in [[client, server], [server, client]].into_iter().enumerate() {
            while !desk.ended[side] {
                match net.read(host, from, usize::MAX) {
                    Read::Data(data) => net.write(host, to, data.into()),
                    Read::Nothing => break,
                    Read::Eof => {
                        desk.ended[side] = true;
                        net.shutdown(host, to);
                    }
                    Read::Failed(_) => return self.reset(net, client),
                }
            }
        }
        if desk.ended == [true; 2] {
            self.desks.remove(&client);
            self.clients.remove(&server);
            net.close(host, client);
            net.close(host, server);
        }
    }

    fn reset(&mut self, net: &mut Internet<'_>, client: SocketId) {
        if let Some(desk) = self.desks.remove(&client) {
            net.abort(self.spec.host, client);
            if let Some(server) = desk.server {
                self.clients.remove(&server);
                net.abort(self.spec.host, server);
            }
        }
    }
}

impl Spec {
    /// How often it answers until the server is reached, or not.
    fn answers(&self) -> usize {
        match (self.socks, self.locked) {
            (false, _) => 1,
            (true, false) => 2,
            (true, true) => 3,
        }
    }
}

const FIRST_PORT: u16 = 20_000;
