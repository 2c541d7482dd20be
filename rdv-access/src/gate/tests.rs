use std::{env, fs, process};

use rdv_core::http::StatusCode;
use rdv_core::{Lobby, LobbyConfig, LobbyEvent, Output, Reason, Token};
use std::sync::Arc;
use std::time::Instant;

use super::*;

const KEY: &str = "0123456789abcdef0123456789abcdef";
const BEARER: &str = "mF_9.B5f-4.1JqM0";

/// What a lobby with this gate answers to a client with these credentials: the status of a refusal, or none.
fn asks(gate: &Arc<Gate>, credentials: &str) -> Option<(StatusCode, &'static str)> {
    let mut config = LobbyConfig::default();
    config.admission = gate.clone();
    let (mut lobby, now) = (Lobby::new(config), Instant::now());
    let conn = lobby.handle_accept(now, "192.0.2.1:1".parse().unwrap());
    let head = format!(
        "DIAL /7f3a9c HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n{credentials}\r\n\r\n"
    );
    let mut rest = head.as_bytes();
    loop {
        match lobby.poll_output() {
            Output::Intent(rdv_core::Intent::Read { max, .. }) if !rest.is_empty() => {
                let (now_read, later) = rest.split_at(max.get().min(rest.len()));
                rest = later;
                lobby.handle_input(now, rdv_core::Input::Read(conn, now_read));
            }
            Output::Event(LobbyEvent::Left { reason: Reason::Rejected(reject), .. }) => {
                return Some((reject.status(), reject.code()));
            }
            Output::Wait(_) => return None,
            Output::Intent(_) | Output::Event(_) => {}
        }
    }
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

fn grant(seconds: u64) -> String {
    let keys = GrantKeys::parse(KEY).unwrap();
    bearer(&keys.grant(&Token::new("7f3a9c").unwrap(), now() + seconds))
}

const UNAUTHORIZED: StatusCode = StatusCode::UNAUTHORIZED;

#[test]
fn either_kind_of_credentials_will_do() {
    let gate = Gate::new().with_bearers(Bearers::parse(BEARER).unwrap());
    let gate = Arc::new(
        gate.with_grants(GrantKeys::parse(KEY).unwrap()).with_longest_grant(Some(Duration::from_secs(3600))),
    );
    for (credentials, answer) in [
        (bearer(BEARER), None),
        (grant(60), None),
        (grant(3600), None),
        (grant(7200), Some((UNAUTHORIZED, "credentials-too-long"))),
        (
            bearer(&GrantKeys::parse(KEY).unwrap().grant(&Token::new("7f3a9c").unwrap(), 1_500_000_000)),
            Some((UNAUTHORIZED, "credentials-expired")),
        ),
        (
            bearer(&GrantKeys::parse(KEY).unwrap().grant(&Token::new("other").unwrap(), now() + 60)),
            Some((UNAUTHORIZED, "credentials-wrong")),
        ),
        (bearer("rdv1.1.x"), Some((UNAUTHORIZED, "credentials-wrong"))),
        (bearer("mF_9.B5f-4.1JqM1"), Some((UNAUTHORIZED, "credentials-wrong"))),
        ("X-Nothing: here".into(), Some((UNAUTHORIZED, "credentials-missing"))),
        (bearer(""), Some((StatusCode::BAD_REQUEST, "credentials-malformed"))),
    ] {
        assert_eq!(asks(&gate, &credentials), answer, "{credentials}");
    }
}

#[test]
fn a_gate_without_anything_lets_nobody_in() {
    let gate = Arc::new(Gate::new());
    assert_eq!(asks(&gate, &bearer(BEARER)), Some((UNAUTHORIZED, "credentials-wrong")));
    assert_eq!(asks(&gate, &grant(60)), Some((UNAUTHORIZED, "credentials-wrong")));
}

#[test]
fn no_secret_is_shown() {
    let gate = Gate::new().with_bearers(Bearers::parse(BEARER).unwrap());
    let shown = format!("{:?}", gate.with_grants(GrantKeys::parse(KEY).unwrap()));
    assert!(!shown.contains(BEARER) && !shown.contains(KEY), "{shown}");
}

#[test]
fn files_are_read_again() {
    let dir = env::temp_dir().join(format!("rdv-access-test-{}", process::id()));
    fs::create_dir(&dir).unwrap();
    let (bearers, keys) = (dir.join("bearers"), dir.join("keys"));
    fs::write(&bearers, BEARER).unwrap();
    fs::write(&keys, KEY).unwrap();
    let gate = Arc::new(Gate::open(Some(bearers.clone()), Some(keys.clone())).unwrap());
    assert_eq!((asks(&gate, &bearer(BEARER)), asks(&gate, &grant(60))), (None, None));

    // One that is of no use leaves both as they were.
    fs::write(&bearers, "aaaaaaaaaaaaaaaa").unwrap();
    fs::write(&keys, "short").unwrap();
    let error = gate.reload().unwrap_err();
    assert_eq!(error.path(), keys);
    let why = "line 1 is shorter than 32 characters, and so could be guessed";
    assert_eq!(error.to_string(), format!("cannot use {}: {why}", keys.display()));
    assert_eq!((asks(&gate, &bearer(BEARER)), asks(&gate, &grant(60))), (None, None));

    fs::write(&keys, "fedcba9876543210fedcba9876543210").unwrap();
    gate.reload().unwrap();
    let wrong = Some((UNAUTHORIZED, "credentials-wrong"));
    assert_eq!((asks(&gate, &bearer(BEARER)), asks(&gate, &grant(60))), (wrong, wrong));
    assert_eq!(asks(&gate, &bearer("aaaaaaaaaaaaaaaa")), None);

    for (content, why) in
        [(b"\xff\xff".to_vec(), "it is no text"), (vec![b'#'; (1 << 20) + 1], "it is longer than 1 MiB")]
    {
        fs::write(&bearers, content).unwrap();
        assert!(gate.reload().unwrap_err().to_string().ends_with(why));
    }
    fs::remove_dir_all(&dir).unwrap();
    assert!(gate.reload().is_err() && Gate::open(Some(bearers), None).is_err());
    assert_eq!(asks(&gate, &bearer("aaaaaaaaaaaaaaaa")), None);
}
