//! The signals that end a process, or have it read its files again.

use std::io;
use std::process;
use std::sync::Arc;

use log::warn;
use rdv_access::Gate;

use crate::exit::Exit;
use crate::lines;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT: to end. On Windows, Ctrl-C and its like.
    End,
    /// SIGTERM: to end, when what is under way has. On Windows there is none.
    Terminate,
    /// SIGHUP: the terminal is gone, or files have changed.
    HangUp,
}

/// Calls `handler` for each signal from now on, on a thread of its own.
///
/// # Errors
/// The system's. Signals end the process at once then.
#[cfg(unix)]
pub fn watch(mut handler: impl FnMut(Signal) + Send + 'static) -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    std::thread::Builder::new().name("rdv-signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            handler(match signal {
                SIGHUP => Signal::HangUp,
                SIGTERM => Signal::Terminate,
                _ => Signal::End,
            });
        }
    })?;
    Ok(())
}

/// Calls `handler` for each signal from now on, on a thread of its own.
///
/// # Errors
/// The system's. Signals end the process at once then.
#[cfg(windows)]
pub fn watch(mut handler: impl FnMut(Signal) + Send + 'static) -> io::Result<()> {
    ctrlc::set_handler(move || handler(Signal::End)).map_err(io::Error::other)
}

/// Calls `end` at the first signal, of whatever kind. The second one ends the process at once.
pub fn on_first(target: &str, end: impl FnOnce() + Send + 'static) {
    on_first_but_reload(target, None, end);
}

/// The same, but if there is a gate, SIGHUP has it read its files again.
pub fn on_first_but_reload(target: &str, gate: Option<Arc<Gate>>, end: impl FnOnce() + Send + 'static) {
    let mut end = Some(end);
    let watching = watch(move |signal| match (&gate, end.take()) {
        (Some(gate), unused) if signal == Signal::HangUp => {
            end = unused;
            lines::reloaded(&gate.reload());
        }
        (_, Some(end)) => end(),
        // Somebody is impatient.
        (_, None) => exit_now(),
    });
    if let Err(error) = watching {
        warn!(target: target, "signals end this process at once: {error}");
    }
}

/// Ends the process, whatever its threads wait for.
pub fn exit_now() -> ! {
    process::exit(Exit::Interrupted.status().into())
}
