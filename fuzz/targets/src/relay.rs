//! A pair at the relay, with whatever may happen to it in whatever order.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use arbitrary::Arbitrary;
use rdv_core::http::StatusCode;
use rdv_core::{
    Allowance, ByteLimits, ConnId, DataEnd, LobbyConfig, Matched, Reject, Relay, RelayEnd, RelayEvent,
    RelayReport, Splice, Traffic,
};

use crate::bench::Bench;
use crate::lines::line_of;
use crate::pair::{Asks, pair};
use crate::script::{Addr, Addrs, Deed, Fault, Script, role, script_of};

/// Plays the script that the bytes stand for.
pub fn relay(bytes: &[u8]) {
    if let Some(script) = script_of::<RelayScript>(bytes) {
        script.play();
    }
}

/// A pair, and what happens to it.
#[derive(Arbitrary, Debug)]
pub struct RelayScript(Script<Setup, Op>);

/// What kind of pair it is.
#[derive(Arbitrary, Debug)]
struct Setup {
    /// Who has come first, so that the lobby's read is under way.
    dialer_first: bool,
    dialer: Client,
    accepter: Client,
    /// In seconds.
    idle_timeout: Option<u8>,
    limits: Limits,
    /// Whether the application does not want it, and with which status.
    rejects: Option<u16>,
}

/// Of the bytes that are copied; 0 is none.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Limits {
    rate: u16,
    rate_per_pair: u16,
    bytes_per_pair: u16,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
struct Client {
    remote: Addr,
    self_addrs: Addrs,
}

/// What happens.
#[derive(Arbitrary, Debug)]
enum Op {
    /// Something happens to the connections.
    Deed(Deed),
    /// The driver, which copies, passes on so many more bytes, or as many of them as it may.
    Passed { to_accepter: u16, to_dialer: u16 },
    /// It has passed on all that there is.
    Complete,
    /// It could not.
    Broken { dialer: bool, fault: Fault },
    /// The application comes late with its wish to reject the pair.
    Reject,
    /// The server shuts down.
    Close,
}

impl RelayScript {
    /// The relay keeps to the contract, loses no byte before the copying begins, reports the end once and as it was,
    /// and ends when the server does.
    pub fn play(&self) {
        let Script { setup, ops } = &self.0;
        let now = Instant::now();
        let mut run = Run::begin(now, setup);
        for op in ops {
            run.take(op);
            run.check();
        }
        run.take(&Op::Close);
        run.check();
        assert!(run.report.is_some(), "the relay goes on after the server's end");
    }
}

struct Run {
    bench: Bench<Relay>,
    dialer: ConnId,
    accepter: ConnId,
    rejected: bool,
    limits: ByteLimits,
    /// Since when bytes are copied.
    spliced: Option<Instant>,
    traffic: Traffic,
    report: Option<Box<RelayReport>>,
}

impl Run {
    fn begin(now: Instant, setup: &Setup) -> Run {
        let asks =
            |client: &Client| Asks { remote: client.remote.get(), self_addrs: client.self_addrs.list() };
        let mut config = LobbyConfig::default();
        config.idle_timeout = setup.idle_timeout.map(|secs| Duration::from_secs(u64::from(secs)));
        config.bytes = setup.limits.get();
        let limits = config.bytes;
        let first = role(setup.dialer_first);
        let Matched { relay, dialer, accepter, .. } =
            *pair(now, &asks(&setup.dialer), &asks(&setup.accepter), first, config);
        let mut bench = Bench::new(now, relay);
        bench.adopt(dialer, setup.dialer_first);
        bench.adopt(accepter, !setup.dialer_first);
        if let Some(status) = setup.rejects {
            let in_time = bench.machine.reject(now, &rejection(status));
            assert!(in_time, "nothing was polled, and yet it is too late to reject");
        }
        bench.drain();
        let rejected = setup.rejects.is_some();
        let traffic = Traffic::default();
        Run { bench, dialer, accepter, rejected, limits, spliced: None, traffic, report: None }
    }

    fn take(&mut self, op: &Op) {
        let now = self.bench.now;
        let copies = self.spliced.is_some() && self.report.is_none();
        match *op {
            Op::Deed(ref deed) => self.bench.act(deed),
            Op::Passed { to_accepter, to_dialer } if copies => {
                self.pass_on(to_accepter.into(), to_dialer.into());
            }
            Op::Complete if copies => self.copied(DataEnd::Complete),
            Op::Broken { dialer, fault } if copies => {
                let conn = if dialer { self.dialer } else { self.accepter };
                self.copied(DataEnd::Broken(conn, fault.kind()));
            }
            Op::Reject => {
                let in_time = self.bench.machine.reject(now, &rejection(403));
                assert!(!in_time, "a pair is rejected although it has been answered");
            }
            Op::Close => {
                self.bench.contract.called(now);
                self.bench.machine.close(now);
            }
            Op::Passed { .. } | Op::Complete | Op::Broken { .. } => {}
        }
        self.bench.settle();
    }

