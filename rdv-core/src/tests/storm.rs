//! What no driver should do, and no stranger can be kept from doing: any input, in any order, on any connection.
//! A machine may make of it what it likes, but it must not panic, spin, or end twice.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::bench::Machine;
use super::cases::{bytes, stream_of};
use crate::contract::{Meaning, Watched};
use crate::io::{ConnId, Input, Intent, Outbox, Output};

#[derive(Clone, Debug)]
pub(crate) enum Gust {
    /// One of the intents that are unanswered comes to an end.
    Answer {
        which: prop::sample::Index,
        data: Vec<u8>,
        fails: bool,
    },
    /// An input that nobody has asked for.
    Stray {
        conn: usize,
        kind: u8,
        data: Vec<u8>,
    },
    /// Something that only this machine can be told.
    Special(u8),
    Wait(u64),
    /// The machine's outputs are left where they are until the next one of these.
    Drain,
}

/// Gusts whose reads bring pieces of what is said, among other bytes.
pub(crate) fn gusts(pieces: Vec<String>) -> impl Strategy<Value = Vec<Gust>> {
    let data = || prop_oneof![4 => stream_of(pieces.clone()), 1 => bytes(40)];
    let answer = (any::<prop::sample::Index>(), data(), proptest::bool::weighted(0.1))
        .prop_map(|(which, data, fails)| Gust::Answer { which, data, fails });
    let stray = (0..NAMES, 0..5u8, data()).prop_map(|(conn, kind, data)| Gust::Stray { conn, kind, data });
    let gust = prop_oneof![
        12 => answer,
        3 => stray,
        3 => any::<u8>().prop_map(Gust::Special),
        2 => prop_oneof![0..100u64, 0..20_000u64, Just(1_000_000_000)].prop_map(Gust::Wait),
        8 => Just(Gust::Drain),
    ];
    proptest::collection::vec(gust, 1..120)
}

/// A machine in the storm, and what is left to be answered.
pub(crate) struct Storm<M: Machine> {
    pub(crate) machine: M,
    pub(crate) now: Instant,
    pub(crate) events: Vec<M::Event>,
    unanswered: Vec<Intent>,
    ended: bool,
}

impl<M: Machine> Storm<M> {
    pub(crate) fn new(now: Instant, machine: M) -> Self {
        Self { machine, now, events: Vec::new(), unanswered: Vec::new(), ended: false }
    }

    pub(crate) fn rage(&mut self, gusts: &[Gust], mut special: impl FnMut(&mut M, Instant, u8)) {
        let mut names = Outbox::<()>::new();
        let names: Vec<ConnId> = (0..NAMES).map(|_| names.issue()).collect();
        for gust in gusts {
            match gust {
                Gust::Answer { which, data, fails } if !self.unanswered.is_empty() => {
                    let intent = self.unanswered.swap_remove(which.index(self.unanswered.len()));
                    self.answer(&intent, data, *fails);
                }
                Gust::Answer { .. } => {}
                Gust::Stray { conn, kind, data } => {
                    self.machine.input(self.now, input(names[*conn], *kind, data))
                }
                Gust::Special(what) => special(&mut self.machine, self.now, *what),
                Gust::Wait(millis) => {
                    self.now += Duration::from_millis(*millis);
                    self.machine.timeout(self.now);
                    let deadline = self.drain();
                    assert!(deadline.is_none_or(|at| at > self.now), "a timeout left its own deadline due");
                }
                Gust::Drain => {
                    self.drain();
                }
            }
        }
        self.drain();
    }

    fn answer(&mut self, intent: &Intent, data: &[u8], fails: bool) {
        let input = match *intent {
            Intent::Connect { conn, .. }
            | Intent::Secure { conn, .. }
            | Intent::Read { conn, .. }
            | Intent::Write { conn, .. }
            | Intent::Check { conn }
            | Intent::StopRead { conn }
                if fails =>
            {
                Input::Failed(conn, ErrorKind::ConnectionReset)
            }
            Intent::Connect { conn, .. } | Intent::Secure { conn, .. } => Input::Connected(conn),
            Intent::Read { conn, max } => Input::Read(conn, &data[..data.len().min(max.get())]),
            Intent::Write { conn, .. } => Input::Wrote(conn),
            Intent::Check { conn } | Intent::StopRead { conn } => Input::Quiet(conn),
            Intent::Shutdown { .. } | Intent::Close { .. } | Intent::Reset { .. } => return,
        };
        self.machine.input(self.now, input);
    }

    fn drain(&mut self) -> Option<Instant> {
        for _ in 0..10_000 {
            match self.machine.poll() {
                Output::Intent(intent) => self.unanswered.push(intent),
                Output::Event(event) => {
                    assert!(!self.ended, "{event:?} after the end");
                    self.ended = matches!(event.meaning(), Meaning::Selected(_) | Meaning::Ended);
                    self.events.push(event);
                }
                Output::Wait(deadline) => {
                    assert!(
                        !self.ended || deadline.is_none(),
                        "a machine that has ended waits for {deadline:?}"
                    );
                    return deadline;
                }
            }
        }
        panic!("the machine has always one thing more to be done");
    }
}

fn input(conn: ConnId, kind: u8, data: &[u8]) -> Input<'_> {
    match kind {
        0 => Input::Connected(conn),
        1 => Input::Read(conn, data),
        2 => Input::Wrote(conn),
        3 => Input::Quiet(conn),
        _ => Input::Failed(conn, ErrorKind::BrokenPipe),
    }
}

/// More connections than most machines get to name: some of them are nobody's.
const NAMES: usize = 12;
