//! rdv-blocking.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use rdv_blocking::{Canceller, Client, Conn, Error, Server, ServerConfig};
use rdv_core::LobbyConfig;
use rdv_socket::ListenAddr;

use super::{Adapter, Failure, Io, Order, Outcome, Serving, Stop, TestConn};

/// rdv-blocking.
#[derive(Clone, Copy, Debug)]
pub struct Blocking;

impl Adapter for Blocking {
    fn name(&self) -> &'static str {
        "blocking"
    }

    fn connect(&self, order: Order, end: Sender<Outcome>) -> Box<dyn Fn() + Send> {
        let canceller = Canceller::new();
        let watched = canceller.clone();
        thread::spawn(move || {
            let mut client = Client::new(order.config);
            client.tls = order.tls;
            client.port_map = order.port_map;
            let result = client.connect_until(order.role, &order.url, &order.token, &watched);
            // Nobody listens if the test has failed meanwhile.
            let _ = end.send(result.map(test_conn).map_err(failure));
        });
        Box::new(move || canceller.cancel())
    }

    fn serve(
        &self,
        listen: &ListenAddr,
        lobby: LobbyConfig,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> Serving {
        let mut config = ServerConfig::default();
        config.workers = 2;
        config.lobby = lobby;
        config.tls = tls;
        let server = Server::bind(listen, config).expect("blocking: cannot listen");
        let (addrs, handle) = (server.local_addrs(), server.handle());
        let (end, ended) = channel();
        thread::spawn(move || end.send(server.run()));
        Serving { addrs, stop: Stop::new(move || handle.shutdown()), ended, front: None }
    }
}

fn test_conn(conn: Conn) -> TestConn {
    let (is_relay, meta, report) = (conn.is_relay(), conn.meta().clone(), conn.report().clone());
    TestConn::new("blocking", conn.peer_addr(), is_relay, meta, report, Arc::new(conn))
}

fn failure(err: Error) -> Failure {
    Failure {
        text: err.to_string(),
        connect: err.connect_error().cloned(),
        is_timeout: err.is_timeout(),
        is_cancelled: matches!(err, Error::Cancelled),
    }
}

impl Io for Conn {
    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        (&mut &*self).read(buf)
    }

    fn write_all(&self, data: &[u8]) -> io::Result<()> {
        (&mut &*self).write_all(data)
    }

    fn finish(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn reset_on_drop(&self) -> io::Result<()> {
        self.reset()
    }

    fn into_tcp(self: Arc<Self>) -> Option<TcpStream> {
        Arc::into_inner(self)?.into_tcp().ok()
    }
}
