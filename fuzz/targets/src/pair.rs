//! Two clients whom a lobby has paired.

use std::net::SocketAddr;
use std::time::Instant;

use rdv_core::{Input, Intent, Lobby, LobbyConfig, LobbyEvent, Matched, Output, Role, SelfAddrs, Token};

use crate::client::addr;
use crate::stream::Stream;

/// One client of a pair.
#[derive(Clone, Debug)]
pub(crate) struct Asks {
    pub(crate) remote: SocketAddr,
    pub(crate) self_addrs: SelfAddrs,
}

impl Default for Asks {
    fn default() -> Self {
        Self { remote: addr([203, 0, 113, 7], 4000), self_addrs: SelfAddrs::default() }
    }
}

/// Pairs two clients with everything going well. The one that comes first has the lobby's read under way.
pub(crate) fn pair(
    now: Instant,
    dialer: &Asks,
    accepter: &Asks,
    first: Role,
    config: LobbyConfig,
) -> Box<Matched> {
    let token = "tok".parse().expect("a token");
    let mut lobby = Lobby::new(config);
    for role in [first, first.other()] {
        let Asks { remote, self_addrs } = if role == Role::Dial { dialer } else { accepter };
        let request = request(role, &token, self_addrs);
        let mut stream = Stream::new(&request, usize::MAX);
        lobby.handle_accept(now, *remote);
        loop {
            match lobby.poll_output() {
                Output::Intent(Intent::Read { conn, max }) if stream.read < request.len() => {
                    lobby.handle_input(now, Input::Read(conn, stream.next(max)));
                }
                Output::Intent(Intent::Check { conn }) => lobby.handle_input(now, Input::Quiet(conn)),
                Output::Event(LobbyEvent::Matched(matched)) => return matched,
                Output::Wait(_) => break,
                Output::Intent(_) => {}
                Output::Event(event) => panic!("a good client was not served: {event:?}"),
            }
        }
    }
    panic!("two clients with one token were not paired");
}

/// The least that a client has to say.
pub(crate) fn request(role: Role, token: &Token, self_addrs: &SelfAddrs) -> Vec<u8> {
    format!(
        "{role} /{} HTTP/1.1\r\nHost: rdv.example\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n\
         Rdv-Self-Addrs: {self_addrs}\r\n\r\n",
        token.escaped()
    )
    .into()
}
