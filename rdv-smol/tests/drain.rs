//! A server that is asked to end, and lets its relays finish.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rdv_core::{Metrics, Readiness};
use rdv_smol::{Server, ServerConfig};

const PATIENCE: Duration = Duration::from_secs(30);

struct Serving {
    addr: SocketAddr,
    metrics: Arc<Metrics>,
    stop: smol::channel::Sender<()>,
    ended: Receiver<()>,
}

fn serve(drain: Duration) -> Serving {
    let mut config = ServerConfig::default();
    config.drain = drain;
    let server = Server::new(config);
    let metrics = server.metrics().clone();
    let (stop, stopped) = smol::channel::bounded(1);
    let (bound, addr) = channel();
    let (sender, ended) = channel();
    thread::spawn(move || {
        smol::block_on(async {
            let listeners = Server::bind(&"127.0.0.1:0".parse().unwrap()).await.unwrap();
            bound.send(listeners[0].get_ref().local_addr().unwrap()).unwrap();
            server.serve_all(listeners, async { _ = stopped.recv().await }).await.unwrap();
        });
        sender.send(()).unwrap();
    });
    Serving { addr: addr.recv_timeout(PATIENCE).unwrap(), metrics, stop, ended }
}

include!("../../tests/src/draining.rs");
