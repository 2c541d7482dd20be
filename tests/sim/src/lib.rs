//! A simulated internet for the machines of rdv-core, and an oracle that knows what must happen on it.
//!
//! | module | |
//! | --- | --- |
//! | [`net`] | TCP, NATs, firewalls and links in virtual time: a sans-IO library that knows nothing of rdv |
//! | [`scenario`], [`generate`](Scenario::of_seed) | what is simulated, drawn from a seed |
//! | [`world`] | the machines of rdv-core, driven on such a network |
//! | [`oracle`] | the outcome, told from the scenario alone |
//! | [`check`](check()) | whether the two agree, and what must hold whatever happens |
//!
//! ```
//! let scenario = rdv_sim::Scenario::of_seed(7);
//! let (foretold, outcome) = rdv_sim::check(&scenario).unwrap_or_else(|err| panic!("seed 7: {err}"));
//! println!("{foretold:?}, and it took {} steps", outcome.steps);
//! ```

mod chance;
mod check;
mod generate;
pub mod net;
pub mod oracle;
pub mod scenario;
mod sweep;
pub mod world;

pub use chance::Chance;
pub use check::{SOCKETS_MAX, check};
pub use scenario::Scenario;
pub use sweep::{Kind, Tally};
