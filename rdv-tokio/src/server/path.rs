//! The data path of a pair: the server's own copy, or the application's relay.

use std::io::ErrorKind;
use std::sync::Arc;
use std::task::{Context, Poll};

use rdv_core::{ConnId, DataEnd, Early, Intent, Splice, Traffic};
use rdv_socket::relay::Pool;

use super::copy::Copy;
use crate::driver::{Driver, Socket};
use crate::handler::{Meter, RelayStream, Relayer, Relaying};

/// Boxed, for a pair has none until then.
pub(super) enum Path {
    Copy(Box<Copy>),
    Taken(Box<Taken>),
}

/// Relayed by the application.
pub(super) struct Taken {
    dialer: Arc<Meter>,
    accepter: Arc<Meter>,
    relaying: Relaying,
}

impl Path {
    /// Begins as `splice` says. An error if a connection is gone.
    pub(super) fn new(
        splice: Splice,
        relayer: Option<Relayer>,
        driver: &mut Driver,
        pool: &Pool,
    ) -> Result<Self, DataEnd> {
        let Some(relayer) = relayer else {
            return Ok(Path::Copy(Box::new(Copy::new(splice, driver, pool.clone()))));
        };
        let Splice { dialer, accepter, early, behind_command, .. } = splice;
        let mut stream = |conn: ConnId, early| {
            let stream = driver.remove(conn).map(Socket::into_stream);
            let stream = stream.ok_or(DataEnd::Broken(conn, ErrorKind::NotConnected))?;
            Ok(RelayStream::new(stream, early))
        };
        let (dialer, dialer_meter) = stream(dialer, Early { data: behind_command, eof: false })?;
        let (accepter, accepter_meter) = stream(accepter, early)?;
        let relaying = relayer.start(dialer, accepter);
        Ok(Path::Taken(Box::new(Taken { dialer: dialer_meter, accepter: accepter_meter, relaying })))
    }

    /// Whether the bytes are carried by the server.
    pub(super) fn is_ours(&self) -> bool {
        matches!(self, Path::Copy(_))
    }

    /// Carries on; what is the server's own, by so many bytes at the most. Ready at the end.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, most: u64) -> Poll<DataEnd> {
        match self {
            Path::Copy(copy) => copy.poll(cx, most),
            Path::Taken(taken) => taken.relaying.as_mut().poll(cx).map(|()| DataEnd::Complete),
        }
    }

    pub(super) fn traffic(&self) -> Traffic {
        match self {
            Path::Copy(copy) => copy.traffic(),
            Path::Taken(taken) => {
                Traffic { to_accepter: taken.accepter.written(), to_dialer: taken.dialer.written() }
            }
        }
    }

    /// Carries out an intent: the end. The application's streams are closed once they are dropped, by an RST if need be.
    pub(super) fn perform(&mut self, intent: &Intent) {
        match self {
            Path::Copy(copy) => copy.perform(intent),
            Path::Taken(taken) => {
                if let Intent::Reset { .. } = intent {
                    taken.dialer.cut();
                    taken.accepter.cut();
                }
            }
        }
    }
}
