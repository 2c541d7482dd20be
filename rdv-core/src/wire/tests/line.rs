use std::iter;

use proptest::prelude::*;

use super::super::line::LineTooLong;
use super::super::{
    Command, HELLO_MAX, HelloError, LineReader, Role, check_hello, hello, other, shortest_hello,
};
use crate::tests::cases::{cuts, fixed_cases};
use crate::token::Token;

/// A line without its LF, too long a line, or a stream that ended too soon; and how many bytes were taken.
type Outcome = (Option<Result<Vec<u8>, LineTooLong>>, usize);

fn read(stream: &[u8], mut reader: LineReader, cuts: impl IntoIterator<Item = usize>) -> Outcome {
    let mut taken = 0;
    for cut in cuts {
        let len = cut.clamp(1, reader.next_read().get()).min(stream.len() - taken);
        if len == 0 {
            return (None, taken);
        }
        let data = &stream[taken..taken + len];
        taken += len;
        match reader.push(data) {
            Ok(Some(line)) => return (Some(Ok(line.to_vec())), taken),
            Ok(None) => {}
            Err(err) => return (Some(Err(err)), taken),
        }
    }
    panic!("the cuts ran out");
}

fn cycle(cuts: Vec<usize>) -> impl Iterator<Item = usize> {
    cuts.into_iter().cycle()
}

fn largest() -> impl Iterator<Item = usize> {
    iter::repeat(usize::MAX)
}

fn bytewise() -> impl Iterator<Item = usize> {
    iter::repeat(1)
}

/// Streams that begin with a line, what the reference reads of it as `method token`, and what stays behind it.
/// An empty verdict is an error of the reference.
type Hello = (&'static [u8], &'static str, &'static [u8], &'static [u8]);

const HELLOS: &[Hello] = &[
    (b"rdv/1 DIAL tok\n", "DIAL", b"tok", b""),
    (b"rdv/1 ACCEPT tok\n", "ACCEPT", b"tok", b""),
    (b"rdv/1 DIAL tok\r\n", "DIAL", b"tok", b""),
    (b"rdv/1 DIAL tok\nCONTINUE\n", "DIAL", b"tok", b"CONTINUE\n"),
    (b" rdv/1 DIAL tok\n", "DIAL", b"tok", b""),
    (b"rdv/1  DIAL  tok\n", "DIAL", b"tok", b""),
    (b"rdv/1\tDIAL\ttok\n", "DIAL", b"tok", b""),
    (b"rdv/1 DIAL tok \n", "DIAL", b"tok", b""),
    (b"rdv/1 DIAL tok extra\n", "", b"", b""),
    (b"rdv/1 DIAL\n", "", b"", b""),
    (b"rdv/1 DIAL \n", "", b"", b""),
    (b"RDV/1 DIAL tok\n", "", b"", b""),
    (b"rdv/2 DIAL tok\n", "", b"", b""),
    (b"rdv/1 dial tok\n", "dial", b"tok", b""),
    (b"rdv/1 FOO tok\n", "FOO", b"tok", b""),
    (b"rdv/1 DIAL a%2Fb\n", "DIAL", b"a/b", b""),
    (b"rdv/1 DIAL a/b\n", "DIAL", b"a/b", b""),
    (b"rdv/1 DIAL a%20b+c\n", "DIAL", b"a b+c", b""),
    (b"rdv/1 DIAL %zz\n", "", b"", b""),
    (b"rdv/1 DIAL %C3%A5\n", "DIAL", "å".as_bytes(), b""),
    (b"rdv/1 DIAL \xc3\xa5\n", "DIAL", "å".as_bytes(), b""),
    (b"rdv/1 DIAL %c3%a5\n", "DIAL", "å".as_bytes(), b""),
    (b"rdv/1 DIAL %FF\n", "DIAL", b"\xff", b""),
    // The reference reads a bare byte that is no UTF-8 as U+FFFD. It never writes one, so bytes stay bytes here.
    (b"rdv/1 DIAL \xff\n", "DIAL", b"\xff", b""),
    (b"rdv/1 DIAL t%6Fk\n", "DIAL", b"tok", b""),
    (b"\n", "", b"", b""),
    (b"\nrdv/1 DIAL tok\n", "", b"", b""),
];

