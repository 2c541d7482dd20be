//! The operator's word for a server: files, which can be read again.

use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use rdv_core::{Admission, Caller, Denial, Reject};

use crate::grants::is_grant;
use crate::{Bearers, FileError, GrantKeys, file, now};

/// Lets in whoever shows a bearer token that it knows, or a grant. One that has been given neither lets nobody in.
#[derive(Debug, Default)]
pub struct Gate {
    rules: RwLock<Rules>,
    longest_grant: Option<Duration>,
    bearer_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Default)]
struct Rules {
    bearers: Option<Bearers>,
    keys: Option<GrantKeys>,
}

impl Gate {
    /// One that lets nobody in, yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// By files, either of which may be missing; for their form see [`Bearers::parse`] and [`GrantKeys::parse`].
    ///
    /// # Errors
    /// For a file that can't be read, or has a line that is of no use.
    pub fn open(bearer_file: Option<PathBuf>, key_file: Option<PathBuf>) -> Result<Self, FileError> {
        let gate = Self { bearer_file, key_file, ..Self::default() };
        gate.reload()?;
        Ok(gate)
    }

    /// Lets in those with one of these bearer tokens.
    pub fn with_bearers(mut self, bearers: Bearers) -> Self {
        self.rules.get_mut().unwrap_or_else(PoisonError::into_inner).bearers = Some(bearers);
        self
    }

    /// Lets in those with a grant that was made with one of these keys.
    pub fn with_grants(mut self, keys: GrantKeys) -> Self {
        self.rules.get_mut().unwrap_or_else(PoisonError::into_inner).keys = Some(keys);
        self
    }

    /// Lets in nobody with a grant that goes on for longer than this, in whole seconds. By default there is no such limit.
    pub fn with_longest_grant(self, longest: Option<Duration>) -> Self {
        Self { longest_grant: longest, ..self }
    }

    /// Reads the files again, for whoever comes from now on; those who are in stay. If one is of no use, all is as it was.
    ///
    /// # Errors
    /// As of [`open`](Self::open).
    pub fn reload(&self) -> Result<(), FileError> {
        let bearers = self.bearer_file.as_deref().map(|path| file::read(path, Bearers::parse)).transpose()?;
        let keys = self.key_file.as_deref().map(GrantKeys::open).transpose()?;
        let mut rules = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        rules.bearers = bearers.or_else(|| rules.bearers.take());
        rules.keys = keys.or_else(|| rules.keys.take());
        Ok(())
    }

    fn judge(&self, caller: &Caller<'_>, now: u64) -> Result<(), Denial> {
        let shown = caller.bearer()?;
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        if rules.bearers.as_ref().is_some_and(|bearers| bearers.knows(shown)) {
            return Ok(());
        }
        match &rules.keys {
            Some(keys) if is_grant(shown) => {
                keys.check(shown, caller.token, now, self.longest_grant.map(|longest| longest.as_secs()))
            }
            Some(_) | None => Err(Denial::Wrong),
        }
    }
}

impl Admission for Gate {
    fn admit(&self, caller: &Caller<'_>) -> Result<(), Reject> {
        self.judge(caller, now()).map_err(Reject::Unauthorized)
    }
}

#[cfg(test)]
mod tests;
