//! A second opinion: a client asks for its address, and its peer gets that too.

use super::*;

const ID: &str = "00ff00ff00ff00ff";
const FOUR: &str = "198.51.100.7:7000";
const SIX: &str = "[2001:db8::7]:7000";

/// A client that waits, and can be asked about.
fn join(lobby: &mut Bench<Lobby>, role: Role, remote: &str, id: &str) -> ConnId {
    join_with(lobby, role, remote, id, "10.0.0.1:1")
}

fn join_with(lobby: &mut Bench<Lobby>, role: Role, remote: &str, id: &str, selfs: &str) -> ConnId {
    let conn = lobby.accept(remote);
    let head = request(role, "tok").replace("10.0.0.1:1", selfs);
    lobby.says(conn, head.replace("Host", &format!("Rdv-Attempt: {id}\r\nHost")));
    conn
}

fn question(token: &str, id: &str) -> String {
    format!("OBSERVE /{token} HTTP/1.1\r\nHost: h\r\nRdv-Attempt: {id}\r\n\r\n")
}

fn asks(lobby: &mut Bench<Lobby>, remote: &str, question: &str) -> ConnId {
    let conn = lobby.accept(remote);
    lobby.says(conn, question);
    conn
}

fn answer(observed: &str, noted: &str, connection: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nConnection: {connection}\r\nContent-Length: 0\r\nRdv-Noted: {noted}\r\n\
         Rdv-Observed-Addr: {observed}\r\n\r\n"
    )
}

fn wrote(lobby: &Bench<Lobby>, conn: ConnId) -> String {
    String::from_utf8(lobby.written(conn).to_vec()).unwrap()
}

/// What the peer of a client with this role is told of it.
fn told_of(lobby: &mut Bench<Lobby>, role: Role) -> String {
    let pair = lobby.matched();
    let peer = if role == Role::Dial { pair.accepter } else { pair.dialer };
    let head = String::from_utf8(pair.relay.written(peer).to_vec()).unwrap();
    head.lines().find_map(|line| line.strip_prefix("Rdv-Peer-Addrs: ")).unwrap().to_owned()
}

#[test]
fn the_peer_gets_both_addresses() {
    for role in [Role::Dial, Role::Accept] {
        for (first, second) in [(SIX, FOUR), (FOUR, SIX)] {
            let mut lobby = Bench::open(LobbyConfig::default());
            join(&mut lobby, role, first, ID);
            let asked = asks(&mut lobby, second, &question("tok", ID));
            assert_eq!(wrote(&lobby, asked), answer(second, "yes", "close"));
            assert_eq!(lobby.left(), [Reason::Observed]);
            lobby.fins(asked);
            assert_eq!(lobby.state(asked), State::Closed);
            join(&mut lobby, role.other(), "203.0.113.9:9", "0123456789abcdef");
            assert_eq!(told_of(&mut lobby, role), format!("10.0.0.1:1, {FOUR}, {SIX}"));
        }
    }
}

/// Its peer has come, and it is being asked whether it is still there.
#[test]
fn it_is_in_time_until_the_pair_is_made() {
    let mut lobby = Bench::open(LobbyConfig::default());
    let waiting = join(&mut lobby, Role::Accept, SIX, ID);
    lobby.lags(waiting);
    let arriving = join(&mut lobby, Role::Dial, "[2001:db8::9]:9", "0123456789abcdef");
    for (remote, id) in [(FOUR, ID), ("203.0.113.9:9", "0123456789abcdef")] {
        let asked = asks(&mut lobby, remote, &question("tok", id));
        assert_eq!(wrote(&lobby, asked), answer(remote, "yes", "close"));
    }
    lobby.events.clear();
    lobby.releases(waiting);
    let pair = lobby.matched();
    for (conn, expected) in [
        (pair.dialer, format!("10.0.0.1:1, {FOUR}, {SIX}")),
        (pair.accepter, "10.0.0.1:1, 203.0.113.9:9, [2001:db8::9]:9".to_owned()),
    ] {
        let head = String::from_utf8_lossy(pair.relay.written(conn)).into_owned();
        assert!(head.contains(&format!("Rdv-Peer-Addrs: {expected}\r\n")), "{head}");
    }
    assert_eq!(pair.dialer, arriving);
    let late = asks(&mut lobby, FOUR, &question("tok", ID));
    assert_eq!(wrote(&lobby, late), answer(FOUR, "no", "keep-alive"), "the pair is made");
}

