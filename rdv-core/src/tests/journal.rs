//! What the machines log, for a test to look at: changes of their states, and warnings.

use std::cell::RefCell;

use log::{Level, LevelFilter, Log, Metadata, Record};

thread_local! {
    /// What this thread's test has kept, while it has.
    static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

struct Kept {
    wants: fn(&Metadata<'_>) -> bool,
    lines: Vec<String>,
}

struct Journal;

impl Log for Journal {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        KEPT.with_borrow(|kept| kept.as_ref().is_some_and(|kept| (kept.wants)(metadata)))
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            KEPT.with_borrow_mut(|kept| {
                kept.iter_mut().for_each(|it| it.lines.push(record.args().to_string()))
            });
        }
    }

    fn flush(&self) {}
}

/// The changes of state that `act` brings about, in order.
pub(crate) fn changes(act: impl FnOnce()) -> Vec<String> {
    lines(|metadata| metadata.target() == "rdv_core::states", act)
}

/// What `act` has an operator warned of, in order.
pub(crate) fn warnings(act: impl FnOnce()) -> Vec<String> {
    lines(|metadata| metadata.level() <= Level::Warn, act)
}

fn lines(wants: fn(&Metadata<'_>) -> bool, act: impl FnOnce()) -> Vec<String> {
    // Fails if another test was first, with the same journal.
    let _ = log::set_logger(&Journal);
    log::set_max_level(LevelFilter::Trace);
    KEPT.set(Some(Kept { wants, lines: Vec::new() }));
    act();
    KEPT.take().map(|kept| kept.lines).unwrap_or_default()
}
