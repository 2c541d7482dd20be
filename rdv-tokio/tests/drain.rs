//! A server that is asked to end, and lets its relays finish.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rdv_core::{Metrics, Readiness};
use rdv_tokio::{Server, ServerConfig};
use tokio::sync::oneshot;

const PATIENCE: Duration = Duration::from_secs(30);

struct Serving {
    addr: SocketAddr,
    metrics: Arc<Metrics>,
    stop: oneshot::Sender<()>,
    ended: Receiver<()>,
}

fn serve(drain: Duration) -> Serving {
    let mut config = ServerConfig::default();
    config.drain = drain;
    let server = Server::new(config);
    let metrics = server.metrics().clone();
    let (stop, stopped) = oneshot::channel();
    let (bound, addr) = channel();
    let (sender, ended) = channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listeners = Server::bind(&"127.0.0.1:0".parse().unwrap()).await.unwrap();
            bound.send(listeners[0].local_addr().unwrap()).unwrap();
            server.serve_all(listeners, async { _ = stopped.await }).await.unwrap();
        });
        sender.send(()).unwrap();
    });
    Serving { addr: addr.recv_timeout(PATIENCE).unwrap(), metrics, stop, ended }
}

include!("../../tests/src/draining.rs");
