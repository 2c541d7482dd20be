//! A flow that has failed.

use std::fmt;
use std::io;

/// Which end has failed a flow, and how.
#[derive(Debug)]
pub enum Broken {
    /// The one that is read.
    From(io::Error),
    /// The one that is written.
    To(io::Error),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::From(err) => write!(f, "cannot read what is to be relayed: {err}"),
            Broken::To(err) => write!(f, "cannot write what is relayed: {err}"),
        }
    }
}

impl std::error::Error for Broken {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let (Broken::From(err) | Broken::To(err)) = self;
        Some(err)
    }
}
