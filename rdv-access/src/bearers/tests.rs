use super::*;

#[test]
fn lines_are_tokens() {
    let text = "\u{feff}# comment\r\n\r\n  aaaaaaaaaaaaaaaa  \r\nbbbbbbbbbbbbbbbb==\n#cccccccccccccccc\ndddddddddddddddd";
    let bearers = Bearers::parse(text).unwrap();
    for (token, known) in [
        ("aaaaaaaaaaaaaaaa", true),
        ("bbbbbbbbbbbbbbbb==", true),
        ("dddddddddddddddd", true),
        ("bbbbbbbbbbbbbbbb", false),
        ("cccccccccccccccc", false),
        ("#cccccccccccccccc", false),
        ("AAAAAAAAAAAAAAAA", false),
        ("aaaaaaaaaaaaaaaaa", false),
        ("", false),
    ] {
        assert_eq!(bearers.knows(token), known, "{token}");
    }
}

#[test]
fn what_is_of_no_use_is_told_by_its_line() {
    for (text, error, words) in [
        ("", LineError::Empty, "it has nothing but comments and empty lines"),
        ("# aaaaaaaaaaaaaaaa\n \n", LineError::Empty, "it has nothing but comments and empty lines"),
        (
            "\naaaaaaaaaaaaaaaa\nsecret\n",
            LineError::TooShort(3, 16),
            "line 3 is shorter than 16 characters, and so could be guessed",
        ),
        (
            "aaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbb",
            LineError::BadCharacter(1),
            "line 1 has other characters than letters, digits and -._~+/=",
        ),
        (
            "aaaaaaaaaaaaaaa\u{e9}",
            LineError::BadCharacter(1),
            "line 1 has other characters than letters, digits and -._~+/=",
        ),
    ] {
        let got = Bearers::parse(text).unwrap_err();
        assert_eq!((got.to_string().as_str(), &got), (words, &error));
        assert!(!got.to_string().contains("secret"));
    }
}

#[test]
fn no_token_is_shown() {
    let bearers = Bearers::parse("aaaaaaaaaaaaaaaa\nbbbbbbbbbbbbbbbb").unwrap();
    assert_eq!(format!("{bearers:?}"), "Bearers(2)");
}
