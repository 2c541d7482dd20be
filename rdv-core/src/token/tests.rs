use proptest::prelude::*;

use super::{Token, TokenError, unescape};
use crate::tests::cases::fixed_cases;

/// Tokens and how they are escaped, byte for byte as the reference escapes them in its lines.
const ESCAPES: &[(&[u8], &str)] = &[
    (b"tok", "tok"),
    (b"a/b", "a%2Fb"),
    (b"a//b", "a%2F%2Fb"),
    (b"a/./b", "a%2F.%2Fb"),
    (b"../a", "..%2Fa"),
    (b"a/../b", "a%2F..%2Fb"),
    (b"/a", "%2Fa"),
    (b"a/", "a%2F"),
    (b"/", "%2F"),
    (b"//", "%2F%2F"),
    (b".", "."),
    (b"..", ".."),
    (b"a b", "a%20b"),
    (b"a%41", "a%2541"),
    (b"a%2Fb", "a%252Fb"),
    (b"50%", "50%25"),
    (b"%zz", "%25zz"),
    (b"%25", "%2525"),
    (b"a?b", "a%3Fb"),
    (b"a#b", "a%23b"),
    (b"a+b", "a+b"),
    ("å".as_bytes(), "%C3%A5"),
    ("日本".as_bytes(), "%E6%97%A5%E6%9C%AC"),
    (b"\xff", "%FF"),
    (b"a\nb", "a%0Ab"),
    (b"a\x00b", "a%00b"),
    (b"a&b=c:d@e;f,g~!*'()$", "a&b=c:d@e%3Bf%2Cg~%21%2A%27%28%29$"),
    (b"a\\b", "a%5Cb"),
    (b"\"<>^`{|}", "%22%3C%3E%5E%60%7B%7C%7D"),
    (b"[x]", "%5Bx%5D"),
    (b"tok ", "tok%20"),
    (b" tok", "%20tok"),
    (b"\x7f\t\r", "%7F%09%0D"),
    (b"CONTINUE", "CONTINUE"),
    (b"-._~", "-._~"),
];

#[test]
fn tokens_are_escaped_as_the_reference_does() {
    for (token, escaped) in ESCAPES {
        let shown = token.escape_ascii();
        assert_eq!(Token::new(token).unwrap().escaped(), *escaped, "{shown}");
        assert_eq!(unescape(escaped.as_bytes()).as_deref(), Ok(*token), "{shown}");
    }
}

#[test]
fn escapes_are_read_strictly() {
    let rows: &[(&[u8], Option<&[u8]>)] = &[
        (b"", Some(b"")),
        (b"a%20b+c", Some(b"a b+c")),
        (b"%c3%a5", Some("å".as_bytes())),
        (b"t%6Fk", Some(b"tok")),
        (b"%2525", Some(b"%25")),
        (b"\xff", Some(b"\xff")),
        (b"%", None),
        (b"%4", None),
        (b"%zz", None),
        (b"%4g", None),
        (b"50%", None),
        (b"%%41", None),
        (b"a%2", None),
        (b"% 1", None),
        (b"%+1", None),
    ];
    for (text, token) in rows {
        let token = token.map(<[u8]>::to_vec).ok_or(TokenError::BadEscape);
        assert_eq!(unescape(text), token, "{}", text.escape_ascii());
    }
}

#[test]
fn a_token_fits_the_longest_line() {
    let longest = 4096 - "rdv/1 ACCEPT \n".len();
    assert_eq!(longest, 4082);
    assert!(Token::new("t".repeat(longest)).is_ok());
    let too_long = |escaped| Err(TokenError::TooLong { escaped, room: longest });
    assert_eq!(Token::new("t".repeat(longest + 1)), too_long(4083));
    // What counts is the escaped form: 1360 slashes are 4080 bytes.
    assert!(Token::new("/".repeat(1360) + "tt").is_ok());
    assert_eq!(Token::new("/".repeat(1361)), too_long(4083));
    let message = Token::new("t".repeat(5000)).unwrap_err().to_string();
    assert!(message.contains("5000") && message.contains("4082"), "{message}");
}

#[test]
fn no_token_is_empty() {
    assert_eq!(Token::new(""), Err(TokenError::Empty));
    assert_eq!("".parse::<Token>(), Err(TokenError::Empty));
    assert_eq!(Token::on_server(b""), Err(TokenError::Empty));
    assert!(Token::on_server(&[b't'; 8000]).is_ok(), "a server relays what does not fit a line");
}

#[test]
fn a_token_is_never_shown_whole() {
    let rows: &[(&[u8], &str)] = &[
        (b"t", "…"),
        (b"to", "…"),
        (b"tok", "t…"),
        (b"token", "t…"),
        (b"token1", "to…"),
        (b"token1234", "tok…"),
        (b"token1234567", "toke…"),
        (b"a-very-long-token-indeed", "a-ve…"),
        (b"\x1b[31m-red-alert", "%1B%5B31…"),
        ("日本日本".as_bytes(), "%E6%97%A5%E6…"),
    ];
    for (token, shown) in rows {
        let name = token.escape_ascii();
        let token = Token::new(token).unwrap();
        assert_eq!(token.to_string(), *shown, "{name}");
        assert_eq!(format!("{token:?}"), format!("Token({shown})"), "{name}");
    }
}

#[test]
fn what_is_no_token_is_explained() {
    let rows = [
        (Token::new("").unwrap_err(), "token must not be empty"),
        (
            Token::new("/".repeat(1361)).unwrap_err(),
            "token is too long: 4083 bytes when percent-encoded, at most 4082 are allowed",
        ),
        (unescape(b"%zz").unwrap_err(), "token has a % that does not begin a percent-encoded byte"),
    ];
    for (err, words) in rows {
        assert_eq!(err.to_string(), words, "{err:?}");
    }
}

proptest! {
    #![proptest_config(fixed_cases())]

    #[test]
    fn any_token_survives_escaping(bytes in proptest::collection::vec(any::<u8>(), 1..200)) {
        let token = Token::new(&bytes).unwrap();
        let escaped = token.escaped();
        prop_assert!(escaped.bytes().all(|b| b.is_ascii_graphic() && b != b'/' && b != b'?'), "{}", escaped);
        prop_assert_eq!(unescape(escaped.as_bytes()).unwrap(), bytes);
    }

    #[test]
    fn what_is_shown_is_at_most_four_bytes_and_a_third(bytes in proptest::collection::vec(any::<u8>(), 1..40)) {
        let shown = Token::new(&bytes).unwrap().to_string();
        let part = unescape(shown.strip_suffix('…').unwrap().as_bytes()).unwrap();
        prop_assert!(bytes.starts_with(&part));
        prop_assert!(part.len() <= 4 && part.len() * 3 <= bytes.len(), "{} of {} bytes", part.len(), bytes.len());
    }
}
