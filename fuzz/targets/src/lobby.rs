//! A lobby, with whatever may happen to it in whatever order.

use std::time::{Duration, Instant};

use arbitrary::Arbitrary;
use rdv_core::http::HeaderName;
use rdv_core::{Lobby, LobbyConfig, LobbyEvent, Matched, Observed, Role};

use crate::bench::Bench;
use crate::script::{Addr, Deed, OBSERVED, Script, script_of};

/// Plays the script that the bytes stand for.
pub fn lobby(bytes: &[u8]) {
    if let Some(script) = script_of::<LobbyScript>(bytes) {
        script.play();
    }
}

/// A lobby, and what happens in it.
#[derive(Arbitrary, Debug)]
pub struct LobbyScript(Script<Setup, Op>);

/// How the lobby is configured.
#[derive(Arbitrary, Debug)]
struct Setup {
    max_waiting: u8,
    max_conns_per_addr: u8,
    /// In milliseconds.
    head_timeout: u16,
    lobby_timeout: Option<u16>,
    behind_proxy: bool,
    keep_headers: bool,
}

/// What happens.
#[derive(Arbitrary, Debug)]
enum Op {
    /// A connection comes in.
    Accept(Addr),
    /// Something happens to the connections.
    Deed(Deed),
    /// The lobby shuts down.
    Close,
}

impl LobbyScript {
    /// The lobby keeps to the contract and within its limits. Everyone who comes leaves in one way, and in the end
    /// nobody is forgotten.
    pub fn play(&self) {
        let Script { setup, ops } = &self.0;
        let now = Instant::now();
        let config = setup.config();
        let mut house = House::new(Bench::new(now, Lobby::new(config.clone())), config);
        for op in ops {
            match op {
                Op::Accept(remote) => house.accept(*remote),
                Op::Deed(deed) => house.bench.act(deed),
                Op::Close => house.close(),
            }
            house.check();
        }
        house.close();
        // By then, everyone who has been refused is shown out, and everyone who never asked is late.
        let longest = house.config.head_timeout.max(SHORTEST) + FAREWELL_TIMEOUT;
        house.bench.pass(longest);
        house.check();
        assert!(house.bench.machine.is_empty(), "still there: {:?}", house.bench.wires);
        let gone = house.left + 2 * house.matched;
        assert_eq!(house.came, gone, "came; left or were matched");
    }
}

impl Setup {
    fn config(&self) -> LobbyConfig {
        let millis = |millis: u16| Duration::from_millis(u64::from(millis));
        let mut config = LobbyConfig::default();
        config.max_waiting = usize::from(self.max_waiting % 8);
        config.max_conns_per_addr = usize::from(self.max_conns_per_addr % 8);
        config.head_timeout = millis(self.head_timeout);
        config.lobby_timeout = self.lobby_timeout.map(millis);
        config.keep_headers = self.keep_headers;
        if self.behind_proxy {
            config.observed = Observed::Header(HeaderName::from_static(OBSERVED));
        }
        config
    }
}

/// A lobby, and how many have come and gone.
struct House {
    bench: Bench<Lobby>,
    config: LobbyConfig,
    came: usize,
    left: usize,
    matched: usize,
}

impl House {
    fn new(bench: Bench<Lobby>, config: LobbyConfig) -> Self {
        Self { bench, config, came: 0, left: 0, matched: 0 }
    }

    fn accept(&mut self, remote: Addr) {
        self.came += 1;
        let conn = self.bench.machine.handle_accept(self.bench.now, remote.get());
        self.bench.accepted(conn);
        self.bench.settle();
    }

    fn close(&mut self) {
        self.bench.contract.called(self.bench.now);
        self.bench.machine.close(self.bench.now);
        self.bench.settle();
    }

    fn check(&mut self) {
        for event in std::mem::take(&mut self.bench.events) {
            match event {
                LobbyEvent::Left { .. } => self.left += 1,
                LobbyEvent::Matched(matched) => {
                    self.matched += 1;
                    self.check_pair(&matched);
                }
                event => panic!("unknown event {event:?}"),
            }
        }
        let lobby = &self.bench.machine;
        assert_eq!(lobby.is_empty(), self.bench.wires.is_empty(), "empty, and yet {:?}", self.bench.wires);
        let idle = self.bench.deadline.is_none();
        assert!(idle || !lobby.is_empty(), "an empty lobby waits for {:?}", self.bench.deadline);
        let (waiting, max) = (lobby.waiting(), self.config.max_waiting);
        assert!(waiting <= max, "{waiting} wait where {max} may");
        let open = self.bench.wires.len();
        assert!(
            waiting <= open && open <= 2 * max,
            "{open} connections are open, and {waiting} wait of {max}"
        );
    }

    fn check_pair(&self, matched: &Matched) {
        let [dialer, accepter] =
            [Role::Dial, Role::Accept].map(|role| matched.relay.request(role).expect("a pair that is new"));
        assert_eq!([dialer.role, accepter.role], [Role::Dial, Role::Accept], "the roles of a pair");
        assert_eq!(dialer.token.as_bytes(), accepter.token.as_bytes(), "the tokens of a pair");
        for (conn, request) in [(matched.dialer, dialer), (matched.accepter, accepter)] {
            let (wire, method) = (&self.bench.given[&conn], request.role.to_string());
            let begins = |with: &[u8]| wire.said.trim_ascii_start().starts_with(with);
            assert!(begins(method.as_bytes()) || begins(b"OBSERVE "), "{method}s: {wire:?}");
            assert_eq!(request.headers.is_empty(), !self.config.keep_headers, "the headers of {method}");
        }
    }
}

const FAREWELL_TIMEOUT: Duration = Duration::from_secs(1);
/// What a timeout of zero is taken for.
const SHORTEST: Duration = Duration::from_millis(1);
