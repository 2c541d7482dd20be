//! Real clients, on threads of their own, so that no test waits for one without end.

use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;

use rdv_blocking::{Canceller, Client, Conn, Error};
use rdv_core::{AddrSpaces, Config, Role, ServerUrl, Token};

use crate::SOON;
use crate::raw::RawConn;

/// A client's attempt under way.
#[derive(Debug)]
pub struct Attempt {
    what: String,
    canceller: Canceller,
    outcome: Receiver<Result<Conn, Error>>,
}

impl Attempt {
    /// Begins one.
    ///
    /// # Panics
    /// If `token` is none.
    pub fn start(client: &Client, role: Role, url: &ServerUrl, token: impl AsRef<[u8]>) -> Self {
        let (sender, outcome) = channel();
        let canceller = Canceller::new();
        let token = Token::new(token).unwrap();
        let what = format!("{role} via {url}");
        let (client, url, watched) = (client.clone(), url.clone(), canceller.clone());
        thread::spawn(move || {
            // Nobody listens if the test has failed meanwhile.
            let _ = sender.send(client.connect_until(role, &url, &token, &watched));
        });
        Self { what, canceller, outcome }
    }

    /// Its end, which must come soon.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub fn outcome(self) -> Result<Conn, Error> {
        match self.outcome.recv_timeout(SOON) {
            Ok(outcome) => outcome,
            Err(err) => panic!("{}: no outcome within {SOON:?} ({err})", self.what),
        }
    }

    /// Its connection.
    ///
    /// # Panics
    /// If it fails.
    #[track_caller]
    pub fn conn(self) -> Conn {
        let what = self.what.clone();
        match self.outcome() {
            Ok(conn) => conn,
            Err(err) => panic!("{what}: {err}\n{err:#?}"),
        }
    }

    /// Its connection as a raw socket.
    ///
    /// # Panics
    /// If it fails, or its connection is not plain.
    #[track_caller]
    pub fn raw(self) -> RawConn {
        raw(self.conn())
    }

    /// Its failure.
    ///
    /// # Panics
    /// If it connects.
    #[track_caller]
    pub fn error(self) -> Error {
        let what = self.what.clone();
        match self.outcome() {
            Ok(conn) => panic!("{what}: connected to {} against expectation", conn.peer_addr()),
            Err(err) => err,
        }
    }

    /// Cancels it.
    pub fn cancel(&self) {
        self.canceller.cancel();
    }

    /// It has not ended yet.
    ///
    /// # Panics
    /// If it has.
    #[track_caller]
    pub fn expect_pending(&self) {
        match self.outcome.try_recv() {
            Err(TryRecvError::Empty) => {}
            other => panic!("{}: ended too early: {other:?}", self.what),
        }
    }
}

/// A plain connection as a raw socket.
///
/// # Panics
/// If it is not plain.
#[track_caller]
pub fn raw(conn: Conn) -> RawConn {
    match conn.into_tcp() {
        Ok(tcp) => RawConn::from_tcp(tcp),
        Err(conn) => panic!("not a plain connection: {conn:?}"),
    }
}

/// A client with these address spaces, and whatever else is configured.
///
/// # Panics
/// If `spaces` are none.
pub fn client(spaces: &str, configure: impl FnOnce(&mut Config)) -> Client {
    let mut config = Config::default();
    config.spaces = spaces.parse::<AddrSpaces>().unwrap();
    configure(&mut config);
    Client::new(config)
}