#[test]
fn hellos_are_read_as_the_reference_does() {
    for (stream, method, token, behind) in HELLOS {
        let shown = stream.escape_ascii();
        let lf = stream.iter().position(|b| *b == b'\n').unwrap();
        let role = Role::Dial;
        let expected = Token::new(if token.is_empty() { b"tok" } else { *token }).unwrap();
        let verdict = match *method {
            "" => Err(HelloError::Malformed),
            "DIAL" => Ok(()),
            _ => Err(HelloError::WrongRole),
        };
        for chop in [1, 5, usize::MAX] {
            let reader = LineReader::new(shortest_hello(role, &expected));
            let (line, taken) = read(stream, reader, iter::repeat(chop));
            assert_eq!(line, Some(Ok(stream[..lf].to_vec())), "{shown}");
            assert_eq!(check_hello(&stream[..lf], role, &expected), verdict, "{shown}");
            if verdict.is_ok() {
                assert_eq!(&stream[taken..], *behind, "{shown}: what stays behind");
            }
        }
        if verdict.is_ok() {
            let stranger = Token::new("stranger").unwrap();
            assert_eq!(check_hello(&stream[..lf], role, &stranger), Err(HelloError::WrongToken), "{shown}");
        }
    }
}

#[test]
fn a_line_has_4096_bytes_at_most() {
    for (len, fits) in [(4095, true), (4096, true), (4097, false)] {
        let stream = [b"rdv/1 DIAL ", &vec![b't'; len - 12][..], b"\nrest"].concat();
        for cut in [1, 100, usize::MAX] {
            let (line, taken) = read(&stream, LineReader::new(100), iter::repeat(cut));
            assert_eq!(line.map(|line| line.is_ok()), Some(fits), "{len} bytes");
            assert_eq!(taken, if fits { len } else { HELLO_MAX }, "{len} bytes");
        }
    }
}

/// No read is for so many bytes, but what a line costs must not depend on that.
#[test]
fn a_line_that_comes_in_lumps_is_bounded_too() {
    let mut reader = LineReader::for_command();
    assert_eq!(reader.push(b"x"), Ok(None));
    assert_eq!(reader.push(&[b'x'; 2 * HELLO_MAX]), Err(LineTooLong));
    assert_eq!(reader.push(b"\n"), Err(LineTooLong), "it stays too long");
}

#[test]
fn a_stream_that_ends_in_a_line_has_none() {
    for stream in [&b""[..], b"rdv/1 DIAL tok", b"CONTINUE", b"OTHER 1.2.3.4:5"] {
        let (line, taken) = read(stream, LineReader::for_command(), bytewise());
        assert_eq!((line, taken), (None, stream.len()), "{}", stream.escape_ascii());
    }
}

#[test]
fn our_hello_is_the_reference_s() {
    let rows: &[(&[u8], &str)] = &[
        (b"tok", "tok"),
        (b"a/b", "a%2Fb"),
        (b"a%41", "a%2541"),
        (b"a&b=c:d@e;f,g~!*'()$", "a&b=c:d@e%3Bf%2Cg~%21%2A%27%28%29$"),
        (b"\"<>^`{|}", "%22%3C%3E%5E%60%7B%7C%7D"),
        (b"tok ", "tok%20"),
        (b"\xff", "%FF"),
    ];
    for (token, escaped) in rows {
        let token = Token::new(token).unwrap();
        assert_eq!(hello(Role::Dial, &token), format!("rdv/1 DIAL {escaped}\n"));
        assert_eq!(hello(Role::Accept, &token), format!("rdv/1 ACCEPT {escaped}\n"));
    }
    assert_eq!(hello(Role::Accept, &Token::new("t".repeat(4082)).unwrap()).len(), HELLO_MAX);
}

/// Commands with the reference's verdicts. It takes only the first word of CONTINUE for what it is.
#[test]
fn commands_are_read_as_the_reference_does() {
    let addr = |text: &str| Command::Other(Some(text.parse().unwrap()));
    let rows: &[(&str, Command)] = &[
        ("CONTINUE\n", Command::Continue),
        ("CONTINUE\r\n", Command::Continue),
        ("CONTINUE x\n", Command::Continue),
        ("CONTINUE x y\n", Command::Continue),
        (" CONTINUE\n", Command::Continue),
        ("CONTINUE \n", Command::Continue),
        ("CONTINUE\tx\n", Command::Continue),
        ("continue\n", Command::Unknown),
        ("CONTINUEX\n", Command::Unknown),
        ("\n", Command::Unknown),
        ("OTHER 1.2.3.4:5\n", addr("1.2.3.4:5")),
        ("OTHER [::1]:5\n", addr("[::1]:5")),
        ("OTHER 1.2.3.4:5\r\n", addr("1.2.3.4:5")),
        ("OTHER x\n", Command::Other(None)),
        ("OTHER\n", Command::Unknown),
        ("OTHER \n", Command::Unknown),
        ("OTHER a b\n", Command::Unknown),
        ("other 1.2.3.4:5\n", Command::Unknown),
        ("FOO\n", Command::Unknown),
        ("FOO x\n", Command::Unknown),
    ];
    for (line, command) in rows {
        let stream = [line.as_bytes(), b"rest"].concat();
        for chop in [1, 4, usize::MAX] {
            let (read, taken) = read(&stream, LineReader::for_command(), iter::repeat(chop));
            let read = read.unwrap().unwrap();
            assert_eq!(Command::parse(&read), *command, "{line:?}");
            if *command == Command::Continue {
                assert_eq!(taken, line.len(), "{line:?}: bytes behind it were taken");
            }
        }
    }
    assert_eq!(Command::parse(b"OTHER \xff\xfe"), Command::Other(None));
    assert_eq!(Command::take(), "CONTINUE\n");
    assert_eq!(other("192.0.2.9:99".parse().unwrap()), "OTHER 192.0.2.9:99\n");
    assert_eq!(other("[2001:db8::1]:99".parse().unwrap()), "OTHER [2001:db8::1]:99\n");
}