/// Nobody can add an address to a client without its token and its attempt's id; nor learn whether it is there.
#[test]
fn a_stranger_adds_nothing() {
    let mut lobby = Bench::open(LobbyConfig::default());
    join(&mut lobby, Role::Accept, SIX, ID);
    let other = [
        question("tok", "00ff00ff00ff00fe"),
        question("tok", "0000000000000000"),
        question("tok2", ID),
        question("nobody", "00ff00ff00ff00fe"),
    ];
    for question in other {
        let asked = asks(&mut lobby, FOUR, &question);
        assert_eq!(wrote(&lobby, asked), answer(FOUR, "no", "keep-alive"), "{question}");
    }
    let none = [
        question("tok", ""),
        question("tok", "ff00ff00ff00ff"),
        question("tok", "000ff00ff00ff00ff"),
        question("tok", "+0ff00ff00ff00ff"),
        question("tok", "00ff00ff00ff00fg"),
        question("tok", ID).replace("\r\n\r\n", &format!("\r\nRdv-Attempt: {ID}\r\n\r\n")),
        question("tok", ID).replace("Rdv-Attempt", "Rdv-Other"),
    ];
    for question in none {
        let asked = asks(&mut lobby, FOUR, &question);
        assert_eq!(wrote(&lobby, asked), answer(FOUR, "no", "close"), "{question}");
    }
    lobby.events.clear();
    lobby.join(Role::Dial, "tok");
    assert_eq!(told_of(&mut lobby, Role::Accept), format!("10.0.0.1:1, {SIX}"));
}

/// One that names no attempt cannot be asked about, whatever the question says.
#[test]
fn a_client_without_an_id_is_nobody() {
    for id in ["", "0", "none", "+000000000000000"] {
        let mut lobby = Bench::open(LobbyConfig::default());
        join(&mut lobby, Role::Accept, SIX, id);
        for asked in ["0000000000000000", "ffffffffffffffff"] {
            let asked = asks(&mut lobby, FOUR, &question("tok", asked));
            assert_eq!(wrote(&lobby, asked), answer(FOUR, "no", "keep-alive"), "{id}");
        }
        assert_eq!(lobby.machine.waiting(), 1, "a bad id does a client no harm");
    }
}

/// More than ten, and a client of the reference takes the 101 for a bad one.
#[test]
fn there_are_never_more_than_ten_addresses_and_none_twice() {
    let some = |n: u16| (1..=n).map(|i| format!("10.0.0.1:{i}")).collect::<Vec<_>>().join(", ");
    let seven = format!("{}, {SIX}", some(7));
    let rows = [
        (some(8), SIX, "yes", format!("{}, {FOUR}, {SIX}", some(8))),
        (some(9), SIX, "no", format!("{}, {FOUR}", some(9))),
        (some(1), FOUR, "yes", format!("{}, {FOUR}", some(1))),
        (some(9), FOUR, "yes", format!("{}, {FOUR}", some(9))),
        (seven.clone(), SIX, "yes", format!("{}, {FOUR}, {SIX}", some(7))),
    ];
    for (selfs, asked_from, noted, expected) in rows {
        let mut lobby = Bench::open(LobbyConfig::default());
        join_with(&mut lobby, Role::Accept, FOUR, ID, &selfs);
        let asked = asks(&mut lobby, asked_from, &question("tok", ID));
        assert_eq!(wrote(&lobby, asked), answer(asked_from, noted, "close"), "{selfs}");
        lobby.events.clear();
        lobby.join(Role::Dial, "tok");
        assert_eq!(told_of(&mut lobby, Role::Accept), expected);
    }

    // One that is listed already does not take the place of another.
    let mut lobby = Bench::open(LobbyConfig::default());
    join_with(&mut lobby, Role::Accept, FOUR, ID, &seven);
    let from =
        [(SIX, "yes"), ("[2001:db8::8]:1", "yes"), ("[2001:db8::9]:1", "no"), ("[2001:db8::8]:1", "yes")];
    for (remote, noted) in from {
        let asked = asks(&mut lobby, remote, &question("tok", ID));
        assert_eq!(wrote(&lobby, asked), answer(remote, noted, "close"), "one more, and that for good");
    }
}

/// The question has overtaken the request.
#[test]
fn one_that_comes_too_early_may_ask_again() {
    let mut lobby = Bench::open(LobbyConfig::default());
    let asked = asks(&mut lobby, SIX, &question("tok", ID));
    assert_eq!(wrote(&lobby, asked), answer(SIX, "no", "keep-alive"));
    assert_eq!(lobby.left(), [], "it is still here");
    join(&mut lobby, Role::Accept, FOUR, ID);
    lobby.says(asked, question("tok", ID));
    assert_eq!(wrote(&lobby, asked), answer(SIX, "no", "keep-alive") + &answer(SIX, "yes", "close"));
    assert_eq!(lobby.left(), [Reason::Observed]);
    lobby.join(Role::Dial, "tok");
    assert_eq!(told_of(&mut lobby, Role::Accept), format!("10.0.0.1:1, {FOUR}, {SIX}"));
}

