//! Fixtures: dialogues with the server, one step in a line.
//!
//! ```text
//! ## name of the case
//! ours: what the reference does instead, and why we differ
//! D accepts                       connects, and sends a good request; returns once the server has it
//! D dials                         the same as a dialer
//! D and A meet                    A accepts, D dials, both get their 101, byte for byte
//! D and A are matched             both get their 101
//! D connects                      and says nothing
//! D> text                         sends; connects first if need be; successive lines are one write
//! D*300> text                     sends the text 300 times over
//! D:1> text                       sends each byte in a segment of its own
//! D< text                         receives exactly this
//! D*300< text                     receives the text 300 times over
//! D is told 408 no-peer: text     receives a whole error answer: status, Rdv-Error, body; then a FIN
//! D is answered 431 head-too-large: text      the same, but the end may be an RST
//! D sees nothing                  nor is its connection closed, for a little while
//! D sees the end                  a FIN
//! D sees a reset                  an RST
//! D is cut off                    by either
//! D finishes                      sends a FIN
//! D closes                        closes its socket
//! D resets                        closes its socket with an RST
//! ```
//!
//! Texts have the escapes `\r \n \t \\ \xNN`, and `{t}` stands for a token of the case's own. Actors have names of
//! one letter. Lines that begin with `#` and a space are comments.

/// One dialogue.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// Its line in the file.
    pub line: usize,
    /// Its steps, each with its line.
    pub steps: Vec<(usize, Step)>,
}

/// Who, as an ASCII letter.
pub type Actor = char;

/// One step of a dialogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Connects.
    Connects(Actor),
    /// Connects, sends a request with this method, and waits until the server has it.
    Asks(Actor, &'static str),
    /// Sends. `true`: byte by byte.
    Sends(Actor, Vec<u8>, bool),
    /// Receives.
    Receives(Actor, Vec<u8>),
    /// Receives an error answer. `true`: and then a FIN, not an RST.
    Told(Actor, u16, String, String, bool),
    /// Both get their 101.
    Matched(Actor, Actor),
    /// Receives nothing for a little while.
    SeesNothing(Actor),
    /// Receives a FIN.
    SeesEnd(Actor),
    /// Receives an RST.
    SeesReset(Actor),
    /// Receives one of them.
    CutOff(Actor),
    /// Sends a FIN.
    Finishes(Actor),
    /// Closes.
    Closes(Actor),
    /// Closes with an RST.
    Resets(Actor),
}

/// Reads a fixture.
///
/// # Panics
/// If it has a line that is none of the above: a fixture is part of its test.
pub fn parse(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for (at, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line)) {
        if let Some(name) = line.strip_prefix("## ") {
            cases.push(Case { name: name.to_owned(), line: at, steps: Vec::new() });
            continue;
        }
        if line.is_empty() || line.starts_with("# ") || line == "#" || line.starts_with("ours: ") {
            continue;
        }
        let Some(case) = cases.last_mut() else {
            panic!("line {at}: a step before the first case: {line}");
        };
        let token = format!("t{}", case.line);
        let steps = parse_step(line, &token).unwrap_or_else(|| panic!("line {at}: not a step: {line}"));
        for step in steps {
            match (case.steps.last_mut(), step) {
                (Some((_, Step::Sends(actor, data, false))), Step::Sends(again, more, false))
                    if *actor == again =>
                {
                    data.extend(more);
                }
                (Some((_, Step::Receives(actor, data))), Step::Receives(again, more)) if *actor == again => {
                    data.extend(more);
                }
                (_, step) => case.steps.push((at, step)),
            }
        }
    }
    cases
}

fn parse_step(line: &str, token: &str) -> Option<Vec<Step>> {
    let mut chars = line.chars();
    let actor = chars.next().filter(char::is_ascii_alphabetic)?;
    let rest = chars.as_str();
    if let Some(rest) = rest.strip_prefix(' ') {
        return parse_deed(actor, rest, token);
    }
    let (how, text) = rest.split_once("> ").or_else(|| rest.split_once("< "))?;
    let receives = rest[how.len()..].starts_with('<');
    let data = unescape(text, token)?;
    let step = match (how, how.strip_prefix('*')) {
        (_, Some(times)) => {
            let data = data.repeat(times.parse().ok()?);
            if receives { Step::Receives(actor, data) } else { Step::Sends(actor, data, false) }
        }
        ("", None) if receives => Step::Receives(actor, data),
        ("", None) => Step::Sends(actor, data, false),
        (":1", None) if !receives => Step::Sends(actor, data, true),
        _ => return None,
    };
    Some(vec![step])
}

fn parse_deed(actor: Actor, deed: &str, token: &str) -> Option<Vec<Step>> {
    let words: Vec<&str> = deed.split(' ').collect();
    let step = match words[..] {
        ["connects"] => Step::Connects(actor),
        ["dials"] => Step::Asks(actor, "DIAL"),
        ["accepts"] => Step::Asks(actor, "ACCEPT"),
        ["finishes"] => Step::Finishes(actor),
        ["closes"] => Step::Closes(actor),
        ["resets"] => Step::Resets(actor),
        ["sees", "nothing"] => Step::SeesNothing(actor),
        ["sees", "the", "end"] => Step::SeesEnd(actor),
        ["sees", "a", "reset"] => Step::SeesReset(actor),
        ["is", "cut", "off"] => Step::CutOff(actor),
        ["and", other, "are", "matched"] => Step::Matched(actor, other.chars().next()?),
        ["and", other, "meet"] => {
            let other = other.chars().next()?;
            return Some(vec![
                Step::Asks(other, "ACCEPT"),
                Step::Asks(actor, "DIAL"),
                Step::Matched(actor, other),
            ]);
        }
        ["is", verb @ ("told" | "answered"), status, code, ..] => {
            let (_, body) = deed.split_once(": ")?;
            let body = String::from_utf8(unescape(body, token)?).ok()?;
            let code = code.strip_suffix(':')?.to_owned();
            Step::Told(actor, status.parse().ok()?, code, body, verb == "told")
        }
        _ => return None,
    };
    Some(vec![step])
}

fn unescape(text: &str, token: &str) -> Option<Vec<u8>> {
    let text = text.replace("{t}", token);
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        if *byte != b'\\' {
            bytes.push(*byte);
            continue;
        }
        let (escape, behind) = rest.split_first()?;
        rest = behind;
        bytes.push(match escape {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b'\\' => b'\\',
            b'x' => {
                let (hex, behind) = rest.split_at_checked(2)?;
                rest = behind;
                u8::from_str_radix(str::from_utf8(hex).ok()?, 16).ok()?
            }
            _ => return None,
        });
    }
    Some(bytes)
}
