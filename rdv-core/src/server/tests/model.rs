//! The lobby against a plain model of it: random comings, goings and silences, and the same outcome for everyone.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// A client comes; of a slow one, nothing is noticed until it is `Noticed`.
    Join {
        role: Role,
        token: usize,
        slow: bool,
    },
    /// What client `n` does, if it is still there.
    Noticed(usize),
    Speaks(usize),
    Fins(usize),
    Breaks(usize),
    Wait(u64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    Here,
    Paired,
    Told(&'static str),
    Gone,
}

struct Client {
    conn: ConnId,
    role: Role,
    token: usize,
    slow: bool,
    /// It has said something, or ended.
    restless: bool,
    until: Instant,
    fate: Fate,
}

/// Who waits, and who has come for that one but is not paired yet.
#[derive(Clone, Copy, Default)]
struct Table {
    waiting: Option<usize>,
    arriving: Option<usize>,
}

const TOKENS: [&str; 2] = ["red", "blue"];
const TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Model {
    clients: Vec<Client>,
    tables: [Table; TOKENS.len()],
}

impl Model {
    fn join(&mut self, now: Instant, conn: ConnId, role: Role, token: usize, slow: bool) {
        let new = self.clients.len();
        let until = now + TIMEOUT;
        self.clients.push(Client { conn, role, token, slow, restless: false, until, fate: Fate::Here });
        let table = &mut self.tables[token];
        match (table.waiting, table.arriving) {
            (None, _) => table.waiting = Some(new),
            (Some(waiting), None) if self.clients[waiting].role == role => {
                table.waiting = Some(new);
                self.clients[waiting].fate = Fate::Told("replaced");
            }
            (Some(waiting), Some(arriving)) if self.clients[waiting].role == role => {
                self.clients[waiting].fate = Fate::Told("replaced");
                self.pair(token, new, arriving);
            }
            (Some(_), arriving) => {
                table.arriving = Some(new);
                if let Some(arriving) = arriving {
                    self.clients[arriving].fate = Fate::Told("replaced");
                }
            }
        }
        self.look(token);
    }

    /// What is known of whoever waits has changed.
    fn look(&mut self, token: usize) {
        let Table { waiting: Some(waiting), arriving } = self.tables[token] else { return };
        let Client { slow, restless, .. } = self.clients[waiting];
        match arriving {
            _ if slow => {}
            _ if restless => self.leave(waiting, Fate::Told("not-idle")),
            Some(arriving) => self.pair(token, waiting, arriving),
            None => {}
        }
    }

    fn leave(&mut self, client: usize, fate: Fate) {
        let token = self.clients[client].token;
        self.clients[client].fate = fate;
        let table = &mut self.tables[token];
        if table.waiting == Some(client) {
            *table = Table { waiting: table.arriving, arriving: None };
        } else {
            table.arriving = None;
        }
        self.look(token);
    }

    fn pair(&mut self, token: usize, one: usize, two: usize) {
        self.clients[one].fate = Fate::Paired;
        self.clients[two].fate = Fate::Paired;
        self.tables[token] = Table::default();
    }

    fn time(&mut self, now: Instant) {
        let due = |client: &&Client| client.fate == Fate::Here && client.until <= now;
        while let Some(first) =
            self.clients.iter().filter(due).min_by_key(|client| (client.until, client.conn))
        {
            let first = self.clients.iter().position(|client| client.conn == first.conn).unwrap();
            self.leave(first, Fate::Told("no-peer"));
        }
    }

    fn is_waiting(&self, client: usize) -> bool {
        self.tables.iter().any(|table| table.waiting == Some(client))
    }
}

fn run(steps: Vec<Step>) {
    let mut lobby = Bench::open(LobbyConfig { lobby_timeout: Some(TIMEOUT), ..LobbyConfig::default() });
    let mut model = Model::default();
    for step in steps {
        take(&mut lobby, &mut model, &step);
        for (n, client) in model.clients.iter().enumerate() {
            assert_eq!(fate(&lobby, client.conn), client.fate, "client {n} after {step:?}");
        }
        let occupied = model.tables.iter().filter(|table| table.waiting.is_some()).count();
        assert_eq!(lobby.machine.waiting(), occupied, "after {step:?}");
    }
    lobby.advance(TIMEOUT + secs(10));
    assert!(lobby.machine.is_empty() && lobby.deadline.is_none(), "someone was forgotten");
    let memory = format!("{:?}", lobby.machine);
    for empty in ["guests: {}", "tables: {}", "deadlines: {}", "per_addr: Households({})"] {
        assert!(memory.contains(empty), "something of the past is kept: {memory}");
    }
}

fn take(lobby: &mut Bench<Lobby>, model: &mut Model, step: &Step) {
    let here = |n: &usize| model.clients.get(*n).is_some_and(|client| client.fate == Fate::Here);
    match *step {
        Step::Join { role, token, slow } => {
            let conn = lobby.join(role, TOKENS[token]);
            if slow && lobby.wires.contains_key(&conn) {
                lobby.lags(conn);
            }
            model.join(lobby.now, conn, role, token, slow);
        }
        Step::Noticed(n) if here(&n) => {
            lobby.releases(model.clients[n].conn);
            model.clients[n].slow = false;
            model.look(model.clients[n].token);
        }
        Step::Speaks(n) | Step::Fins(n) if here(&n) => {
            if matches!(step, Step::Speaks(_)) {
                lobby.says(model.clients[n].conn, "x");
            } else {
                lobby.fins(model.clients[n].conn);
            }
            model.clients[n].restless = true;
            model.look(model.clients[n].token);
        }
        Step::Breaks(n) if here(&n) && model.is_waiting(n) => {
            lobby.fails(model.clients[n].conn, std::io::ErrorKind::ConnectionReset);
            model.leave(n, Fate::Gone);
        }
        Step::Wait(secs) => {
            lobby.advance(Duration::from_secs(secs));
            model.time(lobby.now);
        }
        Step::Noticed(_) | Step::Speaks(_) | Step::Fins(_) | Step::Breaks(_) => {}
    }
}

fn fate(lobby: &Bench<Lobby>, conn: ConnId) -> Fate {
    if lobby.given.contains_key(&conn) {
        return Fate::Paired;
    }
    let told = ["replaced", "not-idle", "no-peer"].into_iter().find(|code| *code == lobby.answer(conn));
    match (told, lobby.state(conn)) {
        (Some(code), _) => Fate::Told(code),
        (None, State::Open) => Fate::Here,
        (None, _) => Fate::Gone,
    }
}

fn step() -> impl Strategy<Value = Step> {
    let role = || proptest::sample::select(vec![Role::Dial, Role::Accept]);
    prop_oneof![
        5 => (role(), 0..TOKENS.len(), any::<bool>()).prop_map(|(role, token, slow)| Step::Join { role, token, slow }),
        3 => (0..12usize).prop_map(Step::Noticed),
        1 => (0..12usize).prop_map(Step::Speaks),
        1 => (0..12usize).prop_map(Step::Fins),
        1 => (0..12usize).prop_map(Step::Breaks),
        1 => (1..40u64).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(Config { rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..Config::default() })]

    #[test]
    fn everyone_fares_as_in_the_model(steps in proptest::collection::vec(step(), 1..40)) {
        run(steps);
    }
}
