//! The relay's data path: both directions of a pair, carried by rdv-socket.

use std::io::{self, ErrorKind};

use mio::event::Event;
use mio::{Registry, Token};
use rdv_core::{ConnId, DataEnd, Intent, Splice, Traffic};
use rdv_socket::relay::{Carried, Exchange, Flow, Pool};

use crate::driver::Socket;

/// The connections of a pair, the dialer's and the accepter's, and what goes on between them.
#[derive(Debug)]
pub(super) struct Copy {
    conns: [ConnId; 2],
    /// Without those that have been closed.
    sockets: [Option<Socket>; 2],
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
    /// Of the dialer's and the accepter's sockets, which no poller knows.
    pub(super) fn new(splice: Splice, sockets: [Option<Socket>; 2]) -> Self {
        let Splice { dialer, accepter, early, behind_command, .. } = splice;
        let to_accepter = Flow::new(behind_command.to_vec(), false);
        let to_dialer = Flow::new(early.data.to_vec(), early.eof);
        Self { conns: [dialer, accepter], sockets, exchange: Exchange::new(to_accepter, to_dialer) }
    }

    /// Has a poller report what happens to them, under these tokens.
    pub(super) fn register(&mut self, registry: &Registry, tokens: [Token; 2]) {
        for (socket, token) in self.sockets.iter_mut().zip(tokens) {
            if let Some(Err(err)) = socket.as_mut().map(|socket| socket.register(registry, token)) {
                log::debug!("cannot register a connection to be relayed: {err}");
                *socket = None;
            }
        }
    }

    /// Has it report no more, for another one will.
    pub(super) fn deregister(&mut self, registry: &Registry) {
        for socket in &mut self.sockets {
            *socket = socket.take().map(|socket| socket.deregister(registry));
        }
    }

    pub(super) fn traffic(&self) -> Traffic {
        let [to_accepter, to_dialer] = self.exchange.carried();
        Traffic { to_accepter, to_dialer }
    }

    /// Takes note of what has happened to one of the two. The end, if it has failed: a connection that nothing is read from
    /// or written to at the moment can only fail like this.
    pub(super) fn happened(&mut self, which: usize, event: &Event) -> Option<DataEnd> {
        let socket = self.sockets[which].as_mut()?;
        socket.learn(event);
        let err = if event.is_error() { socket.take_error()? } else { return None };
        Some(DataEnd::Broken(self.conns[which], err.kind()))
    }

    /// By so many bytes at the most.
    pub(super) fn pump(&mut self, pool: &Pool, buffer: &mut [u8], most: u64) -> Pumped {
        let ends = match &mut self.sockets {
            [Some(one), Some(two)] => [one, two],
            [None, _] => return self.broken(0, &ErrorKind::NotConnected.into()),
            [_, None] => return self.broken(1, &ErrorKind::NotConnected.into()),
        };
        match self.exchange.carry(ends, pool, buffer, most) {
            Ok(Carried::Blocked) => Pumped::Blocked,
            Ok(Carried::Busy) => Pumped::Busy,
            Ok(Carried::Ended) => Pumped::Ended(DataEnd::Complete),
            Err((end, err)) => self.broken(end, &err),
        }
    }

    /// Carries out an intent. A relay that is spliced has but two.
    pub(super) fn perform(&mut self, intent: &Intent, registry: &Registry) {
        let (Intent::Close { conn } | Intent::Reset { conn }) = intent else {
            debug_assert!(false, "{intent:?} while bytes are copied");
            return;
        };
        let which = self.conns.iter().position(|it| it == conn);
        let socket = which.and_then(|which| self.sockets[which].take());
        // Where it is closed, its place in the poller goes with it.
        if let (Intent::Reset { .. }, Some(socket)) = (intent, socket) {
            socket.deregister(registry).into_stream().reset();
        }
    }

    fn broken(&self, end: usize, err: &io::Error) -> Pumped {
        Pumped::Ended(DataEnd::Broken(self.conns[end], err.kind()))
    }
}
