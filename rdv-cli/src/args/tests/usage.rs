use std::ffi::OsString;

use rdv_cli::usage;

use crate::args::Args;

const URL: &str = "http://example.com:8080";
const SECRET: &str = "pantry/7f3a9c";

/// What is printed for a line that can't be followed.
fn refused(line: &[&str]) -> String {
    let argv = [&["rdv"], line].concat().into_iter().map(OsString::from);
    let error = usage::parsed::<Args>(argv).expect_err("this is no usage error");
    assert!(error.use_stderr());
    error.to_string()
}

#[test]
fn errors_say_what_is_wrong() {
    for (line, message) in [
        (&["dial", URL, ""][..], "token must not be empty"),
        (&["dial", "ftp://host", SECRET], r#"expected http://... or https://..., got "ftp://host""#),
        (&["dial", "http://h:99999", SECRET], r#""http://h:99999" is no URL of a server: its port"#),
        (&["dial", URL], "required arguments were not provided:\n  <TOKEN>"),
        (&["accept", "-s", "lan", URL, SECRET], "--spaces <SPACES>: unknown address space"),
        (&["accept", "-r", "-s", "all", URL, SECRET], "'--relay' cannot be used with '--spaces <SPACES>'"),
        (&["accept", "--wait", "3", URL, SECRET], "--wait <DURATION>: expected a duration with its unit"),
        (
            &["accept", "--timeout", "9999y", URL, SECRET],
            "--timeout <DURATION>: a duration of more than 365 days",
        ),
        (&["dial", "--tiemout", "3s", URL, SECRET], "did you mean --timeout?"),
        (&["-r", "dial", URL, SECRET], r#"unexpected argument "-r" in front of dial"#),
        (&["serve", "-l", "8080"], r#"--listen <[HOST]:PORT>: expected [HOST]:PORT, for example :8080"#),
        (&["serve", "--observed-header", "a b"], "--observed-header <NAME>: invalid HTTP header name"),
        (&["serve", "--idle-timeout", "soon"], "--idle-timeout <DURATION>: expected a duration"),
        (&["serve", "--max-head", "100"], "--max-head <BYTES>: expected 256 to 65536 bytes, such as 16k"),
        (&["serve", "--max-open", "-1"], r#"unexpected argument "-1""#),
        (&["serve", "--max-open", "all"], "--max-open <COUNT>: expected a number, or none"),
        (&["serve", "--max-waiting", "many"], "--max-waiting <COUNT>: invalid digit found in string"),
        (&["serve", "--tls-cert", "cert.pem"], "required arguments were not provided:\n  --tls-key <FILE>"),
        (&["serve", "--tls-key", "key.pem"], "required arguments were not provided:\n  --tls-cert <FILE>"),
        (&["serve", "now"], r#"unexpected argument "now""#),
        (&["check"], "required arguments were not provided:\n  <URL>"),
        (&["check", "example.com"], r#"expected http://... or https://..., got "example.com""#),
        (&["check", "--also", "x", URL], r#"--also <URL>: expected http://... or https://..., got "x""#),
        (&["check", "--timeout", "3", URL], "--timeout <DURATION>: expected a duration with its unit"),
        (&["demo", "--size", "2G"], "--size <BYTES>: expected 1 byte to 1 GiB"),
        (&["diall", URL], "unrecognized subcommand 'diall'"),
        (
            &["dial", URL, "-x"],
            r#"unexpected argument "-x"; in front of a value that begins with a dash, write --"#,
        ),
    ] {
        let printed = refused(line);
        assert!(printed.starts_with("error: "), "{printed}");
        assert!(printed.contains(message), "{line:?} gave: {printed}");
        assert!(printed.contains("Usage: rdv"), "{printed}");
    }
}

#[test]
fn a_token_is_never_shown_wherever_it_was_put() {
    let long = "x".repeat(5_000);
    for line in [
        &["dial", SECRET][..],
        &["dial", SECRET, URL],
        &["dial", URL, SECRET, SECRET],
        &["dial", URL, SECRET, "--spaces"],
        &["dial", URL, "-s", SECRET],
        &["dial", URL, "--wait", SECRET],
        &["dial", URL, "--timeout", SECRET],
        &["accept", URL, SECRET, "--nonsense"],
        &["accept", URL, "--pantry/7f3a9c"],
        &["accept", URL, &long],
    ] {
        let printed = refused(line);
        assert!(!printed.contains("try/7f") && !printed.contains("xxxxx"), "{line:?} gave: {printed}");
    }
}
