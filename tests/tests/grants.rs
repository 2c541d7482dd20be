//! Grants that others make, by the recipes in EXTENSIONS.md: this project's server takes them.

use std::process::Command;

use rdv_access::GrantKeys;
use rdv_core::Token;

const KEY: &str = "0123456789abcdef0123456789abcdef";
const TOKENS: [&str; 4] = ["7f3a9c", "kitchen/table 1", "k\u{fc}che", "100%"];
const TIMES: [u64; 3] = [1_893_456_000, 9_999_999_999, 1];

#[test]
fn the_test_vector_is_right() {
    let grant = GrantKeys::parse(KEY).unwrap().grant(&Token::new(TOKENS[0]).unwrap(), TIMES[0]);
    assert!(PAGE.contains(&format!("\n    {grant}\n")), "{grant}");
}

#[test]
fn python_makes_grants() {
    let program = format!(
        "{}\nimport sys\nprint(grant(sys.argv[1].encode(), sys.argv[2].encode(), int(sys.argv[3])))",
        recipe("python")
    );
    compare("python3", "import hmac; hmac.digest", &program, &[]);
}

#[test]
#[cfg(unix)]
fn a_shell_makes_grants() {
    compare("sh", "command -v openssl", &format!("{}\ngrant \"$@\"", recipe("sh")), &["sh"]);
}

/// Runs a program, where there is what it needs, and compares what it prints with our own grants.
fn compare(interpreter: &str, probe: &str, program: &str, extra: &[&str]) {
    let is_there = Command::new(interpreter).args(["-c", probe]).output().is_ok_and(|it| it.status.success());
    if !is_there {
        eprintln!("skipped: {interpreter}, or what it needs ({probe}), is not installed");
        return;
    }
    let keys = GrantKeys::parse(KEY).unwrap();
    for token in TOKENS {
        for expires in TIMES {
            let mut command = Command::new(interpreter);
            command.args(["-c", program]).args(extra).args([KEY, token, &expires.to_string()]);
            let output = command.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let ours = keys.grant(&Token::new(token).unwrap(), expires);
            assert_eq!(String::from_utf8_lossy(&output.stdout).trim_end(), ours, "{token} until {expires}");
        }
    }
}

/// The only block of this language on the page.
fn recipe(language: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("```{language}\n")).expect("a recipe");
    rest.split_once("```").expect("its end").0
}

const PAGE: &str = include_str!("../../EXTENSIONS.md");
