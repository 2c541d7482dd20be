//! rdv-smol, each attempt and each server under a `block_on` of its own.

use std::future::poll_fn;
use std::io;
use std::net::TcpStream;
use std::pin::Pin;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread;

use rdv_core::LobbyConfig;
use rdv_smol::{Client, Conn, Error, Server, ServerConfig};
use rdv_socket::ListenAddr;
use smol::future::FutureExt;
use smol::io::{AsyncRead, AsyncWrite};

use super::{Adapter, Failure, Io, Order, Outcome, Serving, Stop, TestConn};

/// rdv-smol.
#[derive(Clone, Copy, Debug)]
pub struct Smol;

impl Adapter for Smol {
    fn name(&self) -> &'static str {
        "smol"
    }

    fn connect(&self, order: Order, end: Sender<Outcome>) -> Box<dyn Fn() + Send> {
        let (cancel, cancelled) = smol::channel::bounded::<()>(1);
        thread::spawn(move || {
            let mut client = Client::new(order.config);
            client.tls = order.tls;
            client.port_map = order.port_map;
            let connecting = async {
                let result = client.connect(order.role, &order.url, &order.token).await;
                result.map(test_conn).map_err(failure)
            };
            let cancelling = async {
                // Who can't cancel any more lets it run.
                match cancelled.recv().await {
                    Ok(()) => Err(Failure::cancelled()),
                    Err(_) => std::future::pending().await,
                }
            };
            // Whichever does not win is dropped by the end of the statement.
            let outcome = smol::block_on(connecting.or(cancelling));
            // Nobody listens if the test has failed meanwhile.
            let _ = end.send(outcome);
        });
        Box::new(move || {
            // Full or closed: it is cancelled already, or over.
            let _ = cancel.try_send(());
        })
    }

    fn serve(
        &self,
        listen: &ListenAddr,
        lobby: LobbyConfig,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> Serving {
        let mut config = ServerConfig::default();
        config.lobby = lobby;
        let listeners = smol::block_on(Server::bind(listen)).expect("smol: cannot listen");
        let addrs = listeners.iter().map(|listener| listener.get_ref().local_addr().unwrap()).collect();
        let ((stop, stopped), (end, ended)) = (smol::channel::bounded::<()>(1), channel());
        thread::spawn(move || {
            let serving = Server::new(config).serve_all(listeners, async move { _ = stopped.recv().await });
            end.send(smol::block_on(serving))
        });
        let stop = Stop::new(move || _ = stop.try_send(()));
        Serving { addrs, stop, ended, front: None }.behind_front(tls)
    }
}

fn test_conn(conn: Conn) -> TestConn {
    let (is_relay, meta, report) = (conn.is_relay(), conn.meta().clone(), conn.report().clone());
    TestConn::new("smol", conn.peer_addr(), is_relay, meta, report, Arc::new(SmolIo(Mutex::new(conn))))
}

fn failure(err: Error) -> Failure {
    Failure {
        text: err.to_string(),
        connect: err.connect_error().cloned(),
        is_timeout: err.is_timeout(),
        is_cancelled: false,
    }
}

/// The lock is held while polling only, as in `futures_lite::io::split`.
#[derive(Debug)]
struct SmolIo(Mutex<Conn>);

impl SmolIo {
    fn block_on<T>(
        &self,
        mut poll: impl FnMut(Pin<&mut Conn>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> io::Result<T> {
        smol::block_on(poll_fn(|cx| {
            let mut conn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            poll(Pin::new(&mut conn), cx)
        }))
    }
}

impl Io for SmolIo {
    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.block_on(|conn, cx| conn.poll_read(cx, buf))
    }

    fn write_all(&self, mut data: &[u8]) -> io::Result<()> {
        while !data.is_empty() {
            let written = self.block_on(|conn, cx| conn.poll_write(cx, data))?;
            data = &data[written..];
        }
        self.block_on(|conn, cx| conn.poll_flush(cx))
    }

    fn finish(&self) -> io::Result<()> {
        self.block_on(|conn, cx| conn.poll_close(cx))
    }

    fn reset_on_drop(&self) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).reset()
    }

    fn into_tcp(self: Arc<Self>) -> Option<TcpStream> {
        let conn = Arc::into_inner(self)?.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        conn.into_tcp().ok()?.into_inner().ok()
    }
}
