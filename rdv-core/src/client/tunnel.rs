//! The way through a proxy: what is said to it until the connection to it is one to the server.

use crate::io::{ConnId, Input, Outbox};
use crate::states::{Current, NOWHERE, Named};
use crate::wire::{
    Answer, HeadError, HeadReader, INTERIM_MAX, Message, Proxy, ProxyFault, ProxyKind, SHORTEST_ANSWER, Said,
    ServerUrl, SocksReader, connect, connected, socks_connect, socks_greeting, socks_proof,
};

use super::Event;

/// A connection to a proxy, on its way to be one to the server.
#[derive(Debug)]
pub(super) struct Tunnel {
    conn: ConnId,
    proxy: Proxy,
    url: ServerUrl,
    step: Current<Step>,
}

/// SOCKS5 takes all steps, or leaves out those of the proof; HTTP takes the last two.
#[derive(Debug)]
enum Step {
    /// Our methods are being written.
    Greeting,
    Choosing(SocksReader),
    /// User name and password are being written.
    Proving,
    Judging(SocksReader),
    /// The request for a connection to the server is being written.
    Asking,
    Hearing(Hearing),
    Ended,
}

#[derive(Debug)]
enum Hearing {
    Http { reader: HeadReader, interim: u8 },
    Socks(SocksReader),
}

/// Whether the way to the server stands.
type Stands = Result<bool, ProxyFault>;

impl Tunnel {
    /// Begins, on a connection to the proxy.
    pub(super) fn open(conn: ConnId, proxy: Proxy, url: ServerUrl, out: &mut Outbox<Event>) -> Self {
        let first = match proxy.kind() {
            ProxyKind::Http => {
                out.write(conn, connect(url.host(), url.port(), proxy.credentials()));
                Step::Asking
            }
            ProxyKind::Socks5 => {
                out.write(conn, socks_greeting(proxy.credentials()));
                Step::Greeting
            }
        };
        Self { conn, proxy, url, step: Current::new(first) }
    }

    pub(super) fn conn(&self) -> ConnId {
        self.conn
    }

    /// Takes an answer about the connection. Once the way stands, nothing is under way on it, and its next byte is
    /// the server's first.
    pub(super) fn handle_input(&mut self, input: Input<'_>, out: &mut Outbox<Event>) -> Stands {
        let stands = match input {
            Input::Wrote(_) => self.wrote(out),
            Input::Read(_, []) => Err(self.ended()),
            Input::Read(_, data) => self.read(data, out),
            Input::Failed(_, kind) => Err(ProxyFault::Lost(kind)),
            Input::Connected(_) | Input::Quiet(_) => Ok(false),
        };
        if !matches!(stands, Ok(false)) {
            self.step.enter(Step::Ended);
        }
        stands
    }

    /// It is over, as things are. The connection is for the caller to close.
    pub(super) fn give_up(&mut self) {
        self.step.enter(Step::Ended);
    }

    fn wrote(&mut self, out: &mut Outbox<Event>) -> Stands {
        let has_credentials = self.proxy.credentials().is_some();
        let next = match &*self.step {
            Step::Greeting => Step::Choosing(self.listen(Message::Choice { has_credentials }, out)),
            Step::Proving => Step::Judging(self.listen(Message::Verdict, out)),
            Step::Asking => Step::Hearing(match self.proxy.kind() {
                ProxyKind::Http => {
                    let reader = HeadReader::new(SHORTEST_ANSWER);
                    out.read(self.conn, reader.next_read());
                    Hearing::Http { reader, interim: 0 }
                }
                ProxyKind::Socks5 => Hearing::Socks(self.listen(Message::Reply, out)),
            }),
            Step::Choosing(_) | Step::Judging(_) | Step::Hearing(_) | Step::Ended => return Ok(false),
        };
        self.step.enter(next);
        Ok(false)
    }

    fn listen(&self, kind: Message, out: &mut Outbox<Event>) -> SocksReader {
        let reader = SocksReader::new(kind);
        out.read(self.conn, reader.next_read());
        reader
    }

    fn read(&mut self, data: &[u8], out: &mut Outbox<Event>) -> Stands {
        let reader = match &mut *self.step {
            Step::Choosing(reader) | Step::Judging(reader) | Step::Hearing(Hearing::Socks(reader)) => reader,
            Step::Hearing(Hearing::Http { .. }) => return self.read_head(data, out),
            Step::Greeting | Step::Proving | Step::Asking | Step::Ended => return Ok(false),
        };
        match reader.push(data)? {
            None => {
                out.read(self.conn, reader.next_read());
                Ok(false)
            }
            Some(Said::WhoAreYou) => {
                if let Some(credentials) = self.proxy.credentials() {
                    out.write(self.conn, socks_proof(credentials));
                }
                self.step.enter(Step::Proving);
                Ok(false)
            }
            Some(Said::Welcome) => {
                let request = socks_connect(self.url.host(), self.url.port());
                out.write(self.conn, request.ok_or(ProxyFault::NameTooLong)?);
                self.step.enter(Step::Asking);
                Ok(false)
            }
            Some(Said::Connected) => Ok(true),
        }
    }

    fn read_head(&mut self, data: &[u8], out: &mut Outbox<Event>) -> Stands {
        let Step::Hearing(Hearing::Http { reader, interim }) = &mut *self.step else {
            return Ok(false);
        };
        let bad_answer = |why: &str| ProxyFault::BadAnswer(why.to_owned());
        match reader.push(data) {
            Ok(true) => {}
            Ok(false) => {
                out.read(self.conn, reader.next_read());
                return Ok(false);
            }
            Err(HeadError::TooLarge) => return Err(bad_answer("its head is too large")),
            Err(HeadError::MixedLineEndings) => return Err(bad_answer("lines end in CRLF and in LF")),
        }
        let answer = Answer::parse(reader.head()).map_err(|why| bad_answer(&why.to_string()))?;
        if !answer.is_interim() {
            return connected(&answer, self.proxy.credentials().is_some()).map(|()| true);
        }
        *interim += 1;
        if *interim > INTERIM_MAX {
            return Err(bad_answer("it has too many interim answers before it"));
        }
        *reader = HeadReader::new(SHORTEST_ANSWER);
        out.read(self.conn, reader.next_read());
        Ok(false)
    }

    /// What it means that the proxy has ended the connection.
    fn ended(&self) -> ProxyFault {
        let partly = match &*self.step {
            Step::Choosing(reader) | Step::Judging(reader) | Step::Hearing(Hearing::Socks(reader)) => {
                !reader.is_empty()
            }
            Step::Hearing(Hearing::Http { reader, .. }) => !reader.is_empty(),
            Step::Greeting | Step::Proving | Step::Asking | Step::Ended => false,
        };
        if partly { ProxyFault::BadAnswer("it is not complete".to_owned()) } else { ProxyFault::NoAnswer }
    }
}

impl Named for Step {
    const MACHINE: &'static str = "tunnel";

    fn name(&self) -> &'static str {
        match self {
            Step::Greeting => "Greeting",
            Step::Choosing(_) => "Choosing",
            Step::Proving => "Proving",
            Step::Judging(_) => "Judging",
            Step::Asking => "Asking",
            Step::Hearing(_) => "Hearing",
            Step::Ended => NOWHERE,
        }
    }
}