#[test]
fn the_usual_lines_come_in_one_read() {
    let token = Token::new("tok").unwrap();
    let line = hello(Role::Accept, &token);
    let reader = LineReader::new(shortest_hello(Role::Accept, &token));
    assert_eq!(reader.next_read().get(), line.len());
    assert_eq!(LineReader::for_command().next_read().get(), "CONTINUE\n".len());
    let mut reader = LineReader::for_command();
    assert_eq!(reader.push(b"OTHER 192"), Ok(None));
    assert_eq!(reader.next_read().get(), HELLO_MAX - 9, "nothing behind OTHER is of worth");
}

/// The hellos by which some peer may say a token, escaping what it likes to as long as it is readable.
fn hello_of(token: Vec<u8>) -> impl Strategy<Value = (Token, Vec<u8>)> {
    let len = token.len();
    let spaces = || proptest::sample::select(vec![" ", "  ", "\t", " \t "]);
    let ends = proptest::sample::select(vec!["\n", "\r\n", " \n"]);
    let escapes = proptest::collection::vec(any::<bool>(), len);
    (spaces(), spaces(), ends, escapes).prop_map(move |(first, second, end, escapes)| {
        let mut line = format!("rdv/1{first}DIAL{second}").into_bytes();
        for (byte, escape) in token.iter().zip(escapes) {
            if escape || *byte == b'%' || byte.is_ascii_whitespace() {
                line.extend(format!("%{byte:02x}").bytes());
            } else {
                line.push(*byte);
            }
        }
        line.extend(end.bytes());
        (Token::new(&token).unwrap(), line)
    })
}

proptest! {
    #![proptest_config(fixed_cases())]

    #[test]
    fn no_byte_behind_a_hello_is_taken(
        (token, line) in proptest::collection::vec(any::<u8>(), 1..40).prop_flat_map(hello_of),
        behind in proptest::collection::vec(any::<u8>(), 0..40),
        cuts in cuts(),
    ) {
        let stream = [&line[..], &behind].concat();
        let reader = || LineReader::new(shortest_hello(Role::Dial, &token));
        let expected = (Some(Ok(line[..line.len() - 1].to_vec())), line.len());
        prop_assert_eq!(&read(&stream, reader(), cycle(cuts)), &expected);
        prop_assert_eq!(&read(&stream, reader(), largest()), &expected);
        prop_assert_eq!(&read(&stream, reader(), bytewise()), &expected);
        prop_assert_eq!(check_hello(&line[..line.len() - 1], Role::Dial, &token), Ok(()));
    }

    #[test]
    fn no_byte_behind_continue_is_taken(
        line in "[ \t]{0,3}CONTINUE([ \t][A-Z ]{0,20})?\r?\n",
        behind in proptest::collection::vec(any::<u8>(), 0..40),
        cuts in cuts(),
    ) {
        let stream = [line.as_bytes(), &behind].concat();
        let (read, taken) = read(&stream, LineReader::for_command(), cycle(cuts));
        prop_assert_eq!(Command::parse(&read.unwrap().unwrap()), Command::Continue);
        prop_assert_eq!(taken, line.len());
    }

    #[test]
    fn how_a_stream_is_cut_changes_nothing(
        stream in proptest::collection::vec(proptest::sample::select(&b"\n\r OTHERCONTINUE"[..]), 0..60),
        shortest in 0..40usize,
        cuts in cuts(),
    ) {
        let (line, _) = read(&stream, LineReader::new(0), bytewise());
        prop_assert_eq!(&read(&stream, LineReader::new(shortest), cycle(cuts)).0, &line);
        prop_assert_eq!(&read(&stream, LineReader::new(shortest), largest()).0, &line);
    }
}
