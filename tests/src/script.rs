//! Plays fixtures against a server.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;

use crate::answer::{Told, expect_matched, read_told, request};
use crate::fixture::{Actor, Case, Step, parse};
use crate::raw::RawConn;
use crate::server::settle;

/// Plays all cases of a fixture, several at a time, and returns how many there were.
///
/// # Panics
/// If any case fails; the message names every one that did, with its line.
pub fn play(file: &str, text: &str, server: SocketAddr) -> usize {
    let cases = parse(text);
    let count = cases.len();
    assert!(count > 0, "{file} has no cases");
    let queue = Mutex::new(VecDeque::from(cases));
    let faults = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(case) = queue.lock().unwrap().pop_front() else { return };
                    if let Err((line, fault)) = play_case(&case, server) {
                        faults.lock().unwrap().push(format!("{file}:{line}: {}: {fault}", case.name));
                    }
                }
            });
        }
    });
    let mut faults = faults.into_inner().unwrap();
    faults.sort();
    assert!(faults.is_empty(), "{} of {count} cases failed:\n{}", faults.len(), faults.join("\n"));
    count
}

/// Plays one case. An error is the line of the step that failed, and why.
fn play_case(case: &Case, server: SocketAddr) -> Result<(), (usize, String)> {
    let mut stage = Stage { server, target: format!("/t{}", case.line), conns: BTreeMap::new() };
    for (line, step) in &case.steps {
        catch_unwind(AssertUnwindSafe(|| stage.play(step))).map_err(|panic| {
            let fault = panic.downcast_ref::<String>().cloned();
            let fault = fault.or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string()));
            (*line, fault.unwrap_or_default())
        })?;
    }
    Ok(())
}

struct Stage {
    server: SocketAddr,
    target: String,
    conns: BTreeMap<Actor, RawConn>,
}

impl Stage {
    fn play(&mut self, step: &Step) {
        match step {
            Step::Connects(actor) => {
                self.conn(*actor);
            }
            Step::Asks(actor, method) => {
                let ask = request(method, &self.target, "");
                self.conn(*actor).send(ask);
                settle(self.server);
            }
            Step::Sends(actor, data, true) => self.conn(*actor).send_bytewise(data),
            Step::Sends(actor, data, false) => self.conn(*actor).send(data),
            Step::Receives(actor, data) => self.conn(*actor).expect(data),
            Step::Told(actor, status, code, body, fin) => {
                let conn = self.conn(*actor);
                assert_eq!(read_told(conn), Told::new(*status, code, body));
                if *fin {
                    conn.expect_eof();
                } else {
                    conn.expect_closed();
                }
            }
            Step::Matched(one, two) => {
                let mut second = self.take(*two);
                expect_matched(self.conn(*one), &mut second);
                self.conns.insert(*two, second);
            }
            Step::SeesNothing(actor) => self.conn(*actor).expect_silence(),
            Step::SeesEnd(actor) => self.conn(*actor).expect_eof(),
            Step::SeesReset(actor) => self.conn(*actor).expect_reset(),
            Step::CutOff(actor) => self.conn(*actor).expect_closed(),
            Step::Finishes(actor) => self.conn(*actor).finish(),
            Step::Closes(actor) => drop(self.take(*actor)),
            Step::Resets(actor) => self.take(*actor).reset(),
        }
    }

    fn conn(&mut self, actor: Actor) -> &mut RawConn {
        self.conns.entry(actor).or_insert_with(|| RawConn::connect(self.server))
    }

    fn take(&mut self, actor: Actor) -> RawConn {
        self.conns.remove(&actor).unwrap_or_else(|| panic!("{actor} has no connection"))
    }
}

/// Cases that are played at the same time: most of their time is waiting.
const AT_ONCE: usize = 8;
