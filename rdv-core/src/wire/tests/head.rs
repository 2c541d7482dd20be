use std::iter;

use proptest::prelude::*;

use super::super::head::{HEAD_MAX, HeadError, HeadReader};
use super::super::{Answer, Asked};
use crate::tests::cases::{cuts, fixed_cases};

/// What a reader makes of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Head(Vec<u8>),
    Refused(HeadError),
    /// The stream ended before the head did.
    Cut,
}

/// Reads a head off `stream`, in reads of as many bytes as `cuts` says and the reader allows. Also how many
/// bytes it took.
fn read(stream: &[u8], shortest: usize, cuts: impl IntoIterator<Item = usize>) -> (Outcome, usize) {
    let mut reader = HeadReader::new(shortest);
    assert!(reader.is_empty() && reader.head().is_empty() && reader.rest().is_empty());
    let mut taken = 0;
    for cut in cuts {
        let len = cut.clamp(1, reader.next_read().get()).min(stream.len() - taken);
        if len == 0 {
            return (Outcome::Cut, taken);
        }
        let data = &stream[taken..taken + len];
        taken += len;
        match reader.push(data) {
            Ok(true) => {
                assert_eq!([reader.head(), reader.rest()].concat(), &stream[..taken], "bytes were lost");
                return (Outcome::Head(reader.head().to_vec()), taken);
            }
            Ok(false) => assert_eq!(reader.head(), &stream[..taken]),
            Err(err) => return (Outcome::Refused(err), taken),
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

#[test]
fn heads_end_where_they_end() {
    let rows: &[(&[u8], Outcome)] = &[
        (b"A\r\n\r\n", Outcome::Head(b"A\r\n\r\n".to_vec())),
        (b"A\n\n", Outcome::Head(b"A\n\n".to_vec())),
        (b"A\r\nB: c\r\n\r\nrest", Outcome::Head(b"A\r\nB: c\r\n\r\n".to_vec())),
        (b"A\nB: c\n\nrest", Outcome::Head(b"A\nB: c\n\n".to_vec())),
        // A lone CR ends no line.
        (b"A\rB\r\r\n\r\r\n\r\n", Outcome::Head(b"A\rB\r\r\n\r\r\n\r\n".to_vec())),
        // An empty line before the first one does not end the head (RFC 9112 section 2.2), but two do.
        (b"\r\nA\r\n\r\n", Outcome::Head(b"\r\nA\r\n\r\n".to_vec())),
        (b"\n\nA\n\n", Outcome::Head(b"\n\n".to_vec())),
        (b"A\r\nB\n\r\n", Outcome::Refused(HeadError::MixedLineEndings)),
        (b"A\r\nB\r\n\n", Outcome::Refused(HeadError::MixedLineEndings)),
        (b"A\nB\r\n\n", Outcome::Refused(HeadError::MixedLineEndings)),
        (b"A\nB\n\r\n", Outcome::Refused(HeadError::MixedLineEndings)),
        (b"", Outcome::Cut),
        (b"A\r\n", Outcome::Cut),
        (b"A\r\n\r", Outcome::Cut),
        (b"A\n", Outcome::Cut),
    ];
    for (stream, outcome) in rows {
        for shortest in [0, 3, 100] {
            for chop in [1, 2, 3, usize::MAX] {
                let (got, _) = read(stream, shortest, iter::repeat(chop));
                assert_eq!(
                    got,
                    *outcome,
                    "{} at most {chop} at once, shortest {shortest}",
                    stream.escape_ascii()
                );
            }
        }
    }
}

#[test]
fn a_head_may_have_16_kib() {
    assert_eq!(HEAD_MAX, 16_384);
    let head = |len: usize| [b"A: ", &vec![b'x'; len - 7][..], b"\r\n\r\n"].concat();
    for chop in [1, 100_000] {
        let cuts = || iter::repeat(chop);
        assert_eq!(read(&head(HEAD_MAX), 0, cuts()).0, Outcome::Head(head(HEAD_MAX)));
        assert_eq!(read(&head(HEAD_MAX + 1), 0, cuts()).0, Outcome::Refused(HeadError::TooLarge));
        let (endless, taken) = read(&vec![b'x'; 100_000], 0, cuts());
        assert_eq!(endless, Outcome::Refused(HeadError::TooLarge));
        assert!(taken <= HEAD_MAX + 4, "{taken} bytes were taken");
    }
}

/// Whole messages arrive in few reads: with a bound on the shortest head, most of one comes at once.
#[test]
fn most_of_a_head_is_read_at_once() {
    let request = b"DIAL /tok HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n\r\n";
    let mut reader = HeadReader::new(request.len() - 3);
    assert_eq!(reader.next_read().get(), request.len() - 3);
    assert_eq!(reader.push(&request[..request.len() - 3]), Ok(false));
    assert!(reader.next_read().get() <= 4);

    // Who keeps what stands behind a head may have more.
    let mut reader = HeadReader::new(0).reading_ahead(Asked::AT_ONCE);
    assert_eq!(reader.next_read().get(), Asked::AT_ONCE);
    assert_eq!(reader.push(&[&request[..], b"behind"].concat()), Ok(true));
    assert_eq!((reader.head(), reader.rest()), (&request[..], &b"behind"[..]));

    // However long the head is.
    let mut reader = HeadReader::new(0).reading_ahead(Asked::AT_ONCE);
    assert_eq!(reader.push(&[b'x'; 10_000]), Ok(false));
    assert_eq!(reader.next_read().get(), Asked::AT_ONCE);
}

/// This length is what a client may read at once, so nothing shorter may ever be accepted.
#[test]
fn no_shorter_head_is_accepted() {
    let answer = b"HTTP/1.1 101\nConnection:upgrade\nUpgrade:rdv/1\n\n";
    assert_eq!(answer.len(), Answer::SHORTEST);
    let answers = |head: &[u8]| Answer::parse(head).and_then(Answer::into_switched).is_ok();
    assert!(answers(answer));
    for at in 0..answer.len() {
        let less = [&answer[..at], &answer[at + 1..]].concat();
        assert!(!answers(&less) || !complete(&less), "{}", less.escape_ascii());
    }
}

fn complete(head: &[u8]) -> bool {
    matches!(read(head, 0, bytewise()).0, Outcome::Head(whole) if whole == head)
}

/// Heads no shorter than they may be, with lines that end in one way. Lone CRs are there to confuse.
fn head_of(shortest: usize) -> impl Strategy<Value = Vec<u8>> {
    let line = "[A-Za-z0-9:/ ]{1,30}(\r{1,3}[a-z]{1,3}){0,2}";
    (proptest::collection::vec(line, 1..6), any::<bool>(), "[a-z]{20}").prop_map(
        move |(lines, crlf, filler)| {
            let eol = if crlf { "\r\n" } else { "\n" };
            let mut head = String::new();
            for line in lines {
                head += &(line + eol);
            }
            while head.len() + eol.len() < shortest {
                head += &(filler.clone() + eol);
            }
            (head + eol).into_bytes()
        },
    )
}

proptest! {
    #![proptest_config(fixed_cases())]

    #[test]
    fn no_byte_behind_the_head_is_taken(
        (shortest, head) in (0..80usize).prop_flat_map(|shortest| (Just(shortest), head_of(shortest))),
        behind in proptest::collection::vec(any::<u8>(), 0..100),
        cuts in cuts(),
    ) {
        let stream = [&head[..], &behind].concat();
        let expected = (Outcome::Head(head.clone()), head.len());
        prop_assert_eq!(&read(&stream, shortest, cycle(cuts)), &expected);
        prop_assert_eq!(&read(&stream, shortest, largest()), &expected);
        prop_assert_eq!(&read(&stream, shortest, bytewise()), &expected);
    }

    #[test]
    fn how_a_stream_is_cut_changes_nothing(
        stream in proptest::collection::vec(proptest::sample::select(&b"\r\n\r\nax:"[..]), 0..200),
        shortest in 0..80usize,
        cuts in cuts(),
    ) {
        let (outcome, _) = read(&stream, 0, bytewise());
        prop_assert_eq!(&read(&stream, shortest, cycle(cuts)).0, &outcome);
        prop_assert_eq!(&read(&stream, shortest, largest()).0, &outcome);
    }
}
