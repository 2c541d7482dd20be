use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::contract::Meaning;
use crate::io::{Intent, Outbox};
use crate::tests::bench::beginning;

#[test]
fn what_is_fair_passes() {
    let (mut watch, now, conn) = reading();
    watch.input(now, &Input::Read(conn, b"x"));
    watch.called(now);
    watch.output::<Meaning>(&Output::Intent(Intent::Write { conn, data: Bytes::from_static(b"y") }));
    watch.timeout(now + Duration::from_secs(1));
}

#[test]
fn a_connection_is_adopted_with_its_read() {
    let (now, conn) = (beginning(), Outbox::<()>::new().issue());
    let mut watch = Watch::new(now);
    watch.adopt(conn, true);
    watch.input(now, &Input::Read(conn, b"x"));
    watch.output::<Meaning>(&Output::Intent(Intent::Close { conn }));
}

#[test]
#[should_panic(expected = "2 bytes of #1, but only 1")]
fn the_driver_s_answers_are_watched() {
    let (mut watch, now, conn) = reading();
    watch.input(now, &Input::Read(conn, b"xy"));
}

#[test]
#[should_panic(expected = "on top of a read")]
fn the_machine_s_intents_are_watched() {
    let (mut watch, now, conn) = reading();
    watch.called(now);
    watch.output::<Meaning>(&read(conn));
}

#[test]
#[should_panic(expected = "time goes backwards")]
fn the_time_of_a_timeout_is_watched() {
    let (mut watch, now, _) = reading();
    watch.called(now + Duration::from_secs(1));
    watch.timeout(now);
}

#[test]
#[should_panic(expected = "time goes backwards")]
fn the_time_of_a_call_is_watched() {
    let (mut watch, now, _) = reading();
    watch.timeout(now + Duration::from_secs(1));
    watch.called(now);
}

/// A connection has come in, and is being read from.
fn reading() -> (Watch, Instant, ConnId) {
    let (now, conn) = (beginning(), Outbox::<()>::new().issue());
    let mut watch = Watch::later();
    watch.accepted(now, conn);
    watch.output::<Meaning>(&read(conn));
    watch.output::<Meaning>(&Output::Wait(None));
    (watch, now, conn)
}

fn read(conn: ConnId) -> Output<Meaning> {
    Output::Intent(Intent::Read { conn, max: NonZeroUsize::MIN })
}
