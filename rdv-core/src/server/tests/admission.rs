//! Who may use the server, by the operator's word.

use std::sync::{Arc, Mutex};

use http::StatusCode;

use super::*;
use crate::wire::Denial;
use crate::{Admission, Caller};

/// Lets in whoever shows one bearer token, and remembers who has come.
#[derive(Debug, Default)]
struct Porter(Mutex<Vec<String>>);

impl Admission for Porter {
    fn admit(&self, caller: &Caller<'_>) -> Result<(), Reject> {
        let Caller { role, token, observed, .. } = caller;
        self.0.lock().unwrap().push(format!("{role:?} {} {observed}", token.as_bytes().escape_ascii()));
        match caller.bearer().map_err(Reject::Unauthorized)? {
            "7f3a" => Ok(()),
            "banned" => Err(Reject::Application(StatusCode::FORBIDDEN, "go away".into())),
            _ => Err(Reject::Unauthorized(Denial::Wrong)),
        }
    }
}

fn guarded() -> (Bench<Lobby>, Arc<Porter>) {
    let porter = Arc::<Porter>::default();
    (Bench::open(LobbyConfig { admission: porter.clone(), ..LobbyConfig::default() }), porter)
}

fn with(headers: &str, head: &str) -> String {
    head.replace("Host:", &format!("{headers}Host:"))
}

#[test]
fn credentials_are_read_as_rfc_6750_has_them() {
    let rows = [
        ("", "401", "credentials-missing"),
        ("Authorization: Bearer 7f3a\r\n", "", ""),
        ("authorization: BEARER 7f3a\r\n", "", ""),
        ("Authorization: Bearer   7f3a  \r\n", "", ""),
        ("Authorization: Bearer 7f3b\r\n", "401", "credentials-wrong"),
        ("Authorization: Bearer 7f3a7f3a\r\n", "401", "credentials-wrong"),
        ("Authorization: Basic 7f3a\r\n", "401", "credentials-missing"),
        ("Authorization: 7f3a\r\n", "401", "credentials-missing"),
        ("Authorization:\r\n", "401", "credentials-missing"),
        ("Authorization: Bearer\r\n", "400", "credentials-malformed"),
        ("Authorization: Bearer \r\n", "400", "credentials-malformed"),
        ("Authorization: Bearer 7f3a, Bearer x\r\n", "400", "credentials-malformed"),
        ("Authorization: Bearer 7f 3a\r\n", "400", "credentials-malformed"),
        ("Authorization: Bearer \u{e9}\r\n", "400", "credentials-malformed"),
        ("Authorization: Bearer 7f3a\r\nAuthorization: Bearer 7f3a\r\n", "400", "credentials-malformed"),
        ("Authorization: Bearer banned\r\n", "403", "application"),
        ("Proxy-Authorization: Bearer 7f3a\r\n", "401", "credentials-missing"),
    ];
    for (headers, status, code) in rows {
        let (mut lobby, _) = guarded();
        for head in [request(Role::Dial, "tok"), "OBSERVE /tok HTTP/1.1\r\nHost: h\r\n\r\n".into()] {
            let client = lobby.client();
            lobby.says(client, with(headers, &head));
            let answer = String::from_utf8_lossy(lobby.written(client)).into_owned();
            if code.is_empty() {
                let seated = head.starts_with("DIAL");
                assert!(
                    if seated { answer.is_empty() } else { answer.contains(" 200 ") },
                    "{headers}: {answer}"
                );
            } else {
                assert_eq!(
                    (lobby.status(client), lobby.answer(client)),
                    (status, code),
                    "{headers}: {answer}"
                );
            }
        }
    }
}

#[test]
fn a_refusal_says_how_to_come_in() {
    let rows = [
        ("", "\r\nWWW-Authenticate: Bearer realm=\"rdv\"\r\n"),
        (
            "Authorization: Bearer x\r\n",
            "\r\nWWW-Authenticate: Bearer realm=\"rdv\", error=\"invalid_token\", error_description=\"these cred",
        ),
        (
            "Authorization: Bearer\r\n",
            "\r\nWWW-Authenticate: Bearer realm=\"rdv\", error=\"invalid_request\", error_description=\"expected",
        ),
    ];
    for (headers, challenge) in rows {
        let (mut lobby, _) = guarded();
        let client = lobby.client();
        lobby.says(client, with(headers, &request(Role::Dial, "tok")));
        let answer = String::from_utf8_lossy(lobby.written(client)).into_owned();
        assert!(answer.contains(challenge), "{headers}: {answer}");
    }
}

/// Whoever is not let in replaces nobody, and learns nothing of who waits.
#[test]
fn it_is_asked_before_there_is_a_place() {
    let (mut lobby, porter) = guarded();
    let good = with("Authorization: Bearer 7f3a\r\n", &request(Role::Dial, "tok"));
    let waiting = lobby.accept("192.0.2.1:1");
    lobby.says(waiting, &good);
    for role in [Role::Dial, Role::Accept] {
        let stranger = lobby.accept("192.0.2.2:2");
        lobby.says(stranger, request(role, "tok"));
        assert_eq!(lobby.answer(stranger), "credentials-missing");
    }
    assert_eq!((lobby.state(waiting), lobby.answer(waiting)), (State::Open, ""));
    let peer = lobby.accept("192.0.2.3:3");
    lobby.says(peer, good.replace("DIAL", "ACCEPT"));
    lobby.events.retain(|event| matches!(event, LobbyEvent::Matched(_)));
    assert_eq!(lobby.matched().dialer, waiting);
    let asked = porter.0.lock().unwrap().clone();
    let expected = [
        "Some(Dial) tok 192.0.2.1:1",
        "Some(Dial) tok 192.0.2.2:2",
        "Some(Accept) tok 192.0.2.2:2",
        "Some(Accept) tok 192.0.2.3:3",
    ];
    assert_eq!(asked, expected);
}

#[test]
fn it_is_not_asked_of_what_is_no_request() {
    let (mut lobby, porter) = guarded();
    for head in
        ["GET / HTTP/1.1\r\nHost: h\r\n\r\n", "DIAL / HTTP/1.1\r\nHost: h\r\n\r\n", "nonsense\r\n\r\n"]
    {
        let client = lobby.client();
        lobby.says(client, head);
        assert_ne!(lobby.status(client), "401", "{head}");
    }
    assert!(porter.0.lock().unwrap().is_empty());
}

#[test]
fn by_default_everybody_may_come_in() {
    let mut lobby = Bench::open(LobbyConfig::default());
    lobby.join(Role::Dial, "tok");
    lobby.join(Role::Accept, "tok");
    lobby.matched();
}
