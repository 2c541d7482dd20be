//! The relay's data path: a plain copy in both directions, by rdv/1 section 5.

use std::io::{self, ErrorKind};

use rdv_core::{ConnId, DataEnd, Splice, Traffic};

use crate::driver::{Driver, Stream};

/// Both directions of a pair.
#[derive(Debug)]
pub(super) struct Copy {
    to_accepter: Direction,
    to_dialer: Direction,
}

#[derive(Debug)]
struct Direction {
    from: ConnId,
    to: ConnId,
    /// Read, and not written yet, since `to` was not ready. Empty but for then.
    rest: Vec<u8>,
    passed_on: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// `from` has ended its stream; `rest` is still to be written.
    Ending,
    /// And `to` has been told by a FIN.
    Ended,
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

/// How far a direction went, or which connection failed it.
type Progress = Result<Pumped, (ConnId, io::Error)>;

impl Copy {
    pub(super) fn new(splice: Splice) -> Self {
        let Splice { dialer, accepter, early, .. } = splice;
        let direction = |from, to| Direction { from, to, rest: Vec::new(), passed_on: 0, state: State::Open };
        let mut copy =
            Self { to_accepter: direction(dialer, accepter), to_dialer: direction(accepter, dialer) };
        copy.to_dialer.rest = early.data.to_vec();
        if early.eof {
            copy.to_dialer.state = State::Ending;
        }
        copy
    }

    pub(super) fn traffic(&self) -> Traffic {
        Traffic { to_accepter: self.to_accepter.passed_on, to_dialer: self.to_dialer.passed_on }
    }

    pub(super) fn pump(&mut self, driver: &mut Driver, buffer: &mut [u8]) -> Pumped {
        let mut busy = false;
        for direction in [&mut self.to_accepter, &mut self.to_dialer] {
            match direction.pump(driver, buffer) {
                Ok(Pumped::Busy) => busy = true,
                Ok(Pumped::Blocked | Pumped::Ended(_)) => {}
                Err((conn, err)) => return Pumped::Ended(DataEnd::Broken(conn, err.kind())),
            }
        }
        if self.to_accepter.state == State::Ended && self.to_dialer.state == State::Ended {
            Pumped::Ended(DataEnd::Complete)
        } else if busy {
            Pumped::Busy
        } else {
            Pumped::Blocked
        }
    }
}

impl Direction {
    fn pump(&mut self, driver: &mut Driver, buffer: &mut [u8]) -> Progress {
        let mut left = TURN;
        while left > 0 {
            if !self.write_rest(driver)? {
                return Ok(Pumped::Blocked);
            }
            match self.state {
                State::Open => {}
                State::Ending => {
                    match self.stream(driver, self.to)?.shutdown_write() {
                        Err(err) if err.kind() == ErrorKind::WouldBlock => {}
                        // If `to` is gone already, its own direction will say so.
                        Ok(()) | Err(_) => self.state = State::Ended,
                    }
                    return Ok(Pumped::Blocked);
                }
                State::Ended => return Ok(Pumped::Blocked),
            }
            match self.stream(driver, self.from)?.read(buffer) {
                Ok(0) => self.state = State::Ending,
                Ok(len) => {
                    left = left.saturating_sub(len);
                    let written = match self.stream(driver, self.to)?.write(&buffer[..len]) {
                        Ok(written) => written,
                        Err(err) if err.kind() == ErrorKind::WouldBlock => 0,
                        Err(err) => return Err((self.to, err)),
                    };
                    self.passed_on += written as u64;
                    self.rest.extend_from_slice(&buffer[written..len]);
                }
                Err(err) if err.kind() == ErrorKind::WouldBlock => return Ok(Pumped::Blocked),
                Err(err) => return Err((self.from, err)),
            }
        }
        Ok(Pumped::Busy)
    }

    /// Writes what was left over; whether all of it went.
    fn write_rest(&mut self, driver: &mut Driver) -> Result<bool, (ConnId, io::Error)> {
        while !self.rest.is_empty() {
            match self.stream(driver, self.to)?.write(&self.rest) {
                Ok(written) => {
                    self.passed_on += written as u64;
                    self.rest.drain(..written);
                }
                Err(err) if err.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(err) => return Err((self.to, err)),
            }
        }
        // A pair that is quiet holds no memory for its bytes.
        self.rest = Vec::new();
        // TLS may hold some of what it has taken.
        match self.stream(driver, self.to)?.flush() {
            Ok(()) => Ok(true),
            Err(err) if err.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(err) => Err((self.to, err)),
        }
    }

    fn stream<'a>(
        &self,
        driver: &'a mut Driver,
        conn: ConnId,
    ) -> Result<&'a mut Stream, (ConnId, io::Error)> {
        driver.stream_mut(conn).ok_or_else(|| (conn, ErrorKind::NotConnected.into()))
    }
}

/// Bytes that one direction may copy before other pairs get their turn.
const TURN: usize = 1024 * 1024;
