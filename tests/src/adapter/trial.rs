//! Attempts of any adapter.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;

use rdv_core::{AddrSpaces, Config, ConnectError, Role, ServerUrl, Token, WaitForP2p};

use super::{Adapter, Order, Outcome, TestConn};
use crate::SOON;

/// A client of any adapter, ready to begin attempts.
#[derive(Clone, Debug)]
pub struct Party {
    /// Whose client.
    pub adapter: &'static dyn Adapter,
    /// What it is configured with.
    pub config: Config,
    /// For https.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// Whether to have a port mapped.
    pub port_map: bool,
}

/// Why an attempt of any adapter failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The error's text.
    pub text: String,
    /// The protocol's reason, if it has one.
    pub connect: Option<ConnectError>,
    /// Whether the time was over.
    pub is_timeout: bool,
    /// Whether it was cancelled.
    pub is_cancelled: bool,
}

/// An attempt under way.
pub struct Trial {
    name: String,
    cancel: Box<dyn Fn() + Send>,
    outcome: Receiver<Outcome>,
}

impl Failure {
    /// For adapters where a future that is dropped has no error of its own.
    pub fn cancelled() -> Self {
        Self { text: "cancelled".into(), connect: None, is_timeout: false, is_cancelled: true }
    }
}

impl Party {
    /// A client with these address spaces. It never prefers the relay for want of time.
    ///
    /// # Panics
    /// If `spaces` are none.
    pub fn new(adapter: &'static dyn Adapter, spaces: &str) -> Self {
        let mut config = Config::default();
        config.spaces = spaces.parse::<AddrSpaces>().unwrap();
        config.picker = Arc::new(WaitForP2p(Duration::from_secs(60)));
        Self { adapter, config, tls: None, port_map: false }
    }

    /// The same, configured.
    #[must_use]
    pub fn with(mut self, configure: impl FnOnce(&mut Config)) -> Self {
        configure(&mut self.config);
        self
    }

    /// The same, with this for https.
    #[must_use]
    pub fn tls(mut self, tls: Arc<rustls::ClientConfig>) -> Self {
        self.tls = Some(tls);
        self
    }

    /// The same, with a port mapped or not.
    #[must_use]
    pub fn port_map(mut self, port_map: bool) -> Self {
        self.port_map = port_map;
        self
    }

    /// Begins an attempt.
    ///
    /// # Panics
    /// If `token` is none.
    pub fn start(&self, role: Role, url: &ServerUrl, token: impl AsRef<[u8]>) -> Trial {
        let (end, outcome) = channel();
        let order = Order {
            config: self.config.clone(),
            tls: self.tls.clone(),
            port_map: self.port_map,
            role,
            url: url.clone(),
            token: Token::new(token).unwrap(),
        };
        let name = format!("{} {role} via {url}", self.adapter.name());
        Trial { name, cancel: self.adapter.connect(order, end), outcome }
    }
}

/// Both ends of a connection: that of `one`, which has this role, and that of `two`.
///
/// # Panics
/// If there is none.
#[track_caller]
pub fn meet(
    (one, role): (&Party, Role),
    two: &Party,
    url: &ServerUrl,
    token: impl AsRef<[u8]>,
) -> (TestConn, TestConn) {
    let trials = (one.start(role, url, &token), two.start(role.other(), url, &token));
    (trials.0.conn(), trials.1.conn())
}

impl Trial {
    /// Its end, which must come soon.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub fn outcome(self) -> Outcome {
        match self.outcome.recv_timeout(SOON) {
            Ok(outcome) => outcome,
            Err(err) => panic!("{}: no outcome within {SOON:?} ({err})", self.name),
        }
    }

    /// Its connection.
    ///
    /// # Panics
    /// If it fails.
    #[track_caller]
    pub fn conn(self) -> TestConn {
        let name = self.name.clone();
        self.outcome().unwrap_or_else(|err| panic!("{name}: {}\n{err:#?}", err.text))
    }

    /// Its failure.
    ///
    /// # Panics
    /// If it connects.
    #[track_caller]
    pub fn failure(self) -> Failure {
        let name = self.name.clone();
        match self.outcome() {
            Ok(conn) => panic!("{name}: connected to {} against expectation", conn.peer_addr),
            Err(failure) => failure,
        }
    }

    /// Cancels it, whereupon it must end as such.
    ///
    /// # Panics
    /// If it has ended before, or does not end now.
    #[track_caller]
    pub fn cancelled(self) {
        if let Err(TryRecvError::Empty) = self.outcome.try_recv() {
            (self.cancel)();
        } else {
            panic!("{}: ended before it was cancelled", self.name);
        }
        let name = self.name.clone();
        match self.outcome() {
            Err(failure) if failure.is_cancelled => {}
            other => panic!("{name}: cancelled, but came to {other:?}"),
        }
    }
}
