//! Threads for the pairs in bulk, which the application's runtime is spared: it runs what else there is to run, and has
//! nobody wait for a turn of many pipes. Each thread has a runtime of its own, so a pair stays where its bytes are cached.

use std::io;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::thread::available_parallelism;
use std::time::Duration;

use rdv_socket::relay::Kind;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

use super::copy::Sockets;
use super::pair::Pair;

/// Those of a server. They begin once they are needed, and end with it.
#[derive(Debug)]
pub(super) struct Bulk {
    most: usize,
    threads: Mutex<Vec<Thread>>,
}

/// A runtime of one thread. Nobody waits for its end, unless by [`Bulk::shutdown`].
#[derive(Debug)]
struct Thread(Option<Runtime>);

impl Bulk {
    /// So many threads at most; by default one for each core.
    pub(super) fn new(most: Option<usize>) -> Self {
        let most = most.unwrap_or_else(|| available_parallelism().map_or(1, usize::from));
        Self { most, threads: Mutex::default() }
    }

    /// Has a pair in bulk go on there, until it ends, or comes back because it is in bulk no more. Any other stays, as does one
    /// that there is no thread for.
    fn serve(&self, mut pair: Pair) -> Place {
        let thread = if pair.kind() == Kind::Bulk { self.thread() } else { None };
        let Some(thread) = thread else {
            return Place::Here(pair);
        };
        let sockets = pair.pack();
        let task = thread.spawn(async move {
            pair.unpack(sockets);
            let goes_on = (&mut pair).await.is_continue();
            goes_on.then(|| (pair.pack(), pair))
        });
        Place::There(Away(task))
    }

    /// The one with the fewest pairs.
    fn thread(&self) -> Option<Handle> {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if threads.len() < self.most && threads.iter().all(|thread| thread.pairs() > 0) {
            match Thread::start() {
                Ok(thread) => threads.push(thread),
                Err(err) => log::warn!(target: "server", "no thread for pairs in bulk: {err}"),
            }
        }
        let least = threads.iter().min_by_key(|thread| thread.pairs());
        least?.0.as_ref().map(|runtime| runtime.handle().clone())
    }

    /// How many pairs they have.
    #[cfg(test)]
    pub(super) fn pairs(&self) -> usize {
        self.threads.lock().unwrap().iter().map(Thread::pairs).sum()
    }

    /// Ends the threads, and what may be left of their pairs: to be awaited where those are to have ended.
    pub(super) async fn shutdown(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for mut thread in threads {
            let end = move || thread.0.take().map(|runtime| runtime.shutdown_timeout(PATIENCE));
            let _ = tokio::task::spawn_blocking(end).await;
        }
    }
}

impl Thread {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("rdv-bulk")
            .on_thread_start(|| {
                if let Err(err) = rdv_socket::set_slice(SLICE) {
                    log::debug!(target: "server", "rdv-bulk threads run for as long in one go as any: {err}");
                }
            })
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    fn pairs(&self) -> usize {
        self.0.as_ref().map_or(0, |runtime| runtime.metrics().num_alive_tasks())
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A pair, wherever it is: a future that ends with it.
pub(super) struct Served {
    bulk: Arc<Bulk>,
    place: Place,
}

#[allow(clippy::large_enum_variant, reason = "most are here, in the memory of their task")]
enum Place {
    Here(Pair),
    There(Away),
    Gone,
}

/// A pair's task on another thread, which ends with the one that waits for it.
struct Away(JoinHandle<Option<(Sockets, Pair)>>);

impl Served {
    pub(super) fn new(pair: Pair, bulk: Arc<Bulk>) -> Self {
        Self { bulk, place: Place::Here(pair) }
    }
}

impl Future for Served {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match &mut self.place {
                Place::Here(pair) => {
                    if ready!(Pin::new(pair).poll(cx)).is_break() {
                        return Poll::Ready(());
                    }
                    if let Place::Here(pair) = std::mem::replace(&mut self.place, Place::Gone) {
                        self.place = self.bulk.serve(pair);
                    }
                }
                Place::There(away) => match ready!(Pin::new(&mut away.0).poll(cx)) {
                    Ok(Some((sockets, mut pair))) => {
                        pair.unpack(sockets);
                        self.place = Place::Here(pair);
                    }
                    Err(err) if err.is_panic() => resume_unwind(err.into_panic()),
                    Ok(None) | Err(_) => return Poll::Ready(()),
                },
                Place::Gone => return Poll::Ready(()),
            }
        }
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How long they run in one go: whoever has a small exchange runs first.
const SLICE: Duration = Duration::from_millis(5);
/// For a turn that is under way.
const PATIENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
