//! How many bytes may be relayed.

use rdv_core::LobbyConfig;

use crate::bytes::Bytes;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits of what is relayed")]
pub(super) struct Traffic {
    /// Relay at most so many bytes in a second, of all pairs together: 10M, 1G (default: no limit)
    ///
    /// All pairs have equal parts of it.
    #[arg(long, value_name = "BYTES")]
    max_rate: Option<Bytes>,
    /// The same for each pair, both directions together (default: no limit)
    #[arg(long, value_name = "BYTES")]
    max_rate_per_pair: Option<Bytes>,
    /// Cut off a pair that has had more bytes than that relayed (default: no limit)
    #[arg(long, value_name = "BYTES")]
    max_bytes_per_pair: Option<Bytes>,
}

impl Traffic {
    pub(super) fn apply(&self, config: &mut LobbyConfig) {
        let of = |flag: Option<Bytes>| flag.map(|Bytes(bytes)| bytes);
        config.bytes.rate = of(self.max_rate);
        config.bytes.rate_per_pair = of(self.max_rate_per_pair);
        config.bytes.bytes_per_pair = of(self.max_bytes_per_pair);
    }
}
