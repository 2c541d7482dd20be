//! A server's front against whatever a stranger sends in place of a request.

use std::time::Instant;

use rdv_core::http::{Request as HttpRequest, request::Parts};
use rdv_core::{
    AddrSpaces, Answered, Input, Intent, Lobby, LobbyConfig, LobbyEvent, Output, Reason, Reject, Request,
    Token,
};

use crate::client::{Client, SERVER, attempt};
use crate::head::{HEAD_MAX, Head, head_of};
use crate::stream::{Stream, whatever_the_cut};

/// The first byte says how the stream is cut into reads, the rest is what comes.
///
/// The lobby's verdict is the one that the head deserves by the plain definition.
pub fn request_head(input: &[u8]) {
    let [cut, stream @ ..] = input else {
        return;
    };
    let verdict = whatever_the_cut(stream, *cut, in_lobby);
    let reject = match head_of(stream) {
        Head::Whole(head) => match Request::parse(head) {
            Ok(request) => {
                check_coming_back(&request);
                check_client(&request);
                Reject::NotIdle
            }
            // A browser is shown the page. To a question there is an answer. What may follow then is another head, and no
            // more looked at. One that lacks a good id, or asks for an upgrade too, is no question.
            Err(Reject::NotAnUpgrade) if verdict.answer.starts_with(b"HTTP/1.1 200 OK\r\n") => {
                if verdict.reason == Reason::Visited {
                    let head = head.trim_ascii_start();
                    assert!(
                        [&b"GET "[..], b"HEAD "].iter().any(|it| head.starts_with(it)),
                        "a page for {}",
                        head.escape_ascii()
                    );
                    return;
                }
                let is_question = head.trim_ascii_start().starts_with(b"OBSERVE ");
                assert!(is_question, "an answer to {}", head.escape_ascii());
                let alone = head.len() == stream.len();
                assert!(!alone || verdict.reason == Reason::Observed, "{:?}", verdict.reason);
                return;
            }
            Err(reject) => reject,
        },
        Head::Incomplete if stream.is_empty() => {
            assert_eq!(verdict.reason, Reason::Gone, "a client that never says a word");
            return;
        }
        Head::Incomplete => Reject::Malformed("the head is not complete".into()),
        Head::Mixed => Reject::Malformed("lines end in CRLF and in LF".into()),
        Head::TooLarge => Reject::HeadTooLarge(HEAD_MAX),
    };
    check_answer(&reject, &verdict.answer);
    assert_eq!(
        verdict.reason,
        Reason::Rejected(reject),
        "the verdict on {:?}",
        stream.escape_ascii().to_string()
    );
}

#[derive(Debug, PartialEq)]
struct Verdict {
    reason: Reason,
    answer: Vec<u8>,
}

fn in_lobby(mut stream: Stream<'_>) -> Verdict {
    let now = Instant::now();
    let mut lobby = Lobby::new(LobbyConfig::default());
    let conn = lobby.handle_accept(now, SERVER);
    let mut answer = Vec::new();
    loop {
        match lobby.poll_output() {
            Output::Intent(Intent::Read { max, .. }) => {
                lobby.handle_input(now, Input::Read(conn, stream.next(max)));
            }
            Output::Intent(Intent::Write { data, .. }) => {
                answer.extend_from_slice(&data);
                lobby.handle_input(now, Input::Wrote(conn));
            }
            Output::Intent(_) => {}
            Output::Event(LobbyEvent::Left { reason, .. }) => {
                assert!(stream.asked <= AT_ONCE, "one read of a head asked for {} bytes", stream.asked);
                assert!(stream.read <= HEAD_MAX + AT_ONCE, "{} bytes were read of a head", stream.read);
                return Verdict { reason, answer };
            }
            Output::Event(event) => panic!("a lone client was served: {event:?}"),
            Output::Wait(_) => panic!("the lobby waits although every read was answered"),
        }
    }
}

/// A request that is written down as an HTTP stack has it says the same again.
fn check_coming_back(request: &Request) {
    let again = HttpRequest::builder().method(request.role.to_string().as_str());
    let uri = format!("/{}", request.token.escaped());
    let (mut parts, ()): (Parts, ()) =
        again.uri(uri).body(()).expect("a role and an escaped token make a request").into_parts();
    parts.headers = (*request.headers).clone();
    let head = Request::head(&parts);
    let again = Request::parse(&head).unwrap_or_else(|reject| panic!("{reject}: {}", head.escape_ascii()));
    assert_eq!(summary(&again), summary(request), "a request written down is another one");
    assert_eq!(again.headers, request.headers, "a request written down has other headers");
}

/// A client that asks for the same is understood.
fn check_client(request: &Request) {
    let Ok(token) = Token::new(request.token.as_bytes()) else {
        return;
    };
    let attempt = attempt(request.role, &token, request.self_addrs.clone());
    let mut client = Client::new(&attempt, AddrSpaces::NONE, Stream::new(b"", 1));
    client.run();
    let asked = client.written.pop_first().map(|(_, asked)| asked).unwrap_or_default();
    let again = Request::parse(&asked).unwrap_or_else(|reject| panic!("{reject}: {}", asked.escape_ascii()));
    assert_eq!(summary(&again), summary(request), "a client asks for something else");
}

fn summary(request: &Request) -> impl PartialEq + std::fmt::Debug {
    (request.role, request.token.as_bytes().to_vec(), request.self_addrs.clone())
}

/// The answer says what it is meant to, and nothing in it acts on a terminal.
fn check_answer(reject: &Reject, answer: &[u8]) {
    let answered = Answered::parse(answer).unwrap_or_else(|| panic!("no answer: {}", answer.escape_ascii()));
    assert!(!answered.switches, "a refusal switches protocols: {reject:?}");
    let text = reject.to_string();
    assert!(!text.contains(char::is_control), "controls in {text:?}");
    assert_eq!(answered.response.status(), reject.status(), "the status of {reject:?}");
    assert_eq!(answered.response.body(), text.as_bytes(), "the body of {reject:?}");
}

/// No read of a head is for more than this.
const AT_ONCE: usize = 2048;
