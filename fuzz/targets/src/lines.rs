//! Lines of strangers: the hello on a direct connection, and the commands.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Instant;

use rdv_core::{
    AddrList, AddrSpaces, ConnId, Event, Fate, Input, Intent, LobbyConfig, Output, RelayEnd, RelayEvent,
    Role, Route, SelfAddrs, Token,
};

use crate::client::{Client, addr, attempt};
use crate::pair::{Asks, pair};
use crate::stream::{Stream, whatever_the_cut};

/// The first byte says who listens, the second how the stream is cut into reads, the third how long the token is that
/// comes next; the rest is what comes.
///
/// Who may pass is decided by the plain definition of a line. Of what follows, not a byte is read.
pub fn lines(input: &[u8]) {
    let [who, cut, len, rest @ ..] = input else {
        return;
    };
    let (token, stream) = rest.split_at(usize::from(*len).min(rest.len()));
    let Ok(token) = Token::new(token) else {
        return;
    };
    match who % 4 {
        0 => on_direct(Role::Dial, &token, stream, *cut),
        1 => on_direct(Role::Accept, &token, stream, *cut),
        2 => on_relay(Role::Dial, stream, *cut),
        _ => on_relay(Role::Accept, stream, *cut),
    }
}

fn on_direct(role: Role, token: &Token, stream: &[u8], cut: u8) {
    let verdict = whatever_the_cut(stream, cut, |stream| in_client(role, token, stream));
    let hello = line_of(stream).filter(|hello| is_hello(hello, role.other(), token));
    let direct = match (role, hello) {
        (_, None) => None,
        (Role::Dial, Some(hello)) => Some(hello.len()),
        (Role::Accept, Some(hello)) => {
            let command = line_of(&stream[hello.len()..]);
            command.filter(|line| continues(line)).map(|command| hello.len() + command.len())
        }
    };
    assert_eq!(verdict.direct, direct, "the verdict of {role} on {}", stream.escape_ascii());

    // What the peer says of itself is understood.
    let command: &[u8] = if role == Role::Accept { b"CONTINUE\n" } else { b"" };
    let said = [&hello_of(role.other(), token), command, b"the application's"].concat();
    let verdict = in_client(role, token, Stream::new(&said, usize::MAX));
    let read = said.len() - b"the application's".len();
    assert_eq!(verdict.direct, Some(read), "{role} hears {}", said.escape_ascii());
}

#[derive(Debug, PartialEq)]
struct Verdict {
    /// How much was read of a direct connection that was selected.
    direct: Option<usize>,
    /// What else became of it.
    fate: Option<Fate>,
}

fn in_client(role: Role, token: &Token, stream: Stream<'_>) -> Verdict {
    let (mut client, _) = racing(role, token, PEER, stream);
    let (chosen, report) = match client.run() {
        Event::Selected(selected) => (Some((selected.conn, selected.route)), selected.report),
        Event::Failed(failure) => (None, failure.report),
        event => panic!("unknown event {event:?}"),
    };
    let fate = report.candidates.iter().find(|it| it.addr == PEER).map(|it| it.fate);
    let direct =
        chosen.filter(|(_, route)| *route == Route::Direct).map(|(conn, _)| client.heard[&conn].read);
    Verdict { direct, fate }
}

/// A client that has its 101, and a connection from `remote`.
fn racing<'a>(role: Role, token: &Token, remote: SocketAddr, says: Stream<'a>) -> (Client<'a>, ConnId) {
    let server = Stream::new(SWITCH, usize::MAX);
    let mut client = Client::new(&attempt(role, token, SelfAddrs::default()), AddrSpaces::ALL, server);
    let conn = client.accept(remote, says);
    (client, conn)
}

/// What a client writes first on a direct connection.
fn hello_of(role: Role, token: &Token) -> Vec<u8> {
    let (mut client, conn) = racing(role, token, PEER, Stream::new(b"", 1));
    client.run();
    client.written.remove(&conn).expect("a hello is written")
}

fn on_relay(first: Role, stream: &[u8], cut: u8) {
    let end = whatever_the_cut(stream, cut, |stream| in_relay(first, stream));
    let line = line_of(stream).unwrap_or_default();
    let expected = match words(line)[..] {
        [b"CONTINUE", ..] => End::Spliced(line.len()),
        [b"OTHER", addr] => End::Finished(RelayEnd::Direct(addr_of(addr))),
        _ => End::Finished(RelayEnd::NoCommand),
    };
    assert_eq!(end, expected, "the relay's verdict on {}", stream.escape_ascii());
    if let End::Finished(RelayEnd::Direct(Some(addr))) = end {
        check_other(addr);
    }
}

