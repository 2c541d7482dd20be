//! A plain model of the lobby: who fares how, without a byte of the protocol.

use super::*;

/// What a client can know of its lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Here,
    Paired,
    Told(&'static str),
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Asking,
    Seated,
    Leaving,
    Out,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    None,
    Part,
    Whole,
}

pub(super) struct Client {
    pub(super) conn: ConnId,
    pub(super) home: usize,
    pub(super) role: Role,
    pub(super) token: usize,
    pub(super) slow: bool,
    pub(super) sent: Head,
    pub(super) noticed: Head,
    /// It has said something behind its request; and it has ended its stream.
    pub(super) spoke: bool,
    pub(super) fin: bool,
    pub(super) stage: Stage,
    pub(super) until: Instant,
    pub(super) fate: Fate,
    /// Where it comes from, and where it is seen besides.
    pub(super) addr: SocketAddr,
    pub(super) also: Option<SocketAddr>,
}

/// Who waits, and who has come for that one but is not paired yet.
#[derive(Clone, Copy, Default)]
pub(super) struct Table {
    waiting: Option<usize>,
    arriving: Option<usize>,
}

pub(super) const TOKENS: [&str; 4] = ["red", "blue", "green", "grey"];
pub(super) const HOMES: [&str; 3] = ["203.0.113.7", "203.0.113.8", "[2001:db8::7]"];
pub(super) const MAX_WAITING: usize = 3;
pub(super) const MAX_PER_ADDR: usize = 3;
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
pub(super) const LOBBY_TIMEOUT: Duration = Duration::from_secs(60);
pub(super) const FAREWELL: Duration = Duration::from_secs(1);

pub(super) struct Model {
    pub(super) now: Instant,
    pub(super) clients: Vec<Client>,
    pub(super) tables: [Table; TOKENS.len()],
    pub(super) closed: bool,
}

impl Model {
    pub(super) fn comes(&mut self, conn: ConnId, addr: SocketAddr, home: usize, role: Role, token: usize) {
        let present = |client: &&Client| client.stage != Stage::Out;
        let guests = self.clients.iter().filter(present).count();
        let neighbours = self.clients.iter().filter(present).filter(|client| client.home == home).count();
        let (until, new) = (self.now + HEAD_TIMEOUT, self.clients.len());
        self.clients.push(Client {
            conn,
            home,
            role,
            token,
            slow: false,
            sent: Head::None,
            noticed: Head::None,
            spoke: false,
            fin: false,
            stage: Stage::Asking,
            until,
            fate: Fate::Here,
            addr,
            also: None,
        });
        if guests >= 2 * MAX_WAITING {
            self.is_out(new, Fate::Gone);
        } else if neighbours >= MAX_PER_ADDR {
            self.refuse(new, "full-for-addr");
        }
    }

    /// The server takes notice of all that a client has done so far.
    pub(super) fn look(&mut self, client: usize) {
        let it = &mut self.clients[client];
        match it.stage {
            _ if it.slow => {}
            Stage::Asking => {
                it.noticed = it.sent;
                match it.noticed {
                    Head::Whole => self.asked(client),
                    Head::Part if it.fin => self.refuse(client, "malformed"),
                    Head::None if it.fin => self.is_out(client, Fate::Gone),
                    Head::None | Head::Part => {}
                }
            }
            Stage::Seated => self.look_at_table(self.clients[client].token),
            Stage::Leaving if it.fin => it.stage = Stage::Out,
            Stage::Leaving | Stage::Out => {}
        }
    }

    /// Of those at a table, only whoever waits is watched.
    fn look_at_table(&mut self, token: usize) {
        let Table { waiting: Some(waiting), arriving } = self.tables[token] else { return };
        let Client { slow, spoke, fin, .. } = self.clients[waiting];
        match arriving {
            _ if slow => {}
            _ if spoke || fin => {
                self.rises(waiting);
                self.refuse(waiting, "not-idle");
                self.look_at_table(token);
            }
            Some(arriving) => self.pair(token, waiting, arriving),
            None => {}
        }
    }

