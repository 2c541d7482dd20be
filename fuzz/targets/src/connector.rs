//! An attempt, with whatever may happen to it in whatever order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arbitrary::Arbitrary;
use rdv_core::{
    AddrSpaces, Attempt, Config, Connector, Event, Pick, PickFirst, Picker, Role, Route, Selected, Standings,
    WaitConstant, WaitForP2p,
};

use crate::answer_head::last_head;
use crate::bench::Bench;
use crate::lines::line_of;
use crate::script::{Addr, Addrs, Deed, Script, role, script_of};

/// Plays the script that the bytes stand for.
pub fn connector(bytes: &[u8]) {
    if let Some(script) = script_of::<ConnectorScript>(bytes) {
        script.play();
    }
}

/// An attempt, and what happens to it.
#[derive(Arbitrary, Debug)]
pub struct ConnectorScript(Script<Setup, Op>);

/// Of what kind the attempt is.
#[derive(Arbitrary, Debug)]
struct Setup {
    dials: bool,
    spaces: Spaces,
    picks: Picks,
    /// In milliseconds.
    timeout: Option<u16>,
    server_addrs: Addrs,
    self_addrs: Addrs,
    seed: u8,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Spaces {
    Default,
    All,
    Public,
    None,
}

/// In milliseconds.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Picks {
    First,
    P2p(u16),
    Constant(u16),
    /// Chooses a connection although there may be a better one, or asks again and again.
    Odd(u8),
}

/// What happens.
#[derive(Arbitrary, Debug)]
enum Op {
    /// A connection comes in.
    Accept(Addr),
    /// Something happens to the connections.
    Deed(Deed),
}

impl ConnectorScript {
    /// The attempt keeps to the contract; when it selects a connection, it has read exactly what is not the
    /// application's; and if it has a timeout, it ends.
    pub fn play(&self) {
        let Script { setup, ops } = &self.0;
        let now = Instant::now();
        let config = setup.config();
        let timeout = config.timeout;
        let connector = Connector::new(now, now, &setup.attempt(), config);
        let mut bench = Bench::new(now, connector);
        bench.settle();
        for op in ops {
            match op {
                Op::Accept(remote) => {
                    let conn = bench.machine.handle_accept(bench.now, remote.get());
                    bench.accepted(conn);
                    bench.settle();
                }
                Op::Deed(deed) => bench.act(deed),
            }
        }
        if let Some(timeout) = timeout {
            bench.pass(timeout);
            assert!(bench.contract.has_ended(), "the attempt goes on after its timeout");
        }
        if let Some(Event::Selected(selected)) = bench.events.pop() {
            let wire = &bench.given[&selected.conn];
            let end = end_of_handshake(&selected, &wire.said);
            assert_eq!(Some(wire.read), end, "read of a connection that was selected: {wire:?}");
            check_report(&selected);
        }
    }
}

impl Setup {
    fn config(&self) -> Config {
        let millis = |millis: u16| Duration::from_millis(millis.into());
        let mut config = Config::default();
        config.spaces = match self.spaces {
            Spaces::Default => AddrSpaces::DEFAULT,
            Spaces::All => AddrSpaces::ALL,
            Spaces::Public => AddrSpaces::PUBLIC,
            Spaces::None => AddrSpaces::NONE,
        };
        config.picker = match self.picks {
            Picks::First => Arc::new(PickFirst),
            Picks::P2p(wait) => Arc::new(WaitForP2p(millis(wait))),
            Picks::Constant(wait) => Arc::new(WaitConstant(millis(wait))),
            Picks::Odd(mood) => Arc::new(Odd(mood)),
        };
        config.timeout = self.timeout.map(millis);
        config
    }

    fn attempt(&self) -> Attempt {
        Attempt {
            role: role(self.dials),
            url: "http://rdv.example/".parse().expect("a URL"),
            token: "tok".parse().expect("a token"),
            server_addrs: self.server_addrs.iter().collect::<Vec<SocketAddr>>(),
            self_addrs: self.self_addrs.list(),
            seed: self.seed.into(),
        }
    }
}

/// A picker as an application might write it, on a bad day.
#[derive(Debug)]
struct Odd(u8);

impl Picker for Odd {
    fn pick(&self, now: Instant, standings: &Standings<'_>) -> Pick {
        match standings.ready.get(usize::from(self.0 % 4)) {
            Some(ready) => Pick::Choose(ready.conn),
            // That is a millisecond from now, so not for long.
            None if now < standings.started + Duration::from_millis(50) => Pick::Wait(Some(now)),
            None => Pick::Wait(None),
        }
    }
}

/// Where the application's bytes begin, by the plain definition of heads and lines.
fn end_of_handshake(selected: &Selected, said: &[u8]) -> Option<usize> {
    let greeting = match selected.route {
        Route::Relay => last_head(said)?.end,
        Route::Direct => line_of(said)?.len(),
    };
    match selected.meta.role {
        Role::Dial => Some(greeting),
        Role::Accept => Some(greeting + line_of(&said[greeting..])?.len()),
    }
}

fn check_report(selected: &Selected) {
    let report = &selected.report;
    assert_eq!(report.chosen, Some((selected.remote, selected.route)), "the report names another connection");
    let steps =
        [Some(report.started), report.server_connected, report.requested, report.matched, report.ended];
    assert!(steps.iter().all(Option::is_some) && steps.is_sorted(), "the steps of a good attempt: {steps:?}");
    assert!(report.candidates.len() <= CANDIDATES_MAX, "{} candidates are reported", report.candidates.len());
}

const CANDIDATES_MAX: usize = 64;
