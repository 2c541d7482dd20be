//! The relay's data path: both directions of a pair, carried by rdv-socket.

use std::io::ErrorKind;

use rdv_core::{ConnId, DataEnd, Splice, Traffic};
use rdv_socket::relay::{Broken, Carried, Flow, Pool};

use crate::driver::Driver;

/// Both directions of a pair.
#[derive(Debug)]
pub(super) struct Copy {
    dialer: ConnId,
    accepter: ConnId,
    to_accepter: Flow,
    to_dialer: Flow,
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
        Self { dialer, accepter, to_accepter, to_dialer }
    }

    pub(super) fn traffic(&self) -> Traffic {
        Traffic { to_accepter: self.to_accepter.carried(), to_dialer: self.to_dialer.carried() }
    }

    pub(super) fn pump(&mut self, driver: &mut Driver, pool: &Pool, buffer: &mut [u8]) -> Pumped {
        match self.carry(driver, pool, buffer) {
            Ok(_) if self.to_accepter.is_ended() && self.to_dialer.is_ended() => {
                Pumped::Ended(DataEnd::Complete)
            }
            Ok(true) => Pumped::Busy,
            Ok(false) => Pumped::Blocked,
            Err((conn, kind)) => Pumped::Ended(DataEnd::Broken(conn, kind)),
        }
    }

    /// Whether there is more to carry at once; or which connection failed.
    fn carry(
        &mut self,
        driver: &mut Driver,
        pool: &Pool,
        buffer: &mut [u8],
    ) -> Result<bool, (ConnId, ErrorKind)> {
        let Self { dialer, accepter, to_accepter, to_dialer } = self;
        let conns = [*dialer, *accepter];
        let [one, two] = driver.pair_mut(conns).map_err(|conn| (conn, ErrorKind::NotConnected))?;
        let to_accepter = to_accepter.carry(one, two, pool, buffer).map_err(of([conns[0], conns[1]]))?;
        let to_dialer = to_dialer.carry(two, one, pool, buffer).map_err(of([conns[1], conns[0]]))?;
        Ok([to_accepter, to_dialer].contains(&Carried::Busy))
    }
}

/// Which of the two has failed, the one that was read from or the one that was written to.
fn of([from, to]: [ConnId; 2]) -> impl FnOnce(Broken) -> (ConnId, ErrorKind) {
    move |broken| match broken {
        Broken::From(err) => (from, err.kind()),
        Broken::To(err) => (to, err.kind()),
    }
}
