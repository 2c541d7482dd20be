//! Answering a client so that it hears it: closing while its bytes are unread would send an RST, and an RST
//! can overtake the answer (RFC 9112 section 9.6).

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::io::{ConnId, Input, Outbox};

/// The last answer on a connection: written, then a FIN, then whatever the client still says is dropped.
#[derive(Debug)]
pub(super) struct Farewell {
    conn: ConnId,
    /// Whether a read is under way.
    reading: bool,
    /// How much of the client's is still read.
    patience: usize,
    /// Whether the answer is written; and whether nothing more is to be read.
    written: bool,
    read_enough: bool,
    pub(super) deadline: Instant,
}

impl Farewell {
    pub(super) fn say<E>(
        now: Instant,
        conn: ConnId,
        reading: bool,
        answer: Bytes,
        out: &mut Outbox<E>,
    ) -> Self {
        out.write(conn, answer);
        Self {
            conn,
            reading,
            patience: DROPPED_MAX,
            written: false,
            read_enough: false,
            deadline: now + FAREWELL_TIMEOUT,
        }
    }

    /// Whether it is over, and the connection to be closed.
    pub(super) fn handle_input<E>(&mut self, input: Input<'_>, out: &mut Outbox<E>) -> bool {
        match input {
            Input::Wrote(_) => {
                out.shutdown(self.conn);
                self.written = true;
                if !self.reading && !self.read_enough {
                    self.read_on(out);
                }
                self.read_enough
            }
            Input::Read(_, data) => {
                self.reading = false;
                self.patience = self.patience.saturating_sub(data.len());
                self.read_enough = data.is_empty() || self.patience == 0;
                if !self.read_enough {
                    self.read_on(out);
                }
                self.read_enough && self.written
            }
            Input::Failed(..) => true,
            Input::Connected(_) | Input::Quiet(_) => false,
        }
    }

    fn read_on<E>(&mut self, out: &mut Outbox<E>) {
        self.reading = true;
        out.read(self.conn, AT_ONCE);
    }
}

/// For the answer to be written and acknowledged by a FIN.
pub(super) const FAREWELL_TIMEOUT: Duration = Duration::from_secs(1);
const DROPPED_MAX: usize = 256 * 1024;
const AT_ONCE: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
