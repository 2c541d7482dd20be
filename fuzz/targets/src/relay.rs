//! A pair at the relay, with whatever may happen to it in whatever order.

use std::time::{Duration, Instant};

use arbitrary::Arbitrary;
use rdv_core::http::StatusCode;
use rdv_core::{ConnId, DataEnd, Matched, Reject, Relay, RelayEnd, RelayEvent, RelayReport, Splice, Traffic};

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
    /// Whether the application does not want it, and with which status.
    rejects: Option<u16>,
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
    /// The driver, which copies, has passed on so many more bytes.
    Passed { to_accepter: u8, to_dialer: u8 },
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
    spliced: bool,
    traffic: Traffic,
    report: Option<Box<RelayReport>>,
}

impl Run {
    fn begin(now: Instant, setup: &Setup) -> Run {
        let asks =
            |client: &Client| Asks { remote: client.remote.get(), self_addrs: client.self_addrs.list() };
        let idle_timeout = setup.idle_timeout.map(|secs| Duration::from_secs(u64::from(secs)));
        let first = role(setup.dialer_first);
        let Matched { relay, dialer, accepter, .. } =
            *pair(now, &asks(&setup.dialer), &asks(&setup.accepter), first, idle_timeout);
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
        Run { bench, dialer, accepter, rejected, spliced: false, traffic, report: None }
    }

    fn take(&mut self, op: &Op) {
        let now = self.bench.now;
        let copies = self.spliced && self.report.is_none();
        match *op {
            Op::Deed(ref deed) => self.bench.act(deed),
            Op::Passed { to_accepter, to_dialer } if copies => {
                self.traffic.to_accepter += u64::from(to_accepter);
                self.traffic.to_dialer += u64::from(to_dialer);
                self.bench.contract.called(now);
                self.bench.machine.handle_traffic(now, self.traffic);
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
    }

    /// What either side has sent behind its part is still to come, or is handed over.
    fn check_splice(&mut self, splice: &Splice) {
        assert!(!self.spliced && !self.rejected, "copied for the second time, or without need");
        self.spliced = true;
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
        assert!(self.spliced || !relayed, "relayed, and yet nothing was copied");
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

fn rejection(status: u16) -> Reject {
    let status = StatusCode::from_u16(100 + status % 900).expect("three digits");
    Reject::Application(status, "not you two".into())
}
