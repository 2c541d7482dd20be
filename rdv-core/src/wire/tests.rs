mod answer;
mod forwarded;
mod head;
mod headers;
mod inverse;
mod line;
mod proxy;
mod proxy_header;
mod request;
mod stack;
mod target;
mod tunnel;

use super::printable;

#[test]
fn what_a_stranger_says_is_shown_bounded_and_harmless() {
    let rows = [
        ("plain words", "plain words"),
        ("\x1b[2Jgone\r\n\0", "\\u{1b}[2Jgone\\r\\n\\0"),
        ("\u{202e}drow\u{200b}", "\\u{202e}drow\\u{200b}"),
        ("grüße 日本", "grüße 日本"),
    ];
    for (text, shown) in rows {
        assert_eq!(printable(text, 100), shown, "{text:?}");
    }
    assert_eq!(printable("12345", 5), "12345");
    assert_eq!(printable("123456", 5), "12345…");
    assert_eq!(
        printable(&"\n".repeat(9), 2),
        "\\n\\n…",
        "the bound is on what was said, not on what is shown"
    );
}

/// Quotes are no danger to a terminal or a log, and most prose and all HTML has them.
#[test]
fn quotes_and_backslashes_are_shown_as_they_are() {
    for text in ["can't", "\"10.0.0.1:80\"", "C:\\rdv"] {
        assert_eq!(printable(text, 100), text);
    }
}
