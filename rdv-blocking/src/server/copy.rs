//! The relay's data path: both directions of a pair, carried by rdv-socket.

use std::io::ErrorKind;

use rdv_core::{ConnId, DataEnd, Splice, Traffic};
use rdv_socket::relay::{Carried, Exchange, Flow, Pool};

use crate::driver::Driver;

/// Both directions of a pair.
#[derive(Debug)]
pub(super) struct Copy {
    /// The dialer, and the accepter.
    conns: [ConnId; 2],
    exchange: Exchange,
}

/// How far a turn of copying went.
pub(super) enum Pumped {
    /// Until both directions had to wait.
    Blocked,
    /// Until the turn was over.
    Busy,
    /// To the end.
    Ended(DataEnd),
}

impl Copy {
    pub(super) fn new(splice: Splice) -> Self {
        let Splice { dialer, accepter, early, behind_command, .. } = splice;
        let to_accepter = Flow::new(behind_command.to_vec(), false);
        let to_dialer = Flow::new(early.data.to_vec(), early.eof);
        Self { conns: [dialer, accepter], exchange: Exchange::new(to_accepter, to_dialer) }
    }

    pub(super) fn traffic(&self) -> Traffic {
        let [to_accepter, to_dialer] = self.exchange.carried();
        Traffic { to_accepter, to_dialer }
    }

    /// By so many bytes at the most.
    pub(super) fn pump(&mut self, driver: &mut Driver, pool: &Pool, buffer: &mut [u8], most: u64) -> Pumped {
        let ends = match driver.pair_mut(self.conns) {
            Ok(ends) => ends,
            Err(conn) => return Pumped::Ended(DataEnd::Broken(conn, ErrorKind::NotConnected)),
        };
        match self.exchange.carry(ends, pool, buffer, most) {
            Ok(Carried::Blocked) => Pumped::Blocked,
            Ok(Carried::Busy) => Pumped::Busy,
            Ok(Carried::Ended) => Pumped::Ended(DataEnd::Complete),
            Err((end, err)) => Pumped::Ended(DataEnd::Broken(self.conns[end], err.kind())),
        }
    }
}