    /// As a driver does: it asks first, and tells what it has passed on.
    fn pass_on(&mut self, to_accepter: u64, to_dialer: u64) {
        let now = self.bench.now;
        let mut most = u64::MAX;
        if self.bench.machine.is_limited() {
            self.bench.contract.called(now);
            match self.bench.machine.allowance(now) {
                Allowance::Carry(bytes) => most = bytes,
                Allowance::Wait(at) => {
                    self.bench.drain();
                    assert!(at > now, "to wait until what has passed");
                    assert!(self.bench.deadline.is_some_and(|due| due <= at), "no deadline for what waits");
                    return;
                }
            }
            assert!(most > 0, "neither to wait nor to go on");
        }
        let to_accepter = to_accepter.min(most);
        self.traffic.to_accepter += to_accepter;
        self.traffic.to_dialer += to_dialer.min(most - to_accepter);
        self.bench.contract.called(now);
        self.bench.machine.handle_traffic(now, self.traffic);
    }

    fn copied(&mut self, end: DataEnd) {
        self.bench.contract.called(self.bench.now);
        self.bench.machine.handle_end(self.bench.now, self.traffic, end);
    }

    fn check(&mut self) {
        for event in std::mem::take(&mut self.bench.events) {
            match event {
                RelayEvent::Splice(splice) => self.check_splice(&splice),
                RelayEvent::Finished(report) => self.check_report(report),
                event => panic!("unknown event {event:?}"),
            }
        }
        if let Some(since) = self.spliced {
            self.check_limits(self.bench.now - since);
        }
    }

    /// No more than the rates allow in this time; and one byte too many is the end.
    fn check_limits(&self, copied_for: Duration) {
        let ByteLimits { rate, rate_per_pair, bytes_per_pair, .. } = self.limits;
        let carried = self.traffic.to_accepter + self.traffic.to_dialer;
        for rate in [rate, rate_per_pair].into_iter().flatten() {
            let paid = u128::from(rate.get()) * (copied_for + CREDIT).as_millis() / 1000;
            assert!(
                u128::from(carried) <= paid + GRANT,
                "{carried} bytes in {copied_for:?}, at {rate} a second"
            );
        }
        let too_many = bytes_per_pair.is_some_and(|most| carried > most.get());
        let ended = self.report.as_ref().is_some_and(|report| report.end == RelayEnd::OverLimit);
        assert_eq!(too_many, ended, "{carried} bytes, of {bytes_per_pair:?}");
    }

    /// What either side has sent behind its part is still to come, or is handed over.
    fn check_splice(&mut self, splice: &Splice) {
        assert!(self.spliced.is_none() && !self.rejected, "copied for the second time, or without need");
        self.spliced = Some(self.bench.now);
        let [Some(dialer), Some(accepter)] =
            [splice.dialer, splice.accepter].map(|conn| self.bench.wires.get(&conn))
        else {
            return;
        };
        let line = line_of(&dialer.said).expect("the dialer has said something");
        let behind = &dialer.said[line.len()..dialer.read];
        assert_eq!(behind, &splice.behind_command[..], "what the dialer said behind its command: {dialer:?}");
        assert!(
            line.trim_ascii().starts_with(b"CONTINUE"),
            "the dialer has not chosen the relay: {dialer:?}"
        );
        let early = &splice.early;
        assert_eq!(&accepter.said[..accepter.read], &early.data[..], "what the accepter said early");
        assert!(!early.eof || accepter.fin, "an end of stream that never came: {early:?}, {accepter:?}");
    }

    fn check_report(&mut self, report: Box<RelayReport>) {
        assert_eq!(report.traffic, self.traffic, "the traffic in the report");
        let relayed = report.end == RelayEnd::Relayed;
        assert!(self.spliced.is_some() || !relayed, "relayed, and yet nothing was copied");
        let rejected = report.end == RelayEnd::Rejected;
        let closed = report.end == RelayEnd::ShutDown;
        assert!(
            rejected == self.rejected || closed,
            "{:?} of a pair: rejected {}",
            report.end,
            self.rejected
        );
        assert!(self.report.replace(report).is_none(), "the relay has ended twice");
    }
}

impl Limits {
    fn get(self) -> ByteLimits {
        let [rate, rate_per_pair, bytes_per_pair] =
            [self.rate, self.rate_per_pair, self.bytes_per_pair].map(|limit| NonZeroU64::new(limit.into()));
        let mut limits = ByteLimits::default();
        (limits.rate, limits.rate_per_pair, limits.bytes_per_pair) = (rate, rate_per_pair, bytes_per_pair);
        limits
    }
}

fn rejection(status: u16) -> Reject {
    let status = StatusCode::from_u16(100 + status % 900).expect("three digits");
    Reject::Application(status, "not you two".into())
}

/// What pairs may make up for, and what they may carry at a time where rates are small.
const CREDIT: Duration = Duration::from_millis(100);
const GRANT: u128 = 1024;
