//! What one side writes the other reads as it was meant; and whatever else comes, no reader panics.

use http::StatusCode;
use proptest::prelude::*;

use super::super::answer::{Answer, switching_protocols};
use super::super::{
    Answered, Command, Headers, LineReader, Reject, Request, Role, ServerUrl, check_hello, hello, other,
    shortest_hello,
};
use crate::addr::{AddrList, AddrSpace, AddrSpaces, PeerAddrs, SelfAddrs, parse_addr, unmapped};
use crate::tests::cases::{addr, bytes, fixed_cases, role, stream_of, token};
use crate::token::{Token, unescape};

fn list<const MAX: usize>() -> impl Strategy<Value = AddrList<MAX>> {
    proptest::collection::vec(addr(), 0..=MAX).prop_map(|addrs| AddrList::new(addrs).unwrap())
}

fn url() -> impl Strategy<Value = ServerUrl> {
    let host = "[a-z]{1,8}(\\.[a-z]{1,5}){0,2}|192\\.0\\.2\\.[1-9]|\\[2001:db8::[1-9a-f]{1,4}\\]";
    let query = proptest::option::of("[a-z]{0,4}=[a-z0-9%/?]{0,6}");
    ("http|https|HTTP", host, proptest::option::of(1..=u16::MAX), "(/[a-zA-Z0-9._~-]{0,5}){0,3}", query)
        .prop_map(|(scheme, host, port, path, query)| {
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            let query = query.map(|query| format!("?{query}")).unwrap_or_default();
            let text = format!("{scheme}://{host}{port}{path}{query}");
            text.parse().unwrap_or_else(|err| panic!("{text:?}: {err}"))
        })
}

fn headers() -> impl Strategy<Value = Vec<(String, String)>> {
    proptest::collection::vec(("X-[A-Za-z0-9-]{1,8}", "([!-~]([ -~]{0,20}[!-~])?)?"), 0..4)
}

fn line_of(written: &[u8], mut reader: LineReader) -> Vec<u8> {
    let line = reader.push(written).expect("too long a line").expect("no whole line").to_vec();
    assert_eq!(line.len() + 1, written.len(), "a line ends with its only LF");
    line
}

/// Beginnings of what the readers know.
fn said() -> Vec<String> {
    let pieces = [
        "DIAL /tok?x%2 HTTP/1.1\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n",
        "Host: h\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n",
        "Rdv-Self-Addrs: 10.0.0.1:1, [fe80::1%eth0]:5,",
        "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        "\r\n\r\n",
        "rdv/1 DIAL %74ok\n",
        "CONTINUE\n",
        "OTHER [::1]:5\n",
        "http://user@[::1]:80/a?b",
        "public4, all",
        "%",
        ":",
        "é日",
    ];
    pieces.map(str::to_owned).to_vec()
}

