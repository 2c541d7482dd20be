//! The relay's data path: both directions of a pair, carried by rdv-socket.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::task::{Context, Poll};

use rdv_core::{ConnId, DataEnd, Splice, Traffic};
use rdv_socket::relay::{BUFFER_LEN, Broken, Carried, Flow, Pool};

use crate::driver::{Driver, StreamEnd};

/// Both directions of a pair.
#[derive(Debug)]
pub(super) struct Copy {
    dialer: ConnId,
    accepter: ConnId,
    to_accepter: Flow,
    to_dialer: Flow,
    pool: Pool,
}

impl Copy {
    /// With pipes from this pool.
    pub(super) fn new(splice: Splice, pool: Pool) -> Self {
        let Splice { dialer, accepter, early, behind_command, .. } = splice;
        let to_accepter = Flow::new(behind_command.to_vec(), false);
        let to_dialer = Flow::new(early.data.to_vec(), early.eof);
        Self { dialer, accepter, to_accepter, to_dialer, pool }
    }

    pub(super) fn traffic(&self) -> Traffic {
        Traffic { to_accepter: self.to_accepter.carried(), to_dialer: self.to_dialer.carried() }
    }

    /// Copies what there is to copy, but not without end while others wait. Ready at the end of both directions, or at the
    /// first error.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, driver: &mut Driver) -> Poll<DataEnd> {
        match self.carry(cx, driver) {
            Ok(_) if self.to_accepter.is_ended() && self.to_dialer.is_ended() => {
                return Poll::Ready(DataEnd::Complete);
            }
            Ok(true) => cx.waker().wake_by_ref(),
            Ok(false) => {}
            Err((conn, kind)) => return Poll::Ready(DataEnd::Broken(conn, kind)),
        }
        Poll::Pending
    }

    /// Whether there is more to carry at once; or which connection failed.
    fn carry(&mut self, cx: &mut Context<'_>, driver: &mut Driver) -> Result<bool, (ConnId, ErrorKind)> {
        let Self { dialer, accepter, to_accepter, to_dialer, pool } = self;
        let conns = [*dialer, *accepter];
        let pair = driver.pair_mut(conns).map_err(|conn| (conn, ErrorKind::NotConnected))?;
        let [one, two] = &mut pair.map(|stream| StreamEnd::new(stream, cx.waker()));
        BUFFER.with_borrow_mut(|buffer| {
            buffer.resize(BUFFER_LEN, 0);
            let to_accepter = to_accepter.carry(one, two, pool, buffer).map_err(of([conns[0], conns[1]]))?;
            let to_dialer = to_dialer.carry(two, one, pool, buffer).map_err(of([conns[1], conns[0]]))?;
            Ok([to_accepter, to_dialer].contains(&Carried::Busy))
        })
    }
}

/// Which of the two has failed, the one that was read from or the one that was written to.
fn of([from, to]: [ConnId; 2]) -> impl FnOnce(Broken) -> (ConnId, ErrorKind) {
    move |broken| match broken {
        Broken::From(err) => (from, err.kind()),
        Broken::To(err) => (to, err.kind()),
    }
}

thread_local! {
    /// Bytes on their way; one for all pairs of a thread, since none stay in it.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}