#[derive(Debug, PartialEq)]
enum End {
    /// So much was read of the dialer's.
    Spliced(usize),
    Finished(RelayEnd),
}

fn in_relay(first: Role, mut stream: Stream<'_>) -> End {
    let now = Instant::now();
    let mut matched = pair(now, &Asks::default(), &Asks::default(), first, LobbyConfig::default());
    let (dialer, relay) = (matched.dialer, &mut matched.relay);
    // Whoever came first has the lobby's read of one byte under way.
    let mut watch = (first == Role::Dial).then(|| stream.next(NonZeroUsize::MIN));
    loop {
        match relay.poll_output() {
            Output::Intent(Intent::Write { conn, .. }) => relay.handle_input(now, Input::Wrote(conn)),
            Output::Intent(Intent::Read { conn, max }) => {
                assert_eq!(conn, dialer, "the relay reads what is the accepter's data");
                relay.handle_input(now, Input::Read(conn, stream.next(max)));
            }
            Output::Intent(Intent::StopRead { conn }) => relay.handle_input(now, Input::Quiet(conn)),
            Output::Intent(_) => {}
            Output::Event(RelayEvent::Splice(_)) => return End::Spliced(stream.read),
            Output::Event(RelayEvent::Finished(report)) => return End::Finished(report.end),
            Output::Event(event) => panic!("unknown event {event:?}"),
            Output::Wait(_) => match watch.take() {
                Some(byte) => relay.handle_input(now, Input::Read(dialer, byte)),
                None => panic!("the relay waits although every read was answered"),
            },
        }
    }
}

/// A dialer that chooses a connection to this address tells the server so in words that it understands.
fn check_other(addr: SocketAddr) {
    if !AddrSpaces::ALL.includes(addr.ip()) {
        return;
    }
    let token = Token::new("tok").expect("a token");
    let hello = hello_of(Role::Accept, &token);
    let (mut dialer, conn) = racing(Role::Dial, &token, addr, Stream::new(&hello, usize::MAX));
    let event = dialer.run();
    let server = dialer.written.iter().find(|(other, _)| **other != conn).map(|(_, said)| said.as_slice());
    let command = server.and_then(|said| said.split_inclusive(|byte| *byte == b'\n').next_back());
    let end = in_relay(Role::Dial, Stream::new(command.unwrap_or_default(), 1));
    assert_eq!(end, End::Finished(RelayEnd::Direct(Some(addr))), "a dialer told the server of {event:?}");
}

/// The line that a stream begins with, its LF included.
pub(crate) fn line_of(stream: &[u8]) -> Option<&[u8]> {
    let line = stream.split_inclusive(|byte| *byte == b'\n').next()?;
    (line.ends_with(b"\n") && line.len() <= LINE_MAX).then_some(line)
}

fn words(line: &[u8]) -> Vec<&[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect()
}

fn is_hello(line: &[u8], role: Role, token: &Token) -> bool {
    match words(line)[..] {
        [b"rdv/1", method, escaped] => {
            method == role.to_string().as_bytes() && unescape(escaped).as_deref() == Some(token.as_bytes())
        }
        _ => false,
    }
}

fn unescape(mut text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    while let [byte, behind @ ..] = text {
        text = behind;
        bytes.push(*byte);
        if *byte == b'%' {
            let hex = str::from_utf8(text.get(..2)?).ok()?;
            let digits = hex.bytes().all(|digit| digit.is_ascii_hexdigit());
            *bytes.last_mut()? = u8::from_str_radix(hex, 16).ok().filter(|_| digits)?;
            text = &text[2..];
        }
    }
    Some(bytes)
}

fn continues(line: &[u8]) -> bool {
    words(line).first() == Some(&&b"CONTINUE"[..])
}

fn addr_of(word: &[u8]) -> Option<SocketAddr> {
    let text = str::from_utf8(word).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()))?;
    text.parse::<AddrList<1>>().ok()?.first().copied()
}

/// The longest line, its LF included.
const LINE_MAX: usize = 4096;
const PEER: SocketAddr = addr([10, 0, 0, 9], 4000);
/// Without addresses of the peer: it is the peer that dials.
const SWITCH: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n\r\n";
