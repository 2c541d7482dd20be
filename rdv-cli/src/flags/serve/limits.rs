//! How much of the server a client may have.

use std::str::FromStr;
use std::thread::available_parallelism;

use log::{debug, warn};
use rdv_core::LobbyConfig;

use crate::duration::{Limit, Span};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct Limits {
    /// How long a client may take to send its request (default: 10s)
    #[arg(long, value_name = "DURATION")]
    head_timeout: Option<Span>,
    /// The longest request that is taken: 256 to 65536 bytes (default: 16k)
    #[arg(long, value_name = "BYTES", value_parser = head_size)]
    max_head: Option<usize>,
    /// How long a client may wait for its peer (default: 10m; none: no limit)
    #[arg(long, value_name = "DURATION")]
    lobby_timeout: Option<Limit>,
    /// How long a relayed pair may go without a byte (default: 1h; none: no limit)
    #[arg(long, value_name = "DURATION")]
    idle_timeout: Option<Limit>,
    /// How many clients may wait for their peers (default: 16384)
    #[arg(long, value_name = "COUNT")]
    max_waiting: Option<usize>,
    /// How many connections may be open in all, relayed ones included (default: what the limit on
    /// open files allows; none: no limit)
    ///
    /// The soft limit on open files is raised to the hard one (ulimit -Hn) at the start, and 512 files
    /// are kept for other uses: of few a quarter to a half, and more on many cores.
    #[arg(long, value_name = "COUNT", verbatim_doc_comment)]
    max_open: Option<Count>,
    /// How many connections of one address (IPv6: /64) may wait or ask (default: 1024)
    #[arg(long, value_name = "COUNT")]
    max_conns_per_addr: Option<usize>,
    /// How many new connections per second an address (IPv6: /64) may make in the long run
    /// (default: 100; none: no limit)
    ///
    /// Behind a proxy all clients come from one address, the proxy's.
    #[arg(long, value_name = "COUNT", verbatim_doc_comment)]
    max_rate_per_addr: Option<Count>,
    /// And how many at once, after a pause (default: 1000)
    #[arg(long, value_name = "COUNT")]
    max_burst_per_addr: Option<u32>,
}

impl Limits {
    pub(super) fn apply(&self, config: &mut LobbyConfig) {
        if let Some(Span(timeout)) = self.head_timeout {
            config.head_timeout = timeout;
        }
        if let Some(max) = self.max_head {
            config.max_head = max;
        }
        if let Some(Limit(timeout)) = self.lobby_timeout {
            config.lobby_timeout = timeout;
        }
        if let Some(Limit(timeout)) = self.idle_timeout {
            config.idle_timeout = timeout;
        }
        if let Some(max) = self.max_waiting {
            config.max_waiting = max;
        }
        if let Some(Count(max)) = self.max_open {
            config.max_open = max.map(|max| max as usize);
        }
        if let Some(max) = self.max_conns_per_addr {
            config.max_conns_per_addr = max;
        }
        if let Some(Count(max)) = self.max_rate_per_addr {
            config.max_rate_per_addr = max;
        }
        if let Some(max) = self.max_burst_per_addr {
            config.max_burst_per_addr = max;
        }
    }

    /// Has this process have as many files open as it may, and no more connections than that.
    pub(super) fn apply_to_process(&self, config: &mut LobbyConfig) {
        let files = match rdv_socket::raise_open_files() {
            Ok(Some(files)) => files,
            Ok(None) => return,
            Err(error) => {
                return warn!(target: "server", "the limit on open files is not known: {error}");
            }
        };
        let cores = available_parallelism().map_or(1, usize::from);
        let conns = rdv_socket::conns_within(files, cores);
        debug!(target: "server", "open files: {files}, of which connections may be {conns}");
        match self.max_open {
            None => config.max_open = Some(conns),
            Some(Count(Some(max))) if max as usize > conns => {
                warn!(target: "server", "--max-open: {max} connections, but only {files} files can be open");
            }
            Some(_) => {}
        }
    }
}

/// A number, or none for no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count(Option<u32>);

impl FromStr for Count {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Count, &'static str> {
        match text {
            "none" => Ok(Count(None)),
            _ => text.parse().map(|count| Count(Some(count))).map_err(|_| "expected a number, or none"),
        }
    }
}

fn head_size(text: &str) -> Result<usize, &'static str> {
    let (digits, unit) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1024),
        None => (text, 1),
    };
    let size = digits.parse::<usize>().ok().and_then(|count| count.checked_mul(unit));
    size.filter(|size| (256..=65_536).contains(size)).ok_or("expected 256 to 65536 bytes, such as 16k")
}
