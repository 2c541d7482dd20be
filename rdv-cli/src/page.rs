//! What people read on stdout: plain text in aligned columns, with a little colour on a terminal that wants it.

use std::env;
use std::io::{self, IsTerminal, Write};

/// A page that grows downwards. Its methods fail as stdout does.
pub struct Page {
    out: Box<dyn Write>,
    is_coloured: bool,
}

impl Page {
    /// On stdout. Colours are for terminals, and not for people who have set `NO_COLOR` (no-color.org).
    pub fn on_stdout() -> Page {
        let stdout = io::stdout();
        let is_wanted = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let is_able = env::var_os("TERM").is_none_or(|term| term != "dumb");
        Page { is_coloured: stdout.is_terminal() && is_wanted && is_able, out: Box::new(stdout) }
    }

    #[cfg(test)]
    pub(crate) fn new(out: impl Write + 'static, is_coloured: bool) -> Page {
        Page { out: Box::new(out), is_coloured }
    }

    /// The first line.
    pub fn title(&mut self, text: &str) -> io::Result<()> {
        self.line(&self.painted(BOLD, text))
    }

    /// The title of a part.
    pub fn heading(&mut self, text: &str) -> io::Result<()> {
        self.line("")?;
        self.line(&self.painted(BOLD, text))
    }

    /// What it all comes to, in green or in red.
    pub fn verdict(&mut self, is_good: bool, text: &str) -> io::Result<()> {
        self.line("")?;
        self.line(&self.painted(if is_good { GREEN } else { RED }, text))
    }

    /// A paragraph.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.line("")?;
        self.line(text)
    }

    /// A line that belongs to the heading above.
    pub fn item(&mut self, text: &str) -> io::Result<()> {
        self.line(&format!("  {text}"))
    }

    /// A table, whose first row is its head and whose first column is a time.
    pub fn table<const N: usize>(&mut self, rows: &[[String; N]]) -> io::Result<()> {
        let widths: [usize; N] = std::array::from_fn(|column| {
            rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
        });
        self.line("")?;
        for (i, row) in rows.iter().enumerate() {
            let cell = |column: usize| match column {
                0 => format!("{:>1$}", row[0], widths[0]),
                _ => format!("{:<1$}", row[column], widths[column]),
            };
            let rest: Vec<String> = (1..N).map(cell).collect();
            let (time, rest) = (cell(0), rest.join("  "));
            let rest = rest.trim_end();
            let rest = if i == 0 { self.painted(DIM, rest) } else { rest.to_owned() };
            self.line(&format!("  {}  {rest}", self.painted(DIM, &time)))?;
        }
        Ok(())
    }

    /// A line as it is.
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")
            .map_err(|error| io::Error::new(error.kind(), format!("cannot write to stdout: {error}")))
    }

    fn painted(&self, colour: &str, text: &str) -> String {
        if self.is_coloured { format!("{colour}{text}{RESET}") } else { text.to_owned() }
    }
}

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const RESET: &str = "\x1b[0m";

#[cfg(test)]
mod tests;