#[test]
fn asking_again_has_an_end() {
    let mut lobby = Bench::open(LobbyConfig::default());
    let asked = asks(&mut lobby, SIX, &question("tok", ID));
    lobby.says(asked, question("tok", ID));
    lobby.says(asked, question("tok", ID));
    let (again, end) = (answer(SIX, "no", "keep-alive"), answer(SIX, "no", "close"));
    assert_eq!(wrote(&lobby, asked), again.repeat(2) + &end, "after the third time");

    // Its answer is not there yet: what it says meanwhile is not read.
    let slow = lobby.accept(SIX);
    lobby.holds(slow);
    lobby.says(slow, question("tok", ID));
    lobby.says(slow, question("tok", ID));
    assert_eq!(wrote(&lobby, slow), again);
    lobby.releases(slow);
    assert_eq!(wrote(&lobby, slow), again.repeat(2));
    lobby.events.clear();

    // For all of it there is the time that one request may take.
    lobby.wait(9_999);
    assert_eq!(lobby.state(slow), State::Open);
    lobby.wait(1);
    assert_eq!((lobby.state(slow), lobby.left()), (State::Closed, vec![Reason::Observed]));

    // Or until it leaves.
    let leaves = asks(&mut lobby, SIX, &question("tok", ID));
    lobby.fins(leaves);
    assert_eq!((lobby.state(leaves), lobby.left()), (State::Closed, vec![Reason::Observed]));
    assert!(lobby.machine.is_empty());

    // A peer may be asked for behind it, as behind no other request.
    let both = asks(&mut lobby, SIX, &question("tok", ID));
    lobby.says(both, request(Role::Dial, "tok"));
    assert_eq!((lobby.machine.waiting(), lobby.left()), (1, vec![]));
    lobby.fails(both, std::io::ErrorKind::ConnectionReset);
    assert_eq!(lobby.left(), [Reason::Gone]);
}

/// However short its head is, nothing of what follows is lost.
#[test]
fn one_that_does_not_wait_for_its_answer_gets_it_all_the_same() {
    for chop in [1, usize::MAX] {
        let mut lobby = Bench::open(LobbyConfig::default());
        lobby.chop = chop;
        let short = format!("OBSERVE /t HTTP/1.1\nHost:\nRdv-Attempt:{ID}\n\n");
        let asked = asks(&mut lobby, SIX, &(short.repeat(2) + &request(Role::Dial, "tok")));
        assert_eq!(wrote(&lobby, asked), answer(SIX, "no", "keep-alive").repeat(2));
        assert_eq!(lobby.machine.waiting(), 1);
    }
}

#[test]
fn questions_are_refused_like_requests() {
    let good = question("tok", ID);
    let rows = [
        (good.replace("1.1", "1.0"), "426", "bad-version"),
        (question("", ID), "400", "empty-token"),
        (good.replace("Host: h\r\n", ""), "400", "host"),
        (good.replace("/tok", "tok"), "400", "malformed"),
        (good.replace("OBSERVE", "observe"), "426", "not-an-upgrade"),
        (good.replace("OBSERVE", "GET"), "426", "not-an-upgrade"),
        // To a server that does not know it, this is the order of its checks.
        (good.replace("Host", "Connection: upgrade\r\nUpgrade: rdv/1\r\nHost"), "400", "bad-method"),
        (good.replace("Host", "Upgrade: rdv/1\r\nHost"), "426", "not-an-upgrade"),
    ];
    for (head, status, code) in rows {
        let mut lobby = Bench::open(LobbyConfig::default());
        let asked = asks(&mut lobby, SIX, &head);
        assert_eq!((lobby.status(asked), lobby.answer(asked)), (status, code), "{head}");
    }
    let mut lobby = Bench::open(LobbyConfig::default());
    lobby.machine.close(lobby.now);
    let asked = asks(&mut lobby, SIX, &good);
    assert_eq!((lobby.status(asked), lobby.answer(asked)), ("503", "closed"));
}

#[test]
fn a_full_server_still_tells_addresses() {
    let mut lobby = Bench::open(LobbyConfig { max_waiting: 1, ..LobbyConfig::default() });
    join(&mut lobby, Role::Accept, SIX, ID);
    let asked = asks(&mut lobby, FOUR, &question("tok", ID));
    assert_eq!(wrote(&lobby, asked), answer(FOUR, "yes", "close"));
}

#[test]
fn behind_a_proxy_it_is_the_proxy_s_word() {
    let observed = crate::Observed::Header("x-real".parse().unwrap());
    let mut lobby = Bench::open(LobbyConfig { observed, ..LobbyConfig::default() });
    let head = question("tok", ID);
    let asked = asks(&mut lobby, "192.0.2.1:1", &head.replace("Host", &format!("X-Real: {SIX}\r\nHost")));
    assert_eq!(wrote(&lobby, asked), answer(SIX, "no", "keep-alive"));
    let asked = asks(&mut lobby, "192.0.2.1:2", &head);
    assert_eq!(lobby.answer(asked), "no-observed-addr");
    // It may mean well, and have every request upgraded.
    let upgraded = head.replace("Host", &format!("Connection: upgrade\r\nX-Real: {FOUR}\r\nHost"));
    let asked = asks(&mut lobby, "192.0.2.1:3", &upgraded);
    assert_eq!(wrote(&lobby, asked), answer(FOUR, "no", "keep-alive"));
}
