//! Who may use the server.

use std::path::PathBuf;
use std::sync::Arc;

use rdv_access::{FileError, Gate};

use crate::duration::Span;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Who may use it (default: everybody)")]
pub(super) struct AccessFlags {
    /// Clients with a bearer token that is in this file, one in each line; SIGHUP has it read again
    ///
    /// Clients send it as -H 'Authorization: Bearer ...'. A token has 16 characters or more: letters, digits and
    /// -._~+/=. Lines that begin with # are comments.
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    bearer_file: Option<PathBuf>,
    /// Clients with a grant by a key in this file, one in each line; SIGHUP has it read again
    ///
    /// `rdv grant` makes grants, and so can any program: EXTENSIONS.md says how. A key has 32 characters or more, such
    /// as `openssl rand -hex 32` prints. Lines that begin with # are comments.
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    grant_key_file: Option<PathBuf>,
    /// No grants that are valid for longer than this from now (default: any)
    #[arg(long, value_name = "DURATION", requires = "grant_key_file")]
    max_grant: Option<Span>,
}

impl AccessFlags {
    pub(super) fn open(&self) -> Result<Option<Arc<Gate>>, FileError> {
        if self.bearer_file.is_none() && self.grant_key_file.is_none() {
            return Ok(None);
        }
        let gate = Gate::open(self.bearer_file.clone(), self.grant_key_file.clone())?;
        Ok(Some(Arc::new(gate.with_longest_grant(self.max_grant.map(|Span(longest)| longest)))))
    }
}
