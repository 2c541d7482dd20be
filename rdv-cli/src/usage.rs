//! Usage errors: what was wrong, in our words, and without the tokens that arguments may be.

use std::error::Error as _;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};
use rdv_core::{HeaderError, Token};

use crate::exit::Exit;

/// Parses the command line of a program. Help, version and errors are printed; what is left then is the exit
/// status.
///
/// # Errors
/// What to exit with at once.
pub fn parse<A: Parser>(argv: impl IntoIterator<Item = OsString>) -> Result<A, Exit> {
    parsed(argv).map_err(|error| print(&error))
}

/// Parses the command line of a program. Errors are worded as they are to be printed.
///
/// # Errors
/// clap's, help and version among them.
pub fn parsed<A: Parser>(argv: impl IntoIterator<Item = OsString>) -> Result<A, clap::Error> {
    let argv: Vec<OsString> = argv.into_iter().collect();
    A::try_parse_from(&argv).map_err(|error| reworded::<A>(error, &argv))
}

/// A header that can't be sent.
pub(crate) fn bad_header<A: CommandFactory>(command: &str, error: &HeaderError) -> Exit {
    let why = if let HeaderError::NoColon(line) = error {
        // Someone left the colon out of what may be a secret.
        HeaderError::NoColon(shortened(line)).to_string()
    } else {
        error.to_string()
    };
    print(&usage_error::<A>(command, ErrorKind::ValueValidation, &format!("--header: {why}")))
}

fn print(error: &clap::Error) -> Exit {
    // If this fails, there is nobody to tell.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage } else { Exit::Done }
}

/// Says what clap says, but shows the arguments of clients no further than their first characters: any of them
/// may be a token, in the wrong place.
fn reworded<A: CommandFactory>(error: clap::Error, argv: &[OsString]) -> clap::Error {
    let position = argv.iter().position(|arg| SUBCOMMANDS.iter().any(|command| arg == command));
    let Some((position, command)) = position.and_then(|at| Some((at, argv[at].to_str()?))) else {
        return error;
    };
    let show = |text: &str| {
        if matches!(command, "dial" | "accept" | "grant") || text.contains('@') {
            shortened(text)
        } else {
            text.to_owned()
        }
    };
    let arg = context(&error, ContextKind::InvalidArg).unwrap_or_default();
    let message = match (error.kind(), error.source()) {
        (ErrorKind::ValueValidation, Some(why)) => {
            let value = context(&error, ContextKind::InvalidValue).unwrap_or_default();
            // Positional arguments name themselves in their errors.
            let arg = if arg.starts_with('-') { format!("{arg}: ") } else { String::new() };
            let shown = if value.contains("://") { value.clone() } else { show(&value) };
            format!("{arg}{}", why.to_string().replace(&format!("{value:?}"), &format!("{shown:?}")))
        }
        (ErrorKind::UnknownArgument, _) if argv[..position].iter().any(|before| *before == *arg) => {
            format!(
                "unexpected argument {arg:?} in front of {command}: the options of a command go behind it"
            )
        }
        (ErrorKind::UnknownArgument, _) => {
            let hint = match context(&error, ContextKind::SuggestedArg) {
                Some(similar) => format!("; did you mean {similar}?"),
                None if arg.starts_with('-') => {
                    "; in front of a value that begins with a dash, write --".to_owned()
                }
                None => String::new(),
            };
            // Of an unknown short flag, clap names the first letter only.
            let shown = if arg.len() == 2 { arg } else { show(&arg) };
            format!("unexpected argument {shown:?}{hint}")
        }
        _ => return error,
    };
    usage_error::<A>(command, error.kind(), &message)
}

fn usage_error<A: CommandFactory>(command: &str, kind: ErrorKind, message: &str) -> clap::Error {
    let mut program = A::command();
    if let Some(name) = name() {
        program.set_bin_name(name);
    }
    // Without this, the subcommand's usage would lack the name of the program.
    program.build();
    match program.find_subcommand_mut(command) {
        Some(subcommand) => subcommand.error(kind, message),
        None => program.error(kind, message),
    }
}

/// What this program has been called by, as clap has it.
fn name() -> Option<String> {
    let path = PathBuf::from(std::env::args_os().next()?);
    Some(path.file_name()?.to_str()?.to_owned())
}

fn context(error: &clap::Error, kind: ContextKind) -> Option<String> {
    if let ContextValue::String(text) = error.get(kind)? { Some(text.clone()) } else { None }
}

/// As much of a text as is shown of a token.
fn shortened(text: &str) -> String {
    Token::new(text).map_or_else(|_| "…".to_owned(), |token| token.to_string())
}

const SUBCOMMANDS: [&str; 6] = ["serve", "dial", "accept", "check", "grant", "demo"];
