//! The lobby against its model: random comings, goings and silences, and the same outcome for everyone.

use std::io::ErrorKind;

use proptest::prelude::*;

use super::model::{
    Fate, HEAD_TIMEOUT, HOMES, Head, LOBBY_TIMEOUT, MAX_PER_ADDR, MAX_WAITING, Model, Stage, TOKENS,
};
use super::*;
use crate::io::Intent;
use crate::tests::cases::{fixed_cases, role};

#[derive(Clone, Debug)]
enum Step {
    /// A client connects, and asks for its peer at once if it is quick.
    Comes {
        home: usize,
        role: Role,
        token: usize,
        quick: bool,
    },
    /// A client connects that asks for its address, in the name of the one that came `of` before the last.
    Observes {
        home: usize,
        of: usize,
    },
    /// What the client does that came `n` before the last, if it still can.
    Begins(usize),
    Asks(usize),
    Speaks(usize),
    Fins(usize),
    Breaks(usize),
    /// Nothing of all that is noticed, until it is `Noticed`.
    Lags(usize),
    Noticed(usize),
    Wait(u64),
    Close,
}

fn run(steps: Vec<Step>) {
    let mut lobby = Bench::open(LobbyConfig {
        head_timeout: HEAD_TIMEOUT,
        lobby_timeout: Some(LOBBY_TIMEOUT),
        max_waiting: MAX_WAITING,
        max_conns_per_addr: MAX_PER_ADDR,
        ..LobbyConfig::default()
    });
    let tables = Default::default();
    let mut model = Model { now: lobby.now, clients: Vec::new(), tables, closed: false };
    for step in steps {
        take(&mut lobby, &mut model, &step);
        std::mem::take(&mut lobby.events).into_iter().for_each(|event| check_pair(event, &model));
        for (n, client) in model.clients.iter().enumerate() {
            let open = lobby.wires.get(&client.conn).is_some_and(|wire| wire.state == State::Open);
            let expected = (client.fate, client.stage != Stage::Out);
            assert_eq!((fate(&lobby, client.conn), open), expected, "client {n} after {step:?}");
        }
        assert_eq!(lobby.machine.waiting(), model.occupied(), "clients that wait after {step:?}");
        let nobody = model.clients.iter().all(|client| client.stage == Stage::Out);
        assert_eq!(lobby.machine.is_empty(), nobody, "whether anyone is left after {step:?}");
    }
    lobby.advance(LOBBY_TIMEOUT + HEAD_TIMEOUT);
    assert!(lobby.machine.is_empty() && lobby.deadline.is_none(), "someone was forgotten");
    let memory = format!("{:?}", lobby.machine);
    for empty in ["all: {}", "tables: {}", "per_addr: Households({})"] {
        assert!(memory.contains(empty), "something of the past is kept: {memory}");
    }
    let nobody = "first: None, last: None, due: None";
    assert_eq!(memory.matches(nobody).count(), 3, "somebody of the past is in a queue: {memory}");
}

fn take(lobby: &mut Bench<Lobby>, model: &mut Model, step: &Step) {
    match *step {
        Step::Comes { home, role, token, quick } => {
            comes(lobby, model, home, role, token);
            if quick {
                acts(lobby, model, &Step::Asks(0), 0);
            }
        }
        Step::Observes { home, of } => {
            let Some(of) = model.clients.len().checked_sub(of + 1) else { return };
            let token = model.clients[of].token;
            let conn = comes(lobby, model, home, Role::Dial, token);
            if lobby.state(conn) == State::Open {
                let token = TOKENS[token];
                lobby.says(conn, format!("OBSERVE /{token} HTTP/1.1\r\nHost: h\r\n{}\r\n\r\n", id(of)));
            }
            model.observes(of);
        }
        Step::Wait(millis) => {
            lobby.wait(millis);
            model.wait(Duration::from_millis(millis));
        }
        Step::Close => {
            lobby.machine.close(lobby.now);
            lobby.settle();
            model.close();
        }
        Step::Begins(n)
        | Step::Asks(n)
        | Step::Speaks(n)
        | Step::Fins(n)
        | Step::Breaks(n)
        | Step::Lags(n)
        | Step::Noticed(n) => acts(lobby, model, step, n),
    }
}

fn comes(lobby: &mut Bench<Lobby>, model: &mut Model, home: usize, role: Role, token: usize) -> ConnId {
    let remote = format!("{}:{}", HOMES[home], 40_000 + model.clients.len());
    let conn = lobby.accept(&remote);
    model.comes(conn, addr(&remote), home, role, token);
    conn
}

