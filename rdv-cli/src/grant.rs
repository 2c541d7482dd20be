//! `rdv grant`.

use std::io::{self, Write};

use log::error;
use rdv_access::GrantKeys;
use rdv_cli::duration::Span;
use rdv_cli::exit::Exit;

use crate::args::GrantArgs;

/// Prints a grant, and nothing else.
pub(crate) fn run(args: &GrantArgs) -> Exit {
    let keys = match GrantKeys::open(&args.key_file) {
        Ok(keys) => keys,
        Err(error) => {
            error!(target: "grant", "--key-file: {error}");
            return Exit::Usage;
        }
    };
    let Span(time) = args.time;
    let grant = keys.grant(&args.token, rdv_access::now().saturating_add(time.as_secs()));
    match writeln!(io::stdout(), "{grant}") {
        Ok(()) => Exit::Done,
        Err(error) => {
            error!(target: "grant", "cannot write to stdout: {error}");
            Exit::Failed
        }
    }
}
