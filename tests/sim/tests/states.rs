//! The state diagrams of ARCHITECTURE.md against what the machines do in the simulator: every transition that is
//! taken is drawn, and every one that is drawn is taken.

use std::collections::BTreeMap;
use std::sync::Mutex;

use rdv_sim::Kind;

/// The transitions that were taken, and how often, as the machines log them: `link: Dialing -> Greeting`.
static TAKEN: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

#[test]
fn the_diagrams_show_each_transition_that_is_taken_and_no_other() {
    log::set_logger(&Collector).expect("this is the only test here");
    log::set_max_level(log::LevelFilter::Trace);
    let drawn = drawn(include_str!("../../../ARCHITECTURE.md"));
    assert!(drawn.len() > 20, "ARCHITECTURE.md has no diagrams of states any more, only {drawn:?}");
    Kind::Quiet.sweep(0..300, 1).assert_none_failed(Kind::Quiet);
    Kind::Proxied.sweep(0..3_000, 1).assert_none_failed(Kind::Proxied);
    // Some transitions are rare: for these there are more seeds.
    for seeds in (0..MOST).step_by(AT_LEAST as usize).map(|from| from..from + AT_LEAST) {
        Kind::Troubled.sweep(seeds, 1).assert_none_failed(Kind::Troubled);
        let taken = TAKEN.lock().expect("no thread has panicked");
        if drawn.iter().all(|transition| taken.contains_key(transition)) {
            break;
        }
    }
    let taken = std::mem::take(&mut *TAKEN.lock().expect("no thread has panicked"));

    let undrawn: Vec<_> = taken.iter().filter(|(transition, _)| !drawn.contains(*transition)).collect();
    assert!(undrawn.is_empty(), "taken, but not drawn in ARCHITECTURE.md: {undrawn:#?}");
    let untaken: Vec<_> = drawn.iter().filter(|transition| !taken.contains_key(*transition)).collect();
    assert!(untaken.is_empty(), "drawn in ARCHITECTURE.md, but never taken: {untaken:#?}");
}

/// What stands in the mermaid blocks: `From --> To: why`, below a heading that begins with the machine's name.
fn drawn(text: &str) -> Vec<String> {
    let mut drawn = Vec::new();
    let mut machine = String::new();
    let mut in_block = false;
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("### ") {
            machine = heading.split_whitespace().next().unwrap_or_default().to_lowercase();
        } else if line.starts_with("```") {
            in_block = line == "```mermaid";
        } else if let Some((from, rest)) = line.split_once(" --> ").filter(|_| in_block) {
            let to = rest.split(':').next().unwrap_or_default();
            drawn.push(format!("{machine}: {} -> {}", from.trim(), to.trim()));
        }
    }
    drawn
}

/// Seeds with mishaps.
const AT_LEAST: u64 = 3_000;
const MOST: u64 = 24_000;

struct Collector;

impl log::Log for Collector {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target() == "rdv_core::states"
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            *TAKEN.lock().expect("no thread has panicked").entry(record.args().to_string()).or_default() += 1;
        }
    }

    fn flush(&self) {}
}
