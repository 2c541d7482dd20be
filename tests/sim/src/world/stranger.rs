//! Someone on the network who is no peer, and says what it should not.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::Bytes;
use rdv_core::Role;

use crate::net::tcp::{Notice, Read, SocketId};
use crate::net::{HostId, Internet};
use crate::scenario::{SERVER_PORT, Says, Scenario, Stranger as Spec};

pub(super) struct Stranger {
    spec: Spec,
    /// Its connections, and in which role the other side is.
    sockets: BTreeMap<SocketId, Role>,
    victims: Vec<(SocketAddr, Role)>,
}

impl Stranger {
    pub(super) fn new(scenario: &Scenario, spec: Spec, net: &mut Internet<'_>) -> Self {
        if let Some(port) = spec.port {
            net.listen(spec.host, port);
        }
        let mut victims = Vec::new();
        for role in [Role::Dial, Role::Accept] {
            let addrs = scenario.topology.hosts[scenario.peer(role).host].interfaces.iter();
            victims.extend(addrs.map(|it| (SocketAddr::new(it.addr, scenario.peer(role).port), role)));
        }
        Self { spec, sockets: BTreeMap::new(), victims }
    }

    /// Something else than an rdv server, in its place.
    pub(super) fn at_server(scenario: &Scenario, says: Says, net: &mut Internet<'_>) -> Self {
        let spec = Spec { host: scenario.server, port: Some(SERVER_PORT), says, dials: false };
        Self::new(scenario, spec, net)
    }

    /// Dials whomever it can.
    pub(super) fn dial(&mut self, net: &mut Internet<'_>) {
        if self.spec.dials {
            for (remote, role) in &self.victims {
                if let Ok(socket) = net.connect(self.spec.host, DIALS_FROM, *remote) {
                    self.sockets.insert(socket, *role);
                }
            }
        }
    }

    pub(super) fn host(&self) -> HostId {
        self.spec.host
    }

    pub(super) fn noticed(&mut self, net: &mut Internet<'_>, notice: &Notice) {
        match notice {
            Notice::Accepted { socket, remote, .. } => {
                let known =
                    |(addr, role): &(SocketAddr, Role)| (addr.port() == remote.port()).then_some(*role);
                let role = self.victims.iter().find_map(known).unwrap_or(Role::Dial);
                self.sockets.insert(*socket, role);
                self.speak(net, *socket, role);
            }
            Notice::Connected(socket) => {
                if let Some(role) = self.sockets.get(socket) {
                    self.speak(net, *socket, *role);
                }
            }
            Notice::Readable(socket) | Notice::Failed(socket, _) if self.sockets.contains_key(socket) => {
                let ended = match net.read(self.spec.host, *socket, usize::MAX) {
                    Read::Eof | Read::Failed(_) => true,
                    Read::Data(_) | Read::Nothing => false,
                };
                if ended {
                    self.sockets.remove(socket);
                    net.close(self.spec.host, *socket);
                }
            }
            Notice::Readable(_) | Notice::Failed(..) => {}
        }
    }

    /// Hangs up.
    pub(super) fn leave(&mut self, net: &mut Internet<'_>) {
        if let Some(port) = self.spec.port {
            net.unlisten(self.spec.host, port);
        }
        for socket in std::mem::take(&mut self.sockets).into_keys() {
            net.abort(self.spec.host, socket);
        }
    }

    fn speak(&mut self, net: &mut Internet<'_>, socket: SocketId, role: Role) {
        let host = self.spec.host;
        let line = match self.spec.says {
            Says::Nothing => return,
            Says::Garbage => "SSH-2.0-OpenSSH_9.9\r\n".to_owned(),
            Says::AnotherToken => format!("rdv/1 {} another\n", role.other()),
            Says::OwnRole => format!("rdv/1 {role} d8f1%2Fa2%3F%3B\n"),
            Says::Half => "rdv/1 ".to_owned(),
            Says::Reset => {
                self.sockets.remove(&socket);
                return net.abort(host, socket);
            }
        };
        net.write(host, socket, Bytes::from(line));
        if self.spec.says == Says::Half {
            net.shutdown(host, socket);
        }
    }
}

/// A port that is nobody else's.
const DIALS_FROM: u16 = 6_666;
