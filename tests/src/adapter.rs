//! Every adapter by one interface that blocks, so that a test is written once for all of them.
//!
//! A fourth adapter implements [`Adapter`], and gets a line in [`for_each_adapter`](crate::for_each_adapter).

mod blocking;
mod conn;
mod smol;
mod tokio;
mod trial;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};

use rdv_core::{Config, LobbyConfig, Role, ServerUrl, Token};
use rdv_socket::ListenAddr;

use crate::tls::TlsFront;

pub use self::blocking::Blocking;
pub use self::conn::{Io, TestConn, exchange};
pub use self::smol::Smol;
pub use self::tokio::Tokio;
pub use self::trial::{Failure, Party, Trial, meet};

/// A client and a server.
pub trait Adapter: fmt::Debug + Sync {
    /// How failures call it.
    fn name(&self) -> &'static str;

    /// Begins an attempt in the background, which sends its outcome to `end`. What is returned cancels it: by the
    /// adapter's own means, which is dropping the future where there is one.
    fn connect(&self, order: Order, end: Sender<Outcome>) -> Box<dyn Fn() + Send>;

    /// Begins to serve in the background, over TLS if there is a certificate.
    fn serve(
        &self,
        listen: &ListenAddr,
        lobby: LobbyConfig,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> Serving;
}

/// What an attempt comes to.
pub type Outcome = Result<TestConn, Failure>;

/// All that an attempt is to be told.
#[derive(Clone, Debug)]
pub struct Order {
    /// What the client is configured with.
    pub config: Config,
    /// For https.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// Whether to have a port mapped.
    pub port_map: bool,
    /// Which of the two peers it is.
    pub role: Role,
    /// The server.
    pub url: ServerUrl,
    /// What both peers have in common.
    pub token: Token,
}

/// A server in the background.
#[derive(Debug)]
pub struct Serving {
    /// Where clients reach it, IPv4 first.
    pub addrs: Vec<SocketAddr>,
    /// What shuts it down.
    pub stop: Stop,
    /// Gets what it returned.
    pub ended: Receiver<io::Result<()>>,
    /// In front of a server that does not end TLS itself.
    pub front: Option<TlsFront>,
}

impl Serving {
    /// The same over TLS, for a server that does not end TLS itself: a proxy in front does.
    fn behind_front(mut self, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        if let Some(tls) = tls {
            let front = TlsFront::start(&format!("{}:0", host(self.addrs[0])), tls, self.addrs[0]);
            self.addrs = vec![front.addr()];
            self.front = Some(front);
        }
        self
    }
}

/// An IP address as URLs have it.
fn host(addr: SocketAddr) -> String {
    if addr.is_ipv4() { addr.ip().to_string() } else { format!("[{}]", addr.ip()) }
}

/// Shuts a server down.
#[derive(Clone)]
pub struct Stop(Arc<dyn Fn() + Send + Sync>);

impl Stop {
    /// By this function, which may be called more than once.
    pub fn new(stop: impl Fn() + Send + Sync + 'static) -> Self {
        Stop(Arc::new(stop))
    }

    /// Shuts it down. Does not wait for its end.
    pub fn shutdown(&self) {
        (self.0)();
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stop")
    }
}

/// Every adapter, and where one has variants, every variant.
pub const ADAPTERS: [&dyn Adapter; 4] = [&Blocking, &Tokio::MultiThread, &Tokio::CurrentThread, &Smol];

/// Makes a test of each case (a `fn(&'static dyn Adapter)` in the scope of the macro) and each adapter, named
/// `adapter::case`.
#[macro_export]
macro_rules! for_each_adapter {
    ($($case:ident)*) => {
        $crate::for_each_adapter!(@blocking $crate::adapter::Blocking, $($case)*);
        $crate::for_each_adapter!(@tokio $crate::adapter::Tokio::MultiThread, $($case)*);
        $crate::for_each_adapter!(@tokio_current_thread $crate::adapter::Tokio::CurrentThread, $($case)*);
        $crate::for_each_adapter!(@smol $crate::adapter::Smol, $($case)*);
    };
    (@$module:ident $adapter:expr, $($case:ident)*) => {
        mod $module {
            $(
                #[test]
                fn $case() {
                    super::$case(&$adapter);
                }
            )*
        }
    };
}