proptest! {
    #![proptest_config(fixed_cases())]

    #[test]
    fn a_request_is_read_as_it_was_meant(
        role in role(), url in url(), token in token(), selfs in list::<9>(), extra in headers(),
    ) {
        let mut own = Headers::default();
        for (name, value) in &extra {
            own.add(name, value).unwrap();
        }
        let head = Request::encode(role, &url, &token, &selfs, None, &own);
        let request = Request::parse(&head).unwrap();
        prop_assert_eq!((request.role, request.self_addrs), (role, selfs));
        // The base path is the server's affair: what follows it is the token.
        prop_assert!(request.token.as_bytes().ends_with(token.as_bytes()), "{:?}", head);
        for (name, _) in &extra {
            let sent = extra.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
            let sent: Vec<_> = sent.map(|(_, value)| value.as_str()).collect();
            let read: Vec<_> = request.headers.get_all(name).iter().map(|it| it.to_str().unwrap()).collect();
            prop_assert_eq!(read, sent, "{} in {:?}", name, head);
        }
    }

    #[test]
    fn a_token_is_the_whole_target_where_the_base_has_no_path(token in token()) {
        let url = "http://h:1".parse().unwrap();
        let head = Request::encode(Role::Dial, &url, &token, &SelfAddrs::default(), None, &Headers::default());
        prop_assert_eq!(Request::parse(&head).unwrap().token, token);
    }

    #[test]
    fn a_101_is_read_as_it_was_meant(observed in addr(), peer in list::<10>()) {
        let observed = unmapped(observed);
        let head = switching_protocols(observed, &peer);
        let switched = Answer::parse(&head).and_then(Answer::into_switched).unwrap();
        prop_assert_eq!((switched.observed, switched.peer_addrs), (Some(observed), peer));
        prop_assert!(Answered::parse(&head).is_some_and(|answered| answered.switches));
    }

    #[test]
    fn a_refusal_is_read_as_it_was_meant(status in 100..1000u16, reason in "[ -~]{0,300}") {
        let reject = Reject::Application(StatusCode::from_u16(status).unwrap(), reason.clone());
        let answered = Answered::parse(&reject.encode()).unwrap();
        prop_assert!(!answered.switches, "{}", status);
        prop_assert_eq!(answered.response.status(), reject.status());
        prop_assert!(reject.status().as_u16() >= 400, "{} is no refusal", reject.status());
        prop_assert_eq!(answered.response.headers()["rdv-error"].as_bytes(), b"application");
        prop_assert_eq!(answered.response.body(), reason.as_bytes());
    }

    #[test]
    fn lists_are_read_as_they_were_meant(selfs in list::<9>(), peer in list::<10>()) {
        prop_assert_eq!(selfs.to_string().parse::<SelfAddrs>(), Ok(selfs));
        prop_assert_eq!(peer.to_string().parse::<PeerAddrs>(), Ok(peer));
    }

    #[test]
    fn sets_of_spaces_are_read_as_they_were_meant(
        spaces in proptest::sample::subsequence(&AddrSpace::EACH[..], 0..=8),
    ) {
        let twice: AddrSpaces = spaces.iter().chain(&spaces).copied().collect();
        prop_assert_eq!(twice.iter().collect::<Vec<_>>(), spaces, "naming a space twice is naming it");
        prop_assert_eq!(twice.to_string().parse::<AddrSpaces>(), Ok(twice));
    }

    #[test]
    fn a_hello_is_its_writer_s_alone(role in role(), token in token(), stranger in token()) {
        let line = line_of(&hello(role, &token), LineReader::new(shortest_hello(role, &token)));
        prop_assert_eq!(check_hello(&line, role, &token), Ok(()));
        prop_assert!(check_hello(&line, role.other(), &token).is_err(), "of the other role");
        prop_assert_eq!(check_hello(&line, role, &stranger).is_ok(), stranger == token);
    }

    #[test]
    fn commands_are_read_as_they_were_meant(chosen in addr()) {
        let chosen = unmapped(chosen);
        let line = line_of(&other(chosen), LineReader::for_command());
        prop_assert_eq!(Command::parse(&line), Command::Other(Some(chosen)));
        let line = line_of(&Command::take(), LineReader::for_command());
        prop_assert_eq!(Command::parse(&line), Command::Continue);
    }

    #[test]
    fn a_url_without_a_query_is_shown_whole(url in url()) {
        let shown = url.to_string();
        let again: ServerUrl = shown.parse().unwrap();
        prop_assert_eq!(again.to_string(), &shown[..]);
        prop_assert_eq!(
            (again.host(), again.port(), again.is_https()),
            (url.host(), url.port(), url.is_https()),
        );
        let token = Token::new("tok").unwrap();
        let target = url.target(&token);
        let path = target.split('?').next().unwrap_or_default();
        prop_assert_eq!(again.target(&token), path, "only the query is left out");
    }

    #[test]
    fn no_reader_panics(stream in stream_of(said()), more in bytes(20), room in 0..200usize) {
        let text = String::from_utf8_lossy(&stream).into_owned();
        let token = Token::new("tok").unwrap();
        let _ = Request::parse(&stream);
        let _ = Answered::parse(&stream);
        if let Ok(answer) = Answer::parse(&stream) {
            let _ = answer.clone().into_switched();
            let _ = answer.body_len();
            let _ = answer.into_refusal(stream.clone()).to_string();
        }
        let _ = check_hello(&stream, Role::Dial, &token);
        let _ = Command::parse(&stream);
        let _ = (LineReader::new(room).push(&stream), LineReader::for_command().push(&more));
        let _ = (unescape(&stream), Token::new(&stream).map(|token| token.to_string()));
        let _ = (parse_addr(&text), text.parse::<SelfAddrs>(), text.parse::<AddrSpaces>());
        let _ = text.parse::<ServerUrl>().map(|url| url.target(&token));
        let _ = Headers::default().add_line(&text);
    }
}
