//! What the machines log of their states, for a test to look at.

use std::cell::RefCell;

use log::{LevelFilter, Log, Metadata, Record};

thread_local! {
    /// The lines of this thread's test, while it has them kept.
    static LINES: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

struct Journal;

impl Log for Journal {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "rdv_core::states"
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            LINES.with_borrow_mut(|lines| lines.iter_mut().for_each(|it| it.push(record.args().to_string())));
        }
    }

    fn flush(&self) {}
}

/// The changes of state that `act` brings about, in order.
pub(crate) fn changes(act: impl FnOnce()) -> Vec<String> {
    // Fails if another test was first, with the same journal.
    let _ = log::set_logger(&Journal);
    log::set_max_level(LevelFilter::Trace);
    LINES.set(Some(Vec::new()));
    act();
    LINES.take().unwrap_or_default()
}