/// By which the server knows a client.
fn id(client: usize) -> String {
    format!("Rdv-Attempt: {client:016x}")
}

/// Both of a pair are told what the model knows of the other.
fn check_pair(event: LobbyEvent, model: &Model) {
    let LobbyEvent::Matched(matched) = event else { return };
    let Matched { mut relay, dialer, accepter } = *matched;
    while let Output::Intent(intent) = relay.poll_output() {
        let Intent::Write { conn, data } = intent else { continue };
        let peer = if conn == dialer { accepter } else { dialer };
        let expected = format!("\r\nRdv-Peer-Addrs: {}\r\n", model.addrs(peer));
        let head = String::from_utf8_lossy(&data);
        assert!(head.contains(&expected), "{conn:?} is told {head:?}, not {expected:?}");
    }
}

/// What the client does that came `before` the last.
fn acts(lobby: &mut Bench<Lobby>, model: &mut Model, step: &Step, before: usize) {
    let Some(n) = model.clients.len().checked_sub(before + 1) else { return };
    let can_break = model.can_break(n);
    let it = &mut model.clients[n];
    if it.stage == Stage::Out {
        return;
    }
    let head = request(it.role, TOKENS[it.token]).replace("Host", &format!("{}\r\nHost", id(n)));
    let (part, rest) = head.split_at(7);
    match (step, it.sent) {
        (Step::Begins(_), Head::None) if !it.fin => {
            it.sent = Head::Part;
            lobby.says(it.conn, part);
        }
        (Step::Asks(_), Head::None | Head::Part) if !it.fin => {
            lobby.says(it.conn, if it.sent == Head::None { &head } else { rest });
            it.sent = Head::Whole;
        }
        (Step::Speaks(_), Head::Whole) if !it.fin => {
            it.spoke = true;
            lobby.says(it.conn, "x");
        }
        (Step::Fins(_), _) => {
            it.fin = true;
            lobby.fins(it.conn);
        }
        (Step::Lags(_), _) => {
            it.slow = true;
            lobby.lags(it.conn);
        }
        (Step::Noticed(_), _) => {
            it.slow = false;
            lobby.releases(it.conn);
        }
        (Step::Breaks(_), _) if can_break => {
            lobby.fails(it.conn, ErrorKind::ConnectionReset);
            return model.breaks(n);
        }
        _ => {}
    }
    model.look(n);
}

fn fate(lobby: &Bench<Lobby>, conn: ConnId) -> Fate {
    const CODES: [&str; 11] = [
        "yes",
        "no",
        "replaced",
        "not-idle",
        "no-peer",
        "malformed",
        "head-timeout",
        "full",
        "full-for-addr",
        "shutting-down",
        "closed",
    ];
    if lobby.given.contains_key(&conn) {
        return Fate::Paired;
    }
    let text = String::from_utf8_lossy(lobby.written(conn));
    let noted = text.lines().find_map(|line| line.strip_prefix("Rdv-Noted: "));
    let code = match noted.filter(|_| text.contains("Connection: close") && !text.contains("Rdv-Error")) {
        Some(noted) => noted,
        None => lobby.answer(conn),
    };
    match (CODES.into_iter().find(|it| *it == code), lobby.state(conn)) {
        (Some(code), _) => Fate::Told(code),
        (None, State::Open) => Fate::Here,
        (None, _) => Fate::Gone,
    }
}

fn step() -> impl Strategy<Value = Step> {
    let n = || 0..6usize;
    prop_oneof![
        9 => (0..HOMES.len(), role(), 0..TOKENS.len(), proptest::bool::weighted(0.7))
            .prop_map(|(home, role, token, quick)| Step::Comes { home, role, token, quick }),
        4 => (0..HOMES.len(), n()).prop_map(|(home, of)| Step::Observes { home, of }),
        1 => n().prop_map(Step::Begins),
        3 => n().prop_map(Step::Asks),
        1 => n().prop_map(Step::Speaks),
        2 => n().prop_map(Step::Fins),
        2 => n().prop_map(Step::Breaks),
        3 => n().prop_map(Step::Lags),
        3 => n().prop_map(Step::Noticed),
        3 => prop_oneof![1..2_000u64, 1..40_000u64].prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(fixed_cases())]

    #[test]
    fn everyone_fares_as_in_the_model(
        steps in proptest::collection::vec(step(), 1..60),
        closed in proptest::collection::vec(step(), 0..10),
        shuts_down in any::<bool>(),
    ) {
        let close = shuts_down.then_some(Step::Close);
        run(steps.into_iter().chain(close).chain(closed).collect());
    }
}
