//! Signals on a client: all of them end it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use log::warn;
use rdv_blocking::{Canceller, Conn};
use rdv_cli::lines;
use rdv_cli::signals::{self, exit_now};

/// What a signal is to end: the attempt while it is under way, the connection once there is one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt {
    canceller: Canceller,
    stage: Arc<Mutex<Stage>>,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Connecting,
    Connected(Arc<Conn>),
    Interrupted,
}

impl Interrupt {
    /// Watches for signals from now on.
    pub(crate) fn install() -> Interrupt {
        let interrupt = Interrupt::default();
        let handler = interrupt.clone();
        if let Err(error) = signals::watch(move |_| handler.signalled()) {
            warn!(target: "client", "signals end this process without a word to the peer: {error}");
        }
        interrupt
    }

    /// Ends an attempt when a signal comes.
    pub(crate) fn canceller(&self) -> &Canceller {
        &self.canceller
    }

    /// From now on, a signal ends this connection. `false` if a signal has come already.
    pub(crate) fn connected(&self, conn: &Arc<Conn>) -> bool {
        let mut stage = self.lock();
        if matches!(*stage, Stage::Interrupted) {
            return false;
        }
        *stage = Stage::Connected(conn.clone());
        true
    }

    /// Whether a signal has come. If so, errors are its consequence.
    pub(crate) fn has_come(&self) -> bool {
        matches!(*self.lock(), Stage::Interrupted)
    }

    fn signalled(&self) {
        // Held to the end: the main thread, which may see the reset as an error, must not be the first to exit.
        let mut stage = self.lock();
        match std::mem::replace(&mut *stage, Stage::Interrupted) {
            // The main thread returns from the attempt, and says so.
            Stage::Connecting => self.canceller.cancel(),
            Stage::Connected(conn) => {
                // What the peer has got so far must not look complete to it.
                let reset = conn.reset();
                lines::reset();
                if let Err(error) = reset {
                    lines::was_gone(&error);
                }
                // The main thread may be waiting for stdin or stdout, for good.
                exit_now();
            }
            // Somebody is impatient.
            Stage::Interrupted => exit_now(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
