//! Conversations that are made up, to see each breach caught, and nothing that is fair.

mod driver;
mod fair;
mod machine;

use std::io::ErrorKind;
use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::io::{Outbox, Target};
use crate::tests::bench::beginning;

/// What a machine of no particular kind says of itself.
impl Watched for Meaning {
    const CONNS_MAX: usize = 4;

    fn meaning(&self) -> Meaning {
        *self
    }
}

/// A conversation, made up as it goes along.
struct Talk {
    contract: Contract,
    ids: Outbox<()>,
    now: Instant,
}

impl Talk {
    fn new() -> Self {
        let now = beginning();
        let mut talk = Self { contract: Contract::new(now), ids: Outbox::new(), now };
        talk.waits();
        talk
    }

    /// With a connection that came in.
    fn with_conn() -> (Self, ConnId) {
        let mut talk = Self::new();
        let conn = talk.accepts();
        (talk, conn)
    }

    fn with_read() -> (Self, ConnId) {
        let (mut talk, conn) = Self::with_conn();
        talk.read(conn);
        (talk, conn)
    }

    fn with_write() -> (Self, ConnId) {
        let (mut talk, conn) = Self::with_conn();
        talk.write(conn);
        (talk, conn)
    }

    fn with_two_that_wait() -> Self {
        let mut talk = Self::new();
        talk.accepts();
        talk.accepts();
        talk.waits();
        talk
    }

    fn accepts(&mut self) -> ConnId {
        let conn = self.ids.issue();
        self.contract.accepted(conn);
        conn
    }

    fn connect(&mut self) -> ConnId {
        let conn = self.ids.issue();
        self.intent(Intent::Connect { conn, remote: "192.0.2.1:1".parse().unwrap(), to: Target::Peer });
        conn
    }

    fn read(&mut self, conn: ConnId) {
        self.intent(Intent::Read { conn, max: NonZeroUsize::new(3).unwrap() });
    }

    fn write(&mut self, conn: ConnId) {
        self.intent(Intent::Write { conn, data: Bytes::from_static(b"data") });
    }

    fn intent(&mut self, intent: Intent) {
        self.contract.output(&Output::<Meaning>::Intent(intent));
    }

    fn event(&mut self, meaning: Meaning) {
        self.contract.output(&Output::Event(meaning));
    }

    fn waits(&mut self) {
        self.waits_until(None);
    }

    fn waits_until(&mut self, deadline: Option<Instant>) {
        self.contract.output(&Output::<Meaning>::Wait(deadline));
    }

    fn input(&mut self, input: Input<'_>) {
        self.contract.input(self.now, &input);
    }

    fn fails(&mut self, conn: ConnId) {
        self.input(Input::Failed(conn, ErrorKind::ConnectionReset));
    }

    fn called(&mut self) {
        self.contract.called(self.now);
    }

    fn in_a_second(&self) -> Option<Instant> {
        Some(self.now + Duration::from_secs(1))
    }

    fn ended() -> Self {
        let mut talk = Self::new();
        talk.called();
        talk.event(Meaning::Ended);
        talk.waits();
        talk
    }
}

/// What a machine with two connections may say after it was told one thing.
const MOST_FOR_TWO: usize = 64 + 2 * 8 + 64;

/// Each case is one breach: what is said, and what the message has in it.
macro_rules! breaches {
    ($($name:ident: $message:literal, $talk:expr;)*) => {$(
        #[test]
        #[should_panic(expected = $message)]
        fn $name() {
            $talk
        }
    )*};
}

use breaches;
