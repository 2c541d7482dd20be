//! Threads for the pairs that need nothing of the runtime: those of two plain sockets. Of such a pair the runtime has neither a
//! task nor a timer, and nobody else on it waits for a turn of many pipes.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::thread::available_parallelism;

use rdv_core::RelayReport;
use rdv_relay::{Crew, Ending, Pair, Plain};
use rdv_socket::relay::Pool;
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::SendError;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinError, JoinSet};

use crate::handler::{Hook, MatchedPair};

/// Those of a server. They begin once they are needed, and end with it.
pub(super) struct Threads {
    crew: Option<Arc<Crew<Plain, Ended>>>,
    office: Arc<Office>,
    ends: UnboundedReceiver<End>,
    /// The application is being told of an end, in a task of its own.
    tellings: JoinSet<()>,
}

/// A pair that they copy.
pub(super) type Relayed = Box<Pair<Plain, Ended>>;

/// Where the ends of pairs are told.
pub(super) struct Office {
    ends: UnboundedSender<End>,
    /// Those that are to tell their end, and have not been heard yet.
    pairs: AtomicUsize,
    runtime: Handle,
    hook: Hook,
}

/// That of a pair; with what the application has seen of it, and is to be told.
#[derive(Default)]
pub(super) struct End {
    seen: Option<Arc<MatchedPair>>,
    report: Option<Box<RelayReport>>,
}

/// Tells an end.
pub(super) struct Ended {
    office: Arc<Office>,
    end: End,
}

impl Threads {
    /// So many of them; by default one for each core.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub(super) fn new(workers: Option<usize>, pool: Pool, hook: Hook) -> Self {
        let workers = workers.unwrap_or_else(|| available_parallelism().map_or(1, usize::from));
        let crew = (workers > 0).then(|| Arc::new(Crew::new(workers, pool)));
        let (sender, ends) = unbounded_channel();
        let (pairs, runtime) = (AtomicUsize::new(0), Handle::current());
        let office = Arc::new(Office { ends: sender, pairs, runtime, hook });
        Self { crew, office, ends, tellings: JoinSet::new() }
    }

    /// Where pairs are to tell their ends that are for these threads. None if there are none, nor does the system have any.
    pub(super) fn office(&self) -> Option<Arc<Office>> {
        let started = self.crew.as_ref()?.start(1);
        started.inspect_err(|err| log::debug!(target: "server", "no thread to relay pairs: {err}")).ok()?;
        Some(self.office.clone())
    }

    /// Has them serve a pair. It is cut off if they have been stopped.
    pub(super) fn serve(&mut self, pair: Relayed) {
        if let Some(crew) = &self.crew {
            // One that comes back is dropped, and tells its end by that.
            let _ = crew.serve(pair);
        }
    }

    /// Takes note of the pairs that have ended, and has the application told. Whether there were any.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        let mut any = false;
        while let Poll::Ready(Some(end)) = self.ends.poll_recv(cx) {
            any = true;
            self.office.pairs.fetch_sub(1, Ordering::Relaxed);
            if let Some(telling) = self.office.telling(end) {
                self.tellings.spawn(telling);
            }
        }
        while let Poll::Ready(Some(told)) = self.tellings.poll_join_next(cx) {
            note(told);
        }
        any
    }

    /// How many pairs they have, those on their way to them included.
    pub(super) fn pairs(&self) -> usize {
        self.office.pairs.load(Ordering::Relaxed)
    }

    /// Cuts off their pairs, and ends the threads.
    pub(super) async fn stop(&mut self) {
        if let Some(crew) = self.crew.clone() {
            // It takes no longer than a turn of a pair.
            let _ = tokio::task::spawn_blocking(move || crew.stop()).await;
        }
    }

    /// Until the application has been told of all that has ended.
    pub(super) async fn settle(&mut self) {
        poll_fn(|cx| Poll::Ready(self.poll(cx))).await;
        while let Some(told) = self.tellings.join_next().await {
            note(told);
        }
    }

    #[cfg(test)]
    pub(super) fn crew(&self) -> Option<&Arc<Crew<Plain, Ended>>> {
        self.crew.as_ref()
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.tellings.detach_all();
        self.ends.close();
        while let Ok(end) = self.ends.try_recv() {
            self.office.tell(end);
        }
    }
}

impl Office {
    /// Tells the application of an end, if it wants to know.
    fn telling(&self, end: End) -> Option<impl Future<Output = ()> + Send + use<>> {
        let (handler, seen, report) = (self.hook.0.clone()?, end.seen?, end.report?);
        Some(async move { handler.finished(&seen, &report) })
    }

    fn tell(&self, end: End) {
        if let Some(telling) = self.telling(end) {
            self.runtime.spawn(telling);
        }
    }
}

impl Ended {
    pub(super) fn new(office: Arc<Office>, seen: Option<Arc<MatchedPair>>) -> Self {
        office.pairs.fetch_add(1, Ordering::Relaxed);
        Self { office, end: End { seen, report: None } }
    }
}

impl Ending for Ended {
    fn finished(&mut self, report: RelayReport) {
        self.end.report = self.end.seen.as_ref().map(|_| Box::new(report));
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        if let Err(SendError(end)) = self.office.ends.send(std::mem::take(&mut self.end)) {
            // The server is gone.
            self.office.tell(end);
        }
    }
}

fn note(told: Result<(), JoinError>) {
    if let Err(err) = told
        && err.is_panic()
    {
        log::error!(target: "server", "the handler has panicked: {err}");
    }
}

#[cfg(test)]
mod tests;
