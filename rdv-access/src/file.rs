//! Files with a secret in each line.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::LineError;

/// Why a file is of no use. It does not show what is in it.
#[derive(Debug)]
#[non_exhaustive]
pub struct FileError {
    path: PathBuf,
    why: String,
}

impl FileError {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot use {}: {}", self.path.display(), self.why)
    }
}

impl std::error::Error for FileError {}

/// Reads a file, and makes something of its lines.
pub(crate) fn read<T>(path: &Path, parse: impl Fn(&str) -> Result<T, LineError>) -> Result<T, FileError> {
    let unusable = |why: String| FileError { path: path.to_owned(), why };
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_string(&mut text));
    match read {
        Err(err) if err.kind() == io::ErrorKind::InvalidData => Err(unusable("it is no text".into())),
        Err(err) => Err(unusable(err.to_string())),
        Ok(len) if len as u64 > LONGEST => Err(unusable("it is longer than 1 MiB".into())),
        Ok(_) => parse(&text).map_err(|err| unusable(err.to_string())),
    }
}

/// The secrets in a text with the numbers of their lines: what is neither empty nor a comment, each as long as it must be.
pub(crate) fn secrets(text: &str, least: usize) -> impl Iterator<Item = Result<&str, LineError>> {
    // Editors on Windows put a mark in front.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().map(str::trim).zip(1..);
    lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#')).map(move |(line, number)| {
        let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        if !line.bytes().all(is_fine) {
            Err(LineError::BadCharacter(number))
        } else if line.len() < least {
            Err(LineError::TooShort(number, least))
        } else {
            Ok(line)
        }
    })
}

const LONGEST: u64 = 1024 * 1024;