    fn asked(&mut self, new: usize) {
        if self.closed {
            return self.refuse(new, "closed");
        }
        let Client { role, token, .. } = self.clients[new];
        let occupied = self.occupied();
        self.clients[new].stage = Stage::Seated;
        self.clients[new].until = self.now + LOBBY_TIMEOUT;
        let table = &mut self.tables[token];
        match (table.waiting, table.arriving) {
            (None, _) if occupied >= MAX_WAITING => self.refuse(new, "full"),
            (None, _) => table.waiting = Some(new),
            (Some(waiting), arriving) if self.clients[waiting].role == role => {
                table.waiting = Some(new);
                self.refuse(waiting, "replaced");
                // Both have just come, so neither has to be looked at.
                arriving.into_iter().for_each(|arriving| self.pair(token, new, arriving));
            }
            (Some(_), arriving) => {
                table.arriving = Some(new);
                arriving.into_iter().for_each(|arriving| self.refuse(arriving, "replaced"));
            }
        }
        self.look_at_table(token);
    }

    /// The last that came asks for its address, on behalf of another that it hopes to be here.
    pub(super) fn observes(&mut self, of: usize) {
        let new = self.clients.len() - 1;
        let addr = self.clients[new].addr;
        if self.clients[new].stage != Stage::Asking {
            return;
        }
        let it = &mut self.clients[of];
        match it.stage {
            _ if self.closed => self.refuse(new, "closed"),
            Stage::Seated if *it.also.get_or_insert(addr) == addr => self.refuse(new, "yes"),
            Stage::Seated => self.refuse(new, "no"),
            // It may ask again, or for a peer.
            Stage::Asking | Stage::Leaving | Stage::Out => {}
        }
    }

    /// What the peer of a client is told of it.
    pub(super) fn addrs(&self, conn: ConnId) -> String {
        let it = self.clients.iter().find(|client| client.conn == conn).expect("a client");
        let addrs = [Some(addr("10.0.0.1:1")), Some(it.addr), it.also].into_iter().flatten();
        let sorted: std::collections::BTreeSet<SocketAddr> = addrs.collect();
        sorted.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(", ")
    }

    fn pair(&mut self, token: usize, one: usize, two: usize) {
        self.is_out(one, Fate::Paired);
        self.is_out(two, Fate::Paired);
        self.tables[token] = Table::default();
    }

    /// Whoever has come for the one that leaves waits in its place.
    fn rises(&mut self, client: usize) {
        let table = &mut self.tables[self.clients[client].token];
        if table.waiting == Some(client) {
            *table = Table { waiting: table.arriving, arriving: None };
        } else if table.arriving == Some(client) {
            table.arriving = None;
        }
    }

    fn refuse(&mut self, client: usize, code: &'static str) {
        let it = &mut self.clients[client];
        it.fate = Fate::Told(code);
        it.until = self.now + FAREWELL;
        it.stage = if it.fin && !it.slow { Stage::Out } else { Stage::Leaving };
    }

    fn is_out(&mut self, client: usize, fate: Fate) {
        self.clients[client].stage = Stage::Out;
        self.clients[client].fate = fate;
    }

    pub(super) fn breaks(&mut self, client: usize) {
        self.rises(client);
        let Client { fate, token, .. } = self.clients[client];
        self.is_out(client, if fate == Fate::Here { Fate::Gone } else { fate });
        self.look_at_table(token);
    }

    pub(super) fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        let present = |client: &&Client| client.stage != Stage::Out;
        while let Some(at) =
            self.clients.iter().filter(present).map(|client| client.until).min().filter(|at| *at <= end)
        {
            self.now = at;
            // All that is due comes first, then what follows from it.
            for client in 0..self.clients.len() {
                let Client { stage, until, noticed, .. } = self.clients[client];
                match stage {
                    _ if until > at => {}
                    Stage::Asking if noticed == Head::None => self.is_out(client, Fate::Gone),
                    Stage::Asking => self.refuse(client, "head-timeout"),
                    Stage::Seated => {
                        self.rises(client);
                        self.refuse(client, "no-peer");
                    }
                    Stage::Leaving => self.clients[client].stage = Stage::Out,
                    Stage::Out => {}
                }
            }
            (0..TOKENS.len()).for_each(|token| self.look_at_table(token));
        }
        self.now = end;
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
        self.tables = Default::default();
        for client in 0..self.clients.len() {
            if self.clients[client].stage == Stage::Seated {
                self.refuse(client, "shutting-down");
            }
        }
    }

    pub(super) fn occupied(&self) -> usize {
        self.tables.iter().filter(|table| table.waiting.is_some()).count()
    }

    /// Something is always under way on a connection, but for a client that is at another's table.
    pub(super) fn can_break(&self, client: usize) -> bool {
        self.tables.iter().all(|table| table.arriving != Some(client))
    }
}
