//! rdv-tokio, under either flavour of the runtime. One runtime of each for the whole process, and for those who ask
//! one for each attempt.

use std::future::{pending, poll_fn};
use std::io;
use std::net::TcpStream;
use std::pin::Pin;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::thread;

use rdv_core::LobbyConfig;
use rdv_socket::ListenAddr;
use rdv_tokio::{Client, Conn, Error, Server, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Notify;

use super::{Adapter, Failure, Io, Order, Outcome, Serving, Stop, TestConn};

/// rdv-tokio.
#[derive(Clone, Copy, Debug)]
pub enum Tokio {
    /// On two worker threads.
    MultiThread,
    /// All of it on one thread.
    CurrentThread,
    /// On a runtime of its own for each attempt and each server, whose threads are in the network namespace of whoever
    /// begins it.
    Apart,
}

/// A runtime that goes on while somebody has a use for it.
#[derive(Clone, Debug)]
struct Engine {
    handle: Handle,
    _own: Option<Arc<Own>>,
}

/// A runtime that may be dropped anywhere, on a thread of its own too.
#[derive(Debug)]
struct Own(Option<Runtime>);

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Tokio {
    fn engine(self) -> Engine {
        static MULTI_THREAD: LazyLock<Runtime> = LazyLock::new(|| {
            Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("tokio: no runtime")
        });
        static CURRENT_THREAD: LazyLock<Handle> = LazyLock::new(|| {
            let runtime = Builder::new_current_thread().enable_all().build().expect("tokio: no runtime");
            let handle = runtime.handle().clone();
            thread::spawn(move || runtime.block_on(pending::<()>()));
            handle
        });
        match self {
            Tokio::MultiThread => Engine { handle: MULTI_THREAD.handle().clone(), _own: None },
            Tokio::CurrentThread => Engine { handle: CURRENT_THREAD.clone(), _own: None },
            Tokio::Apart => {
                let mut builder = Builder::new_multi_thread();
                let runtime = builder.worker_threads(1).enable_all().build().expect("tokio: no runtime");
                Engine { handle: runtime.handle().clone(), _own: Some(Arc::new(Own(Some(runtime)))) }
            }
        }
    }
}

impl Adapter for Tokio {
    fn name(&self) -> &'static str {
        match self {
            Tokio::MultiThread => "tokio",
            Tokio::CurrentThread => "tokio (current_thread)",
            Tokio::Apart => "tokio (apart)",
        }
    }

    fn connect(&self, order: Order, end: Sender<Outcome>) -> Box<dyn Fn() + Send> {
        let (name, engine, cancel) = (self.name(), self.engine(), Arc::new(Notify::new()));
        let (cancelled, handle) = (cancel.clone(), engine.handle.clone());
        handle.spawn(async move {
            let mut client = Client::new(order.config);
            client.tls = order.tls;
            client.port_map = order.port_map;
            // Whichever does not win is dropped by the end of the statement.
            let outcome = tokio::select! {
                result = client.connect(order.role, &order.url, &order.token) => {
                    result.map(|conn| test_conn(name, engine, conn)).map_err(failure)
                }
                () = cancelled.notified() => Err(Failure::cancelled()),
            };
            // Nobody listens if the test has failed meanwhile.
            let _ = end.send(outcome);
        });
        Box::new(move || cancel.notify_one())
    }

    fn serve(
        &self,
        listen: &ListenAddr,
        lobby: LobbyConfig,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> Serving {
        let mut config = ServerConfig::default();
        config.lobby = lobby;
        config.tls = tls;
        let engine = self.engine();
        let listeners = engine.handle.block_on(Server::bind(listen)).expect("tokio: cannot listen");
        let addrs = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
        let (stop, (end, ended)) = (Arc::new(Notify::new()), channel());
        let stopped = stop.clone();
        engine.handle.spawn(async move {
            let served = Server::new(config).serve_all(listeners, stopped.notified()).await;
            // Nobody listens if the test has failed meanwhile.
            let _ = end.send(served);
        });
        let stop = Stop::new(move || {
            // As long as it can be stopped, its runtime goes on.
            let _engine = &engine;
            stop.notify_one();
        });
        Serving { addrs, stop, ended, front: None }
    }
}

fn test_conn(name: &str, engine: Engine, conn: Conn) -> TestConn {
    let (is_relay, meta, report) = (conn.is_relay(), conn.meta().clone(), conn.report().clone());
    let peer_addr = conn.peer_addr();
    TestConn::new(name, peer_addr, is_relay, meta, report, Arc::new(TokioIo(engine, Mutex::new(conn))))
}

fn failure(err: Error) -> Failure {
    Failure {
        text: err.to_string(),
        connect: err.connect_error().cloned(),
        is_timeout: err.is_timeout(),
        is_cancelled: false,
    }
}

/// The lock is held while polling only, as in `tokio::io::split`.
#[derive(Debug)]
struct TokioIo(Engine, Mutex<Conn>);

impl TokioIo {
    fn block_on<T>(
        &self,
        mut poll: impl FnMut(Pin<&mut Conn>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> io::Result<T> {
        self.0.handle.block_on(poll_fn(|cx| {
            let mut conn = self.1.lock().unwrap_or_else(PoisonError::into_inner);
            poll(Pin::new(&mut conn), cx)
        }))
    }
}

impl Io for TokioIo {
    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.block_on(|conn, cx| {
            let mut buf = ReadBuf::new(buf);
            ready!(conn.poll_read(cx, &mut buf))?;
            Poll::Ready(Ok(buf.filled().len()))
        })
    }

    fn write_all(&self, mut data: &[u8]) -> io::Result<()> {
        while !data.is_empty() {
            let written = self.block_on(|conn, cx| conn.poll_write(cx, data))?;
            data = &data[written..];
        }
        self.block_on(|conn, cx| conn.poll_flush(cx))
    }

    fn finish(&self) -> io::Result<()> {
        self.block_on(|conn, cx| conn.poll_shutdown(cx))
    }

    fn reset_on_drop(&self) -> io::Result<()> {
        self.1.lock().unwrap_or_else(PoisonError::into_inner).reset()
    }

    fn into_tcp(self: Arc<Self>) -> Option<TcpStream> {
        let conn = Arc::into_inner(self)?.1.into_inner().unwrap_or_else(PoisonError::into_inner);
        conn.into_tcp().ok()?.into_std().ok()
    }
}
